#!/usr/bin/env bash
# register.sh DEBS TREE: unpacks packages of another architecture as dpkg does, without running anything
# of theirs: they are "unpacked", and `dpkg --configure -a` inside the machine ends it.
set -euo pipefail
debs=$1 tree=$2 info=$2/var/lib/dpkg/info
control=$(mktemp -d)
trap 'rm -rf "$control"' EXIT

field() { sed -n "s/^$1: //p" "$control/control"; }

# The files of the system's own that came as they are, with the sums by which dpkg knows them.
conffiles() {
  [ -e "$control/conffiles" ] || return 0
  echo "Conffiles:"
  local path
  while read -r path; do
    [ ! -f "$tree$path" ] || echo " $path $(md5sum < "$tree$path" | cut -d' ' -f1)"
  done < <(grep '^/' "$control/conffiles")
}

register() {
  local file=$1 id name
  rm -rf "$control" && dpkg-deb -e "$file" "$control"
  id=$(field Package)
  [ "$(field Multi-Arch)" != same ] || id=$id:$(field Architecture)
  for name in "$control"/*; do
    [ "${name##*/}" = control ] || cp -p "$name" "$info/$id.${name##*/}"
  done
  dpkg-deb --fsys-tarfile "$file" | tar -t | sed 's|^\.||; s|/$||; s|^$|/.|' > "$info/$id.list"
  {
    sed "s/^Package: .*/&\nStatus: install ok unpacked/" "$control/control"
    conffiles
    echo
  } >> "$tree/var/lib/dpkg/status"
}

mkdir -p "$tree"
# base-files has the links /bin → usr/bin that all others count on
for file in "$debs"/base-files_*.deb "$debs"/*.deb; do dpkg-deb -x "$file" "$tree"; done
mkdir -p "$info" "$tree"/var/lib/dpkg/{updates,triggers,alternatives,parts} "$tree"/{share,boot/firmware}
: > "$tree/var/lib/dpkg/status"
: > "$tree/var/lib/dpkg/available"
echo 1 > "$info/format"
echo arm64 > "$tree/var/lib/dpkg/arch"
for file in "$debs"/*.deb; do register "$file"; done
# What the first scripts count on before the packages that bring it are configured.
cp "$tree/usr/share/base-passwd/passwd.master" "$tree/etc/passwd"
cp "$tree/usr/share/base-passwd/group.master" "$tree/etc/group"
ln -sf mawk "$tree/usr/bin/awk"
