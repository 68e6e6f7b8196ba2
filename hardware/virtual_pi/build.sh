#!/usr/bin/env bash
# Builds what boots, into .cache/virtual-pi. Run again, it does what is left to do.
# Ends with 3 and one line on standard error where that cannot be had on this machine.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ "$(uname -s)" = Linux ] || unavailable "Debian's packages are unpacked on Linux; this is $(uname -s)"
mkdir -p "$work"
programs qemu-system-aarch64:qemu-system-arm mcopy:mtools
bash "$here/kernel.sh"
bash "$here/wheels.sh"
bash "$here/program.sh"
bash "$here/root.sh"
bash "$here/overlay.sh"
say "ready: Linux $(cat "$work/kernel.version"), $(find "$work/wheels" -name '*.whl' | wc -l) wheels"
