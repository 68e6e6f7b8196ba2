# What the scripts of this folder share. Everything that they fetch and build stays in $work.
# shellcheck shell=bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
clone=$(cd "$here/../.." && pwd)
work=${VOINTI_UML:-$clone/.cache/uml}
# Debian 13: what Raspberry Pi OS stands on, with its BlueZ and its Python.
suite=trixie
python=3.13
deb=$work/apt

say() { echo "· $*" >&2; }

# One line for who cannot have it here, and the code that says so.
unavailable() { echo "not run: $*" >&2; exit 3; }

# timed WHAT COMMAND…: runs it here and says how long it took, by the clock and of the processors.
timed() {
  local TIMEFORMAT="· $1: %R s (%U + %S s of processor time)"
  shift
  time "$@"
}

# A file's worth of words that changes when any of the named files does.
fingerprint() { (cd "$clone" && cat "$@" | sha256sum | cut -c1-16); }

done_already() { [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# The mirror that this machine is configured with; VOINTI_DEBIAN_MIRROR names another one.
mirror() {
  if [ -n "${VOINTI_DEBIAN_MIRROR:-}" ]; then echo "$VOINTI_DEBIAN_MIRROR"; return; fi
  (
    . /etc/os-release
    [ "${ID:-}" = debian ] || exit 0
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null \
      | awk -v suite="${VERSION_CODENAME:-}" '$1 == suite { print $2; exit }'
  )
}

keyring() {
  local one
  for one in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
    if [ -e "$one" ]; then echo "[signed-by=$one] "; return; fi
  done
}

# apt with an installation of its own: an empty one, so that whatever a package needs is fetched.
apt() {
  local command=$1; shift
  "apt-$command" -qq -o Dir::State::status="$deb/status" -o Dir::State::lists="$deb/lists" \
    -o Dir::Cache="$deb" -o Dir::Cache::archives="$deb/archives" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::sourcelist="$deb/sources.list" -o APT::Sandbox::User= -o APT::Architecture="${architecture:-amd64}" \
    -o APT::Architectures="${architecture:-amd64}" \
    -o APT::Install-Recommends=false -o Acquire::Languages=none -o Acquire::Retries=2 \
    -o Dir::Etc::main=/dev/null -o Debug::NoLocking=1 "$@"
}

# Kernel and root are built side by side; apt serves one of them at a time.
alone() { (flock 9 && "$@") 9> "$work/apt.lock"; }

# The package lists of the suite and its backports.
apt_update() { alone update_once; }
update_once() {
  [ -e "$deb/updated" ] && return
  local from
  command -v apt-get >/dev/null || unavailable "no apt-get here: Debian's packages cannot be had"
  command -v dpkg-deb >/dev/null || unavailable "no dpkg-deb here: Debian's packages cannot be opened"
  from=$(mirror)
  [ -n "$from" ] || unavailable "no Debian mirror is configured; name one in VOINTI_DEBIAN_MIRROR"
  mkdir -p "$deb/lists/partial" "$deb/archives/partial"
  : > "$deb/status"
  printf "deb $(keyring)$from %s main\n" "$suite" "$suite-updates" "$suite-backports" \
    > "$deb/sources.list"
  say "reading Debian's package lists ($suite)"
  apt get update > "$work/apt.log" 2>&1 || unavailable "Debian's $suite cannot be reached ($work/apt.log)"
  touch "$deb/updated"
}

# Fetches the named packages with all that they need, and unpacks them into a folder.
unpack() { apt_update && alone fetch_and_open "$@"; }
fetch_and_open() {
  local into=$1 file; shift
  apt get install -y --download-only "$@" >> "$work/apt.log" 2>&1 \
    || unavailable "Debian's packages cannot be fetched ($work/apt.log)"
  # base-files has the links /bin → usr/bin that all others count on
  for file in "$deb"/archives/base-files_*.deb "$deb"/archives/*.deb; do
    [ ! -e "$file" ] || dpkg-deb -x "$file" "$into"
  done
  rm -f "$deb"/archives/*.deb
}

# A program of an unpacked folder, with that folder's own C library: the machine's may be older.
guest() {
  local root=$1 program=$2; shift 2
  "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" \
    "$root/usr/bin/$program" "$@"
}
