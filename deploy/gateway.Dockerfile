# The gateway: no compiler, no Node.js and no root in the image that runs.
FROM python:3.13-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/tools && sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.txt \
 && /opt/tools/bin/pip install --no-cache-dir --require-hashes -r uv.txt
ENV VIRTUAL_ENV=/opt/vointi UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
RUN /opt/tools/bin/uv venv /opt/vointi \
 && /opt/tools/bin/uv pip install --constraint requirements.lock setuptools cython numpy
COPY contract ./contract
COPY cython_ext ./cython_ext
COPY gateway ./gateway
RUN /opt/tools/bin/uv pip install --constraint requirements.lock --no-build-isolation ./contract ./cython_ext './gateway[influx]' \
 && /opt/tools/bin/uv pip uninstall setuptools cython

FROM node:22-bookworm-slim AS assets
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/vointi vointi \
 && install -d -o vointi -g vointi /var/lib/vointi
COPY --from=build /opt/vointi /opt/vointi
COPY --from=assets /src/node_modules/uplot/dist/uPlot.esm.js /src/node_modules/uplot/dist/uPlot.min.css /src/node_modules/uplot/LICENSE /opt/vointi/lib/python3.13/site-packages/vointi_gateway/ui/static/vendor/
EXPOSE 8080
VOLUME /var/lib/vointi
ENV PATH=/opt/vointi/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["vointi-gateway"]
CMD ["serve", "--config", "/etc/vointi/gateway.toml"]
