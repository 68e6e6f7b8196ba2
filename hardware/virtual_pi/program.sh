#!/usr/bin/env bash
# $work/program.img, what is at /opt/vointi: what provision.sh makes of the wheels with pip, made here, for
# there it takes half an hour. provision.sh finds this version of the program and leaves it as it is.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
key=$(fingerprint hardware/virtual_pi/program.sh)-$(cat "$work/wheels.key")
done_already "$work/program.key" "$key" && exit 0

programs mke2fs:e2fsprogs
build=$work/program.build
rm -rf "$build" && mkdir -p "$build/program"

program() {
  local version base site
  version=versions/$(cd "$work/wheels" && sha256sum -- *.whl | sha256sum | cut -c1-16)
  base=$build/program/$version site=$build/program/$version/lib/python$python/site-packages
  mkdir -p "$site" "$base/bin"
  for wheel in "$work"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$site" || return; done
  for name in python python3 "python$python"; do ln -s "/usr/bin/python$python" "$base/bin/$name"; done
  printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' $python > "$base/pyvenv.cfg"
  printf '#!/opt/vointi/%s/bin/python\nimport sys\nfrom vointi_edge.cli import main\nsys.exit(main())\n' \
    "$version" > "$base/bin/vointi-edge"
  chmod 755 "$base/bin/vointi-edge"
  for name in current confirmed; do ln -s "$version" "$build/program/$name"; done
  PYTHONHOME=$work/tools/usr guest "$work/tools" "python$python" -m compileall -q \
    -s "$build/program" -p /opt/vointi "$site" || return
  rm -f "$work/program.img"
  PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L program -E root_owner=0:0 -d "$build/program" \
    "$work/program.img" 512M
}
say "installing the program"
(program) > "$work/program.log" 2>&1 || unavailable "the program was not installed ($work/program.log)"
rm -rf "$build"
echo "$key" > "$work/program.key"
