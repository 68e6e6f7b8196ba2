#!/usr/bin/env bash
# Makes a freshly written Raspberry Pi OS Lite card turn itself into an edge at its first boot.
#
#   ./prepare-card.sh --boot /media/me/bootfs --from FOLDER --wheels dist
#
# FOLDER is what provision.sh takes. Nothing but the card's boot partition is written.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
boot="" from="" wheels=""
readonly run="systemd.run=/boot/firmware/vointi/first-boot.sh"
readonly words="$run systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"

fail() { printf 'prepare-card: %s\n' "$*" >&2; exit 2; }

while (($#)); do
  case $1 in
    --boot) boot=${2:?--boot needs a folder}; shift 2 ;;
    --from) from=${2:?--from needs a folder}; shift 2 ;;
    --wheels) wheels=${2:?--wheels needs a folder}; shift 2 ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done
[[ -f $boot/cmdline.txt ]] || fail "${boot:-(nothing)}: no boot partition; it has cmdline.txt"
[[ -f $from/edge.toml ]] || fail "${from:-(nothing)}/edge.toml: not found"
compgen -G "$wheels/vointi_edge-*.whl" >/dev/null || fail "${wheels:-(nothing)}: no wheels; make wheels"

mkdir -p "$boot/vointi/wheels" "$boot/vointi/provisioning/units"
cp "$here"/provision.sh "$boot/vointi/provisioning/"
cp "$here"/units/* "$boot/vointi/provisioning/units/"
cp "$here"/first-boot.sh "$boot/vointi/"
cp "$wheels"/*.whl "$boot/vointi/wheels/"
for name in "$from"/edge.toml "$from"/ticket "$from"/gateway "$from"/password "$from"/*.keys "$from"/*.pem; do
  [[ ! -f $name ]] || cp "$name" "$boot/vointi/"
done
grep -q "$run" "$boot/cmdline.txt" || sed -i "1s|\$| $words|" "$boot/cmdline.txt"
printf 'the card is ready: put it into the Pi and give it power\n'
