#!/usr/bin/env bash
# test.sh [pytest arguments]: builds what is missing and runs the tests on real BlueZ.
# Where that cannot be had it says why in one line and succeeds; VOINTI_BLUEZ=required: it fails.
# VOINTI_UML_WITHIN_S: what is not built or not played by then is "not run", too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
within=${VOINTI_UML_WITHIN_S:-0} # 0: for ever
# On two idle cores a kernel takes some five minutes and the six scenes of CI one.
least=540 scenes=180
build=$((within > scenes ? within - scenes : within))

# not_run [WHY]: without a reason it was said before.
not_run() {
  [ $# -eq 0 ] || echo "not run: $*" >&2
  [ "${VOINTI_BLUEZ:-}" = required ] && exit 3
  exit 0
}

[ "$within" -eq 0 ] || [ "$within" -ge $least ] \
  || not_run "$within s are left, and to build a kernel and play on it takes $least"
code=0
timeout "$build" bash "$here/build.sh" || code=$?
[ $code -ne 3 ] || not_run
[ $code -ne 124 ] || not_run "the kernel was not built within $build s"
[ $code -eq 0 ] || not_run "the build ended with code $code"
cd "$clone"
left=$((within > SECONDS ? within - SECONDS : within))
# Ended as by a hand on the keyboard, so that no machine outlives its test.
timeout --signal INT --kill-after 30 "$left" \
  .venv/bin/python -m pytest -m bluez -n "${WORKERS:-2}" --dist worksteal tests/bluez "$@" || code=$?
case $code in
  124 | 137) not_run "the scenes had no trouble so far, but did not end within $left s" ;;
esac
exit $code
