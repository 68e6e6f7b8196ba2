#!/usr/bin/env bash
# Builds what boots: kernel and root directory, in .cache/uml. Run again, it does what is left to do.
# Ends with 3 and one line on standard error where that cannot be had on this machine.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] \
  || unavailable "User-Mode Linux runs on x86-64 Linux; this is $(uname -s) $(uname -m)"
mkdir -p "$work"
# Side by side: one waits for the network while the other computes.
bash "$here/root.sh" & root=$!
kernel=0
bash "$here/kernel.sh" || kernel=$?
wait $root
[ $kernel -eq 0 ] || exit $kernel
rm -rf "$work/try" && mkdir -p "$work/try"
echo 'echo "Linux $(uname -r), BlueZ $(/usr/libexec/bluetooth/bluetoothd --version)" > /share/is' \
  > "$work/try/run"
timeout 120 bash "$here/boot.sh" "$work/try" > "$work/try.log" 2>&1 \
  || unavailable "a User-Mode Linux does not run on this machine ($work/try.log)"
say "ready: $(cat "$work/try/is")"
