#!/bin/bash
# Run once by the kernel's command line, before there is a network: leaves the work to a service that
# waits for one, and takes itself out of the command line.
set -euo pipefail

boot=${VOINTI_BOOT:-/boot/firmware}
root=${VOINTI_ROOT:-}
share=$root/opt/vointi/share/provisioning
units=$root/etc/systemd/system

sed -i 's| systemd\.run=[^ ]*vointi[^ ]*||; s| systemd\.run_success_action=reboot||; s| systemd\.unit=kernel-command-line\.target||' \
  "$boot/cmdline.txt"
mkdir -p "$share" "$units/multi-user.target.wants"
cp -r "$boot/vointi/provisioning/." "$share/"
chmod 0755 "$share/provision.sh"
# The boot partition is FAT, which gives every file the mode of a program.
chmod 0644 "$share"/units/*
cp "$share/units/vointi-firstboot.service" "$units/"
ln -sf ../vointi-firstboot.service "$units/multi-user.target.wants/vointi-firstboot.service"
