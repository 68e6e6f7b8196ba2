#!/usr/bin/env bash
# Fuzzes the compiled routines in a build with the address and undefined-behaviour sanitizers.
# Usage: tools/sanitize.sh [pytest arguments]; everything stays in build/sanitize.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
python=${PYTHON:-$root/.venv/bin/python}
work=$root/build/sanitize
# Room for many times what it takes; a hang must not hold up the build.
limit=${SANITIZE_SECONDS:-240}

# gcc prints the bare name of a file that it does not have.
runtime=$(gcc -print-file-name=libasan.so 2>/dev/null || true)
if [ ! -e "$runtime" ]; then
  echo "sanitize: gcc and its libasan are needed (Debian: apt install gcc)" >&2
  exit 1
fi

# The C that the ordinary build generated is taken over: cp -p keeps the times it is judged by.
mkdir -p "$work"
cp -pu cython_ext/setup.py cython_ext/pyproject.toml "$work/"
for package in vointi_signals vointi_codec; do
  mkdir -p "$work/$package"
  find "cython_ext/$package" -maxdepth 1 -type f \
    \( -name '*.py' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.h' -o -name '*.c' -o -name '*.toml' \) \
    -exec cp -pu {} "$work/$package/" \;
done

echo "· compiling with sanitizers"
(cd "$work" && CC=gcc VOINTI_SANITIZE=1 "$python" setup.py -q build_ext --inplace)

# The interpreter itself leaks on purpose at its end; what is hunted here is memory misused.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export PYTHONPATH=$work PYTHONMALLOC=malloc VOINTI_FUZZ_PATH=$work
# libstdc++ must be there before a module that throws is loaded, or the runtime aborts on it.
preload="$runtime $(gcc -print-file-name=libstdc++.so)"
# Where the kernel scatters addresses more widely than gcc 12's runtime expects, a start in a
# hundred fails; without scattering none does. Not every container allows it.
steady=(setarch "$(uname -m)" --addr-no-randomize)
"${steady[@]}" true 2>/dev/null || steady=()

echo "· fuzzing"
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(tests/signals/test_fuzz.py tests/codec/test_frame_columns.py tests/contract/test_packed.py)
exec timeout "$limit" "${steady[@]}" env LD_PRELOAD="$preload" \
  "$python" -m pytest -q -p no:cacheprovider -n 2 --max-worker-restart 0 --capture=sys "${targets[@]}"
