#!/usr/bin/env bash
# $work/wheels: what `make wheels` makes of the contract, the signals and the edge, for the machine's
# Python and processor, and every wheel that they need there, by the versions and hashes of
# requirements.lock. The extension is compiled here, by Debian's compiler for arm64.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$clone"
key=$(fingerprint hardware/virtual_pi/{wheels,lib}.sh requirements.lock {contract,edge}/pyproject.toml \
  $(git ls-files contract/vointi_contract edge/vointi_edge cython_ext hardware/catalogue \
    | while read -r file; do [ ! -f "$file" ] || echo "$file"; done))
done_already "$work/wheels.key" "$key" && exit 0

uv=$clone/.tools/bin/uv build=$work/wheels.build kept=$work/downloads
[ -x "$uv" ] || unavailable "the clone is not set up; say: make .stamps/dev"
programs aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
[ -e /usr/aarch64-linux-gnu/include/stdio.h ] || programs stdio.h:libc6-dev-arm64-cross
rm -rf "$build" && mkdir -p "$build/ours" "$kept"
: > "$work/wheels.log"

fetch() {
  # What needs what is judged for the machine: numpy's version depends on Python's.
  "$uv" pip compile --quiet --no-header --no-annotate --generate-hashes \
    --python "$clone/.venv/bin/python" --python-version $python \
    --python-platform aarch64-manylinux_2_28 --constraint requirements.lock \
    {contract,cython_ext,edge}/pyproject.toml -o "$build/needs.txt" || return
  sed -i '/^-e /d; /^\.\//d; /^file:/d' "$build/needs.txt"
  cmp -s "$build/needs.txt" "$kept/needs.txt" && return
  rm -f "$kept"/*.whl
  .tools/bin/python -m pip download --quiet --no-deps --require-hashes --only-binary :all: \
    --implementation cp --python-version $python --abi "cp${python/./}" --abi abi3 --abi none \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
    --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
    -d "$kept" -r "$build/needs.txt" && cp "$build/needs.txt" "$kept/needs.txt"
}
say "fetching wheels for aarch64 and Python $python"
fetch >> "$work/wheels.log" 2>&1 \
  || unavailable "the wheels for aarch64 cannot be fetched ($work/wheels.log)"

# The machine's own Python, as built for this processor, told that it builds for the other one.
tools() (
  key=$(fingerprint hardware/virtual_pi/wheels.sh hardware/uml/lib.sh)
  done_already "$work/tools.key" "$key" && exit 0
  rm -rf "$work/tools" "$work/arm64" && mkdir -p "$work/tools/site" "$work/arm64"
  unpack "$work/arm64" "libpython$python-dev"
  architecture=amd64 deb=$work/apt.amd64
  unpack "$work/tools" python3 "libpython$python-dev" libstdc++6
  "$uv" pip install --quiet --target "$work/tools/site" --python "$clone/.venv/bin/python" \
    --python-version $python --python-platform x86_64-manylinux_2_28 --only-binary :all: \
    --constraint requirements.lock setuptools cython numpy >> "$work/wheels.log" 2>&1 \
    || unavailable "the wheels for building cannot be fetched ($work/wheels.log)"
  cp -r "$work/arm64/usr/include/aarch64-linux-gnu" "$work/tools/usr/include/"
  cp "$work/arm64/usr/lib/python$python"/_sysconfigdata__aarch64-linux-gnu.py "$work/tools/site/"
  echo "$key" > "$work/tools.key"
)

cross() {
  cp -r cython_ext "$build/" && cd "$build/cython_ext" || return
  rm -rf build vointi_*/*.so vointi_*/*.c
  # Python's headers from the folder, the C library's own from the compiler
  mkdir -p "$build/include/aarch64-linux-gnu"
  cp -r "$work/tools/usr/include/aarch64-linux-gnu/python$python" "$build/include/aarch64-linux-gnu/"
  export CPATH=$build/include PYTHONHOME=$work/tools/usr PYTHONPATH=$work/tools/site
  export _PYTHON_HOST_PLATFORM=linux-aarch64
  export _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__aarch64-linux-gnu
  export CC=aarch64-linux-gnu-gcc LDSHARED="aarch64-linux-gnu-gcc -shared" PYTHONDONTWRITEBYTECODE=1
  guest "$work/tools" "python$python" setup.py -q bdist_wheel -d dist
}
# Kept for as long as its sources stay: the edge changes more often than they do.
signals() (
  key=$(fingerprint hardware/virtual_pi/wheels.sh hardware/uml/lib.sh $(git ls-files cython_ext))
  if ! done_already "$work/signals.key" "$key"; then
    say "compiling the extension for aarch64 (two minutes)"
    tools
    rm -rf "$work/signals"
    (cross) >> "$work/wheels.log" 2>&1 \
      || unavailable "the extension did not compile for aarch64 ($work/wheels.log)"
    mv "$build/cython_ext/dist" "$work/signals"
    echo "$key" > "$work/signals.key"
  fi
  cp "$work"/signals/*.whl "$build/ours/"
)
signals

say "building the wheels of contract and edge"
for member in contract edge; do
  cp -rL "$member" "$build/" # what building leaves beside the sources is no part of the clone
  "$uv" build --quiet --wheel --out-dir "$build/ours" "$build/$member" >> "$work/wheels.log" 2>&1 \
    || unavailable "the wheel of $member was not built ($work/wheels.log)"
done
rm -rf "$work/wheels" && mkdir "$work/wheels"
cp "$kept"/*.whl "$build"/ours/*.whl "$work/wheels/"
rm -rf "$build"
echo "$key" > "$work/wheels.key"
