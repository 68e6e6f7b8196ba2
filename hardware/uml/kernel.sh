#!/usr/bin/env bash
# Builds $work/linux, a User-Mode Linux with Bluetooth and simulated sensors, from Debian's source.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
key=$(fingerprint hardware/uml/{kernel.sh,kernel.config})
done_already "$work/kernel.key" "$key" && exit 0

for need in gcc make xz bc; do
  command -v "$need" >/dev/null || unavailable "no $need here: the kernel cannot be compiled"
done
build=$work/kernel.build
rm -rf "$build" && mkdir -p "$build/source" "$build/tools" "$build/bin"

apt_update
# Before 6.16 a User-Mode Linux dies on processors with AMX, and knows no seccomp mode, which is
# three times as fast.
package=$(apt cache search --names-only '^linux-source-[0-9.]+$' | cut -d' ' -f1 | sort -V | tail -1)
version=${package#linux-source-}
[ -n "$package" ] && [ "$(printf '6.16\n%s\n' "$version" | sort -V | head -1)" = 6.16 ] \
  || unavailable "Debian has no kernel source from 6.16 on in $suite-backports"

fetch() {
  (cd "$build" && alone apt get download "$package" >> "$work/apt.log" 2>&1) \
    || unavailable "$package cannot be fetched ($work/apt.log)"
}

# What no kernel of ours compiles is left out: that halves the time and a third of the room.
open() {
  dpkg-deb --fsys-tarfile "$build"/linux-source-*.deb | tar -xO "./usr/src/$package.tar.xz" \
    | xz -dc | tar -x -C "$build/source" --strip-components=1 --wildcards \
      --exclude="$package/arch/[!ux]*/*.[chS]" --exclude="$package/arch/xtensa/*.[chS]" \
      --exclude="$package/arch/*.dts*" --exclude="$package/Documentation/*/*" \
      --exclude="$package/tools/[pt]*/*" --exclude="$package/samples/*.[ch]" \
      --exclude="$package/sound/*.[ch]" --exclude="$package/drivers/[agmnpsuvw]*/*/*.[ch]"
  rm "$build"/linux-source-*.deb
}

compilers() {
  unpack "$build/tools" flex bison m4
  for tool in flex bison m4; do
    printf '#!/bin/bash\n. %q\nguest %q %s "$@"\n' "$here/lib.sh" "$build/tools" "$tool" \
      > "$build/bin/$tool"
    chmod +x "$build/bin/$tool"
  done
  export PATH=$build/bin:$PATH M4=$build/bin/m4 BISON_PKGDATADIR=$build/tools/usr/share/bison
}

compile() {
  (
    cd "$build/source"
    make ARCH=um KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig
    make ARCH=um -j"$(nproc)" linux modules
  ) > "$work/kernel.log" 2>&1 \
    || unavailable "the kernel did not compile; its last words are in $work/kernel.log"
}

say "building Linux $version (some minutes; $work/kernel.log)"
timed "kernel source, fetched" fetch
timed "kernel source, opened" open
timed "tools to configure it" compilers
timed "kernel compiled" compile
while read -r option; do
  grep -qxF "$option" "$build/source/.config" || say "Linux $version has no $option"
done < <(grep '^CONFIG_' "$here/kernel.config")
strip -o "$work/linux" "$build/source/linux"
rm -rf "$work/modules" && mkdir -p "$work/modules"
find "$build/source/drivers" -name '*.ko' -exec cp {} "$work/modules/" \;
echo "$version" > "$work/kernel.version"
rm -rf "$build"
echo "$key" > "$work/kernel.key"
