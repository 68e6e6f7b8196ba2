#!/usr/bin/env bash
# $work/root.img, the card's second partition as it is before any of ours: Debian 13 for arm64 with the
# packages that Raspberry Pi OS Lite has and an edge needs. They are unpacked here, as root (it is they
# who own files), and configured inside the emulated machine: nothing foreign runs on this one.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
programs mke2fs:e2fsprogs
key=$(fingerprint hardware/virtual_pi/{root,register,kernel}.sh hardware/virtual_pi/{second-stage,init})

done_already "$work/root.key" "$key" && exit 0

as_root=(env "PATH=$PATH:/usr/sbin:/sbin")
if [ "$(id -u)" -ne 0 ]; then
  sudo -n true 2>/dev/null || unavailable "to own files as root takes root: sudo make virtual-pi"
  as_root=(sudo -n "${as_root[@]}")
fi
tree=$work/root.build debs=$work/debs
packages=(systemd-sysv udev dbus bluez rfkill kmod iproute2 procps python3 python3-venv)

if ! done_already "$debs/key" "${packages[*]}"; then
  say "fetching Debian 13 for arm64"
  apt_update
  rm -rf "$debs" && mkdir "$debs"
  apt get install -y --download-only '?essential' '?priority(required)' "${packages[@]}" \
    >> "$work/apt.log" 2>&1 || unavailable "Debian's packages cannot be fetched ($work/apt.log)"
  mv "$deb"/archives/*.deb "$debs/"
  echo "${packages[*]}" > "$debs/key"
fi
say "unpacking it"
"${as_root[@]}" rm -rf "$tree"
"${as_root[@]}" bash "$here/register.sh" "$debs" "$tree" > "$work/root.log" 2>&1 \
  || unavailable "Debian's packages cannot be unpacked ($work/root.log)"
"${as_root[@]}" cp -r "$work/modules" "$tree/usr/lib/"
"${as_root[@]}" cp -r "$here/overlay/." "$tree/" # its units are enabled inside
"${as_root[@]}" install -m 755 "$here/second-stage" "$tree/second-stage"
rm -f "$work/root.img"
"${as_root[@]}" mke2fs -q -t ext4 -L rootfs -d "$tree" "$work/root.img" 3G
"${as_root[@]}" chown "$(id -u)" "$work/root.img"
"${as_root[@]}" rm -rf "$tree"

say "configuring it inside the emulated machine (some minutes, once; $work/root.console)"
emulate "$work/root.img" "$work/root.console" 3600 2>> "$work/root.log" || true
grep -q "second stage: done" "$work/root.console" \
  || unavailable "Debian's packages were not configured ($work/root.console)"
rm -f "$work/overlay.key"
echo "$key" > "$work/root.key"
