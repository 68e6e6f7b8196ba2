#!/usr/bin/env bash
# Builds $work/root, the root directory: Debian's BlueZ, D-Bus, Mosquitto and Python, and the wheels
# that the edge and the simulator need. Our own code is not in it: the clone itself is mounted.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
key=$(fingerprint hardware/uml/{root.sh,lib.sh,clock.c,init} requirements.lock \
  {contract,edge,firmware_sim}/pyproject.toml cython_ext/setup.py \
  cython_ext/vointi_signals/*.{pyx,pxd,h,py})
done_already "$work/root.key" "$key" && exit 0

uv=$clone/.tools/bin/uv
[ -x "$uv" ] || unavailable "the clone is not set up; say: make .stamps/dev"
command -v gcc >/dev/null || unavailable "no gcc here: the signal core cannot be compiled"
root=$work/root
rm -rf "$root" "$work/root.build" && mkdir -p "$root" "$work/root.build"

say "building the root directory"
timed "root: Debian's BlueZ, Mosquitto and Python" unpack "$root" bluez dbus-daemon dbus-system-bus-common mosquitto python3 libpython$python-dev \
  dash coreutils mount kmod iproute2 grep sed e2fsprogs libstdc++6

wheels() {
  local into=$1; shift
  "$uv" pip install --quiet --target "$into" --python "$clone/.venv/bin/python" \
    --python-version $python --python-platform x86_64-manylinux_2_28 --only-binary :all: \
    --constraint "$clone/requirements.lock" "$@" >> "$work/root.log" 2>&1 \
    || unavailable "the wheels for Python $python cannot be fetched ($work/root.log)"
}
needs=$("$clone/.venv/bin/python" - "$clone"/{contract,cython_ext,edge,firmware_sim}/pyproject.toml <<'PY'
import sys, tomllib
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        for need in tomllib.load(file)["project"].get("dependencies", []):
            if not need.startswith("vointi-"):
                print(need)
PY
)
mapfile -t list <<< "$needs"
timed "root: wheels of Python $python" wheels "$root/opt/site" "${list[@]}"
wheels "$work/root.build/tools" setuptools cython

# Our members are not installed; what they are called and their version is asked for all the same.
"$clone/.venv/bin/python" - "$root/opt/site" "$clone"/{contract,cython_ext,edge,firmware_sim} <<'PY'
import sys, tomllib
from pathlib import Path
site, *members = map(Path, sys.argv[1:])
for member in members:
    about = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    folder = site / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    )
PY

compile() (
  cp -pr "$clone/cython_ext/setup.py" "$clone/cython_ext/vointi_signals" "$work/root.build/"
  cd "$work/root.build"
  rm -f vointi_signals/*.so
  # the C that was generated for the clone's own Python serves this one, too
  touch vointi_signals/*.c 2>/dev/null || true
  # Python's headers from the root, the C library's own from this machine
  mkdir -p include/x86_64-linux-gnu
  cp -r "$root/usr/include/x86_64-linux-gnu/python$python" include/x86_64-linux-gnu/
  export CPATH=$work/root.build/include
  export PYTHONHOME=$root/usr PYTHONPATH=$work/root.build/tools:$root/opt/site
  export PYTHONDONTWRITEBYTECODE=1 CC=gcc LDSHARED="gcc -shared"
  # nothing is measured here: what compiles in half the time will do
  export CFLAGS=-O1
  guest "$root" "python$python" setup.py -q build_ext --inplace
)
core() {
  compile >> "$work/root.log" 2>&1 || unavailable "the signal core did not compile ($work/root.log)"
}
timed "root: signal core, compiled" core
gcc -O2 -Wall -shared -fPIC -o "$root/opt/clock.so" "$here/clock.c" >> "$work/root.log" 2>&1 \
  || unavailable "clock.c did not compile ($work/root.log)"
mkdir -p "$root/opt/signals/vointi_signals"
cp "$work"/root.build/vointi_signals/*.{py,so} "$root/opt/signals/vointi_signals/"
rm -rf "$work/root.build"

# What installing would have done: users, an identity, places to mount on.
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
echo 'messagebus:x:100:101::/nonexistent:/usr/sbin/nologin' >> "$root/etc/passwd"
echo 'systemd-network:x:101:102::/:/usr/sbin/nologin' >> "$root/etc/passwd"
printf 'messagebus:x:101:\nbluetooth:x:102:\n' >> "$root/etc/group"
echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
echo '127.0.0.1 localhost' > "$root/etc/hosts"
ln -sfn python$python "$root/usr/bin/python3"
mkdir -p "$root"/{proc,sys,dev,run,tmp,clone,share,pyc,disk,modules,var/lib/bluetooth}
rm -rf "$root/var/run" && ln -s /run "$root/var/run"
rm -rf "$root"/usr/share/{doc,man,locale,info,i18n} "$root"/usr/lib/x86_64-linux-gnu/*.a
cp "$here/init" "$root/init"
chmod 755 "$root/init"
mkdir -p "$work/pyc"
echo "$key" > "$work/root.key"
