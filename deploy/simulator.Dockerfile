# Simulated devices: a virtual radio and a serial line.
FROM python:3.13-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/tools && sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.txt \
 && /opt/tools/bin/pip install --no-cache-dir --require-hashes -r uv.txt
ENV VIRTUAL_ENV=/opt/vointi UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
RUN /opt/tools/bin/uv venv /opt/vointi \
 && /opt/tools/bin/uv pip install --constraint requirements.lock setuptools cython numpy
COPY firmware_sim ./firmware_sim
RUN /opt/tools/bin/uv pip install --constraint requirements.lock --no-build-isolation ./firmware_sim \
 && /opt/tools/bin/uv pip uninstall setuptools cython


FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/vointi vointi \
 && install -d -o vointi -g vointi /var/lib/vointi
COPY --from=build /opt/vointi /opt/vointi
EXPOSE 9300 9301
ENV PATH=/opt/vointi/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["vointi-sim"]
