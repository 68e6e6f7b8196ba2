#!/usr/bin/env bash
# Turns a Raspberry Pi OS Lite (or Debian 12 and later) into a Vointi edge. Run it again at any time:
# it changes what differs and nothing else.
#
#   sudo ./provision.sh --from FOLDER [--wheels FOLDER] [--serial]
#   ./provision.sh --from FOLDER --prefix /tmp/tree      # into a tree, no system command
#   ./provision.sh --from FOLDER --dry-run               # only say what would be done
#
# FOLDER holds edge.toml and what it names: password, orders.keys, certificates (*.pem); or, to be
# enrolled, ticket and gateway (its https address); release.keys: whose updates are installed. A folder
# wheels/ in it is the default of --wheels.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
from="" wheels="" prefix="" dry=0 serial=0 changes=0
readonly user=vointi target=/opt/vointi etc=/etc/vointi state=/var/lib/vointi-edge
readonly credential=/etc/credstore.encrypted/vointi-edge.outbox-key

fail() { printf 'provision: %s\n' "$*" >&2; exit 2; }
say() { printf '%s\n' "$*"; }

while (($#)); do
  case $1 in
    --from) from=${2:?--from needs a folder}; shift 2 ;;
    --wheels) wheels=${2:?--wheels needs a folder}; shift 2 ;;
    --prefix) prefix=${2:?--prefix needs a folder}; shift 2 ;;
    --dry-run) dry=1; shift ;;
    --serial) serial=1; shift ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) fail "unknown option $1; see --help" ;;
  esac
done

# A change: said, counted, and done unless this is a dry run.
change() {
  local what=$1
  shift
  changes=$((changes + 1))
  say "· $what"
  ((dry)) || "$@"
}

# A command of the system: never within a tree.
system() { [[ -n $prefix ]] || "$@"; }

file() { # file MODE SOURCE DESTINATION
  local mode=$1 source=$2 destination=$prefix$3
  if [[ -f $destination ]] && cmp -s "$source" "$destination" \
    && [[ $(stat -c %a "$destination") == "${mode#0}" ]]; then
    return
  fi
  # Run from where it was installed, what it would install is there already.
  if [[ $source -ef $destination ]]; then
    change "set the mode of $3" chmod "$mode" "$destination"
    return
  fi
  change "write $3" install -D -m "$mode" "$source" "$destination"
}

text() { # text MODE DESTINATION, content on stdin
  local temporary
  temporary=$(mktemp)
  cat >"$temporary"
  file "$1" "$temporary" "$2"
  rm -f "$temporary"
}

check_inputs() {
  [[ -n $from ]] || fail "--from FOLDER is missing; put edge.toml and its files there"
  [[ -f $from/edge.toml ]] || fail "$from/edge.toml: not found; write one (docs/operators)"
  grep -q "^data_dir *= *\"/var/lib/vointi-edge\"" "$from/edge.toml" \
    || fail "$from/edge.toml: data_dir: must be \"/var/lib/vointi-edge\""
  [[ -n $wheels || ! -d $from/wheels ]] || wheels=$from/wheels
  [[ -z $wheels || -d $wheels ]] || fail "$wheels: no such folder"
  if [[ -z $prefix ]] && ! ((dry)); then
    [[ $EUID -eq 0 ]] || fail "run it with sudo"
    command -v systemctl >/dev/null || fail "no systemd here; use Raspberry Pi OS or Debian"
  fi
}

