#!/usr/bin/env bash
# Fuzzes the signal core in a build with the address and undefined-behaviour sanitizers.
# Usage: tools/sanitize.sh [pytest arguments]; everything stays in build/sanitize.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
python=${PYTHON:-$root/.venv/bin/python}
work=$root/build/sanitize
# Room for twice what it takes on two cores; a hang must not hold up the build.
limit=${SANITIZE_SECONDS:-240}

mkdir -p "$work/vointi_signals"
cp -u cython_ext/setup.py cython_ext/pyproject.toml "$work/"
find cython_ext/vointi_signals -maxdepth 1 -type f \
  \( -name '*.py' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.toml' \) \
  -exec cp -u {} "$work/vointi_signals/" \;

echo "· compiling with sanitizers"
(cd "$work" && VOINTI_SANITIZE=1 "$python" setup.py -q build_ext --inplace)

runtime=$(gcc -print-file-name=libasan.so)
test -e "$runtime" || { echo "sanitize: no libasan beside gcc; install it" >&2; exit 1; }

# The interpreter itself leaks on purpose at its end; what is hunted here is memory misused.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# libstdc++ must be there before a module that throws is loaded, or the runtime aborts on it.
export LD_PRELOAD="$runtime $(gcc -print-file-name=libstdc++.so)"
export PYTHONPATH=$work PYTHONMALLOC=malloc VOINTI_FUZZ_PATH=$work

echo "· fuzzing"
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(tests/signals/test_fuzz.py)
exec timeout "$limit" "$python" -m pytest -q -p no:cacheprovider "${targets[@]}"
