#!/usr/bin/env bash
# test.sh [pytest arguments]: builds what is missing and runs the tests on real BlueZ.
# Where that cannot be had it says why in one line and succeeds; VOINTI_BLUEZ=required: it fails.
# VOINTI_UML_WITHIN_S: what is not built by then cannot be had, either.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
code=0
timeout "${VOINTI_UML_WITHIN_S:-3600}" bash "$here/build.sh" || code=$?
if [ $code -eq 124 ]; then
  echo "not run: the kernel was not built within $VOINTI_UML_WITHIN_S s" >&2
  code=3
fi
if [ $code -eq 3 ] && [ "${VOINTI_BLUEZ:-}" != required ]; then exit 0; fi
[ $code -eq 0 ] || exit $code
cd "$clone"
exec .venv/bin/python -m pytest -m bluez -n "${WORKERS:-2}" --dist worksteal tests/bluez "$@"