packages() {
  local wanted=(bluez python3-venv rfkill) missing=() name
  for name in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q '^install ok' || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  change "install ${missing[*]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}

account() {
  id -u "$user" >/dev/null 2>&1 \
    || change "add user $user" useradd --system --no-create-home --home-dir /var/lib/vointi-edge \
      --shell /usr/sbin/nologin "$user"
  local group
  for group in bluetooth $( ((serial)) && echo dialout gpio); do
    getent group "$group" >/dev/null || continue
    id -nG "$user" 2>/dev/null | tr ' ' '\n' | grep -qx "$group" \
      || change "put $user into group $group" usermod -aG "$group" "$user"
  done
}

# A new version is installed beside the one in use; the switch is one rename.
program() {
  if [[ -z $wheels ]]; then
    [[ -n $prefix || -x $target/current/bin/vointi-edge ]] \
      || fail "no program: build it (make wheels) and give --wheels dist"
    return
  fi
  local version
  version=$(cd "$wheels" && sha256sum -- *.whl | sha256sum | cut -c1-16)
  [[ $(readlink "$prefix$target/current") != "versions/$version" ]] || return 0
  change "install the program ($version)" install_program "versions/$version"
}

install_program() {
  local version=$1 base=$prefix$target
  python3 -m venv --clear "$base/$version"
  "$base/$version/bin/python" -m pip install --quiet --find-links "$wheels" vointi-edge
  "$base/$version/bin/vointi-edge" --version >/dev/null
  if [[ -L $base/current ]]; then point "$base/previous" "$(readlink "$base/current")"; fi
  point "$base/current" "$version"
  point "$base/confirmed" "$version"
  local old
  for old in "$base"/versions/*; do
    [[ $old -ef $base/current || $old -ef $base/previous ]] || rm -rf -- "$old"
  done
}

point() { # LINK DESTINATION, at once
  ln -sfn "$2" "$1.new"
  mv -T "$1.new" "$1"
}

roll_back() {
  [[ -L $target/previous ]] || fail "the service does not start: journalctl -u vointi-edge"
  point "$target/current" "$(readlink "$target/previous")"
  point "$target/confirmed" "$(readlink "$target/previous")"
  systemctl restart vointi-edge.service
  fail "the service did not start with the new program; the one before is back"
}

key() {
  if [[ -n $prefix ]] || ! command -v systemd-creds >/dev/null; then
    file 0644 "$here/units/vointi-edge-plain-key.conf" \
      /etc/systemd/system/vointi-edge.service.d/plain-key.conf
    return
  fi
  [[ -f $credential ]] || change "make and seal the outbox's key" seal_key
}

# By the TPM where there is one, else by this machine's own secret.
seal_key() {
  install -d -m 0700 "$(dirname "$credential")"
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n' \
    | systemd-creds encrypt --name=outbox-key - "$credential"
}

configuration() {
  local source name mode
  # Whose releases are installed: not the service's to change.
  if [[ -f $from/release.keys ]]; then
    file 0644 "$from/release.keys" "$target/share/release.keys"
  fi
  for source in "$from"/edge.toml "$from"/password "$from"/*.keys "$from"/*.pem; do
    name=$(basename "$source")
    [[ -f $source && $name != release.keys ]] || continue
    mode=0600
    file "$mode" "$source" "$etc/$name"
  done
  ((dry)) && return
  system chown -R "$user:$user" "$etc"
  system chmod 0750 "$etc" # as the unit says of it
  system install -d -m 0700 -o "$user" -g "$user" "$state"
}

# A ticket is good once; whoever has a certificate already keeps it.
enrolment() {
  [[ -f $from/ticket && ! -f $state/identity/client.pem ]] || return 0
  [[ -f $from/gateway ]] || fail "$from/gateway: missing; one line: the gateway's https address"
  change "enrol at $(<"$from/gateway")" enrol
}

enrol() {
  runuser -u "$user" -- "$target/current/bin/vointi-edge" enrol --config "$etc/edge.toml" \
    --gateway "$(<"$from/gateway")" --ticket - <"$from/ticket"
}

units() {
  local unit
  for unit in vointi-edge.service vointi-clock-floor.service vointi-firstboot.service \
    vointi-update.service vointi-update.path vointi-bluetooth.service vointi-bluetooth.path \
    vointi-lights.service vointi-reset.service; do
    file 0644 "$here/units/$unit" "/etc/systemd/system/$unit"
  done
  if ((serial)); then
    file 0644 "$here/units/vointi-edge-serial.conf" \
      /etc/systemd/system/vointi-edge.service.d/serial.conf
  fi
  file 0755 "$here/provision.sh" "$target/share/provisioning/provision.sh"
  for unit in "$here"/units/*; do
    file 0644 "$unit" "$target/share/provisioning/units/$(basename "$unit")"
  done
}

# The box restarts itself when the kernel hangs; its journal leaves room on the card.
machine() {
  text 0644 /etc/systemd/system.conf.d/vointi.conf <<'END'
[Manager]
RuntimeWatchdogSec=15
END
  text 0644 /etc/systemd/journald.conf.d/vointi.conf <<'END'
[Journal]
SystemMaxUse=64M
END
}

start() {
  ((dry)) && return
  system ln -sfn "$target/current/bin/vointi-edge" /usr/local/bin/vointi-edge
  system "$target/current/bin/vointi-edge" check --config "$etc/edge.toml"
  system systemctl daemon-reload
  system rfkill unblock bluetooth || say "· no radio switch here"
  system systemctl enable --quiet vointi-clock-floor.service vointi-edge.service \
    vointi-firstboot.service vointi-update.service
  system systemctl enable --quiet --now vointi-update.path vointi-bluetooth.path vointi-lights.service
  ((changes == 0)) || system systemctl restart vointi-edge.service || roll_back
}

# Anybody can read the boot partition's card: what was taken over must not stay there.
tidy() {
  [[ $from == /boot/* ]] || return 0
  ((dry)) || rm -f -- "$from"/edge.toml "$from"/ticket "$from"/password "$from"/*.keys "$from"/*.pem
}

check_inputs
system packages
system account
program
key
configuration
system enrolment
units
machine
start
tidy
if ((dry)); then say "$changes changes would be made"; else say "$changes changes made"; fi
