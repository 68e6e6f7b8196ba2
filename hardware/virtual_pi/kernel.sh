#!/usr/bin/env bash
# Debian's arm64 kernel as it is ($work/vmlinuz), the modules that the machine can use, and an initrd
# with the few that lead to its disk.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
key=$(fingerprint hardware/virtual_pi/kernel.sh hardware/virtual_pi/init)
done_already "$work/kernel.key" "$key" && exit 0

programs depmod:kmod cpio:cpio xz:xz-utils
build=$work/kernel.build
rm -rf "$build" && mkdir -p "$build/debs" "$build/tree" "$build/initrd"/{bin,dev,proc,sys,root,modules}
apt_update
package=$(apt cache depends linux-image-arm64 | awk '/Depends:/ { print $2; exit }')
say "fetching $package"
(cd "$build/debs" && apt get download "$package" busybox-static >> "$work/apt.log" 2>&1) \
  || unavailable "$package cannot be fetched ($work/apt.log)"
for file in "$build"/debs/*.deb; do dpkg-deb -x "$file" "$build/tree"; done
cp "$build"/tree/boot/vmlinuz-* "$work/vmlinuz"

version=$(ls "$build/tree/usr/lib/modules")
modules=$build/tree/usr/lib/modules/$version
# What an emulated board has no use for is two thirds of the modules.
for folder in gpu media infiniband scsi staging net/wireless net/ethernet mtd mmc clk pinctrl usb; do
  rm -rf "$modules/kernel/drivers/$folder"
done
rm -rf "$modules/kernel/sound"
depmod -b "$build/tree/usr" "$version"
rm -rf "$work/modules" && mkdir "$work/modules" && cp -a "$modules" "$work/modules/"

cp "$build/tree/usr/bin/busybox" "$build/initrd/bin/"
for module in crypto/crc32c_generic lib/crc16 fs/mbcache fs/jbd2/jbd2 fs/ext4/ext4 \
  drivers/block/virtio_blk; do
  xz -dc "$modules/kernel/$module.ko.xz" > "$build/initrd/modules/$(basename "$module").ko"
done
install -m 755 "$here/init" "$build/initrd/init"
(cd "$build/initrd" && find . | cpio -o -H newc --quiet) | gzip -1 > "$work/initrd.img"
echo "$version" > "$work/kernel.version"
rm -rf "$build"
echo "$key" > "$work/kernel.key"
