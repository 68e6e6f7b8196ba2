#!/usr/bin/env bash
# The tests drive a real broker, browser and databases; Debian's packages bring them.
set -eu
need=()
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || need+=(mosquitto)
command -v dbus-daemon >/dev/null || need+=(dbus-daemon)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || need+=(chromium)
# The tests of these databases and of a Pi's card are skipped without them, so they are no reason to fail.
wish=()
command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || wish+=(postgresql)
command -v influxd >/dev/null || wish+=(influxdb)
command -v mformat >/dev/null || wish+=(mtools)
[ ${#need[@]} -eq 0 ] && [ ${#wish[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ]; then run=(); elif sudo -n true 2>/dev/null; then run=(sudo -n); else
  [ ${#need[@]} -eq 0 ] && { echo "· ${wish[*]} is not installed; its tests skip"; exit 0; }
  echo "The tests need: ${need[*]}. Install them: sudo apt-get install -y ${need[*]}" >&2
  exit 1
fi
echo "· installing ${need[*]} ${wish[*]} (for the tests)"
# a policy that keeps the packages' own services from starting: the tests start their own
if [ ! -e /usr/sbin/policy-rc.d ] && [ "$(id -u)" -eq 0 ]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
"${run[@]}" apt-get update -qq
install() {
  DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}
[ ${#need[@]} -eq 0 ] || install "${need[@]}"
for name in ${wish[@]+"${wish[@]}"}; do
  if install "$name"; then "${run[@]}" systemctl disable -q --now "$name" 2>/dev/null || true
  else echo "· $name cannot be installed; its tests skip" >&2; fi
done
