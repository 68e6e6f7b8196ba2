#!/bin/sh
# Fills the volumes below /secrets on the first start; `show` prints Grafana's password.
set -eu
[ "${1:-}" = show ] && { echo "Grafana: user admin, password $(cat /secrets/grafana/password)"; exit 0; }
[ -s /secrets/grafana/password ] && exit 0

word() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
give() { # folder file value owner
  mkdir -p "/secrets/$1"
  printf '%s' "$3" > "/secrets/$1/$2"
  chown -R "$4" "/secrets/$1"; chmod 0400 "/secrets/$1/$2"; chmod 0500 "/secrets/$1"
}

gateway=$(word); edge=$(word); token=$(word)
mosquitto_passwd -b -c /tmp/users gateway "$gateway"
mosquitto_passwd -b /tmp/users gateway-backlog "$gateway"
mosquitto_passwd -b /tmp/users home-1 "$edge"
give broker users "$(cat /tmp/users)" 1883:1883
give gateway mqtt "$gateway" 10001:10001
give gateway influx-token "$token" 10001:10001
give edge mqtt "$edge" 10001:10001
give influx token "$token" 1000:1000
give influx password "$(word)" 1000:1000
# Grafana runs as 472 and reads InfluxDB with the same token
give grafana influx-token "$token" 472:0
give grafana password "$(word)" 472:0
