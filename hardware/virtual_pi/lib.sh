# What the scripts of this folder share, on top of what those of hardware/uml do.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../uml/lib.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=${VOINTI_VIRTUAL_PI:-$clone/.cache/virtual-pi}
architecture=arm64
deb=$work/apt

# The packages that bring what is missing here: by root or sudo, else the line to type.
programs() {
  local pair missing=()
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  ((${#missing[@]})) || return 0
  local run=()
  [ "$(id -u)" -eq 0 ] || run=(sudo -n)
  say "installing ${missing[*]}"
  if ! { "${run[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${run[@]}" \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"; } > "$work/apt.log" 2>&1; then
    unavailable "apt-get install ${missing[*]}"
  fi
}

# Boots the kernel with one disk, for a step of the build: no network, no radio. CONSOLE is its log.
emulate() { # DISK CONSOLE SECONDS
  timeout "$3" qemu-system-aarch64 -M virt -accel tcg,thread=multi -cpu cortex-a72 -smp 2 -m 1024 \
    -nodefaults -no-reboot -display none -serial "file:$2" -device virtio-rng-pci \
    -drive "if=none,id=card,file=$1,format=raw,cache=unsafe" -device virtio-blk-pci,drive=card \
    -kernel "$work/vmlinuz" -initrd "$work/initrd.img" \
    -append "console=ttyAMA0 panic=-1 mitigations=off quiet" < /dev/null
}
