#!/usr/bin/env bash
# boot.sh SHARE [KEY=VALUE …]: runs SHARE/run in the machine and ends with its exit code.
# REAL_TIME=1: time passes as outside; otherwise sleeping costs nothing. MEMORY=512M.
# CPU=1: all of it on that processor; only one thing in there computes at a time, and a system call
# costs a quarter less when it does not go from one processor to another and back.
# Further words go on the kernel's command line, e.g. ubd0=disk.img DISK=/dev/ubda
set -euo pipefail
. "$(dirname "$0")/lib.sh"
share=$(cd "$1" && pwd); shift
time="time-travel=inf-cpu CLOCK=virtual"
[ "${REAL_TIME:-0}" = 1 ] && time=
on=()
[ -z "${CPU:-}" ] || ! command -v taskset > /dev/null || on=(taskset -c "$CPU")
rm -f "$share/exit"
# The machine's memory is a file there: in memory it costs no disk. Containers have too little of it.
free=$(df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }' || true)
[ -w /dev/shm ] && [ "${free:-0}" -ge 2048 ] && export TMPDIR=/dev/shm
${on[@]+"${on[@]}"} "$work/linux" "mem=${MEMORY:-512M}" root=/dev/root rootfstype=hostfs \
  "rootflags=$work/root" ro init=/init con=null con0=null,fd:1 ssl=null quiet seccomp=on $time \
  "CLONE=$clone" "SHARE=$share" "PYC=$work/pyc" "MODULES=$work/modules" \
  "$@" < /dev/null
exit "$(cat "$share/exit" 2>/dev/null || echo 99)"
