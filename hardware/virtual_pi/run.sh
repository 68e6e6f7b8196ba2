#!/usr/bin/env bash
# run.sh [arguments of benchmarks]: builds what is missing, runs an edge on it, prints the table.
# Where that cannot be had it says why in one line and succeeds; VOINTI_VIRTUAL_PI_REQUIRED=1: it fails.
# Ends with 1 where it did not go through whole, or a goal of the table was missed.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
code=0
bash "$here/build.sh" || code=$?
if [ $code -eq 3 ] && [ "${VOINTI_VIRTUAL_PI_REQUIRED:-}" != 1 ]; then exit 0; fi
[ $code -eq 0 ] || exit $code
cd "$clone"
exec .venv/bin/python -m benchmarks --only virtual_pi --strict "$@"
