#!/usr/bin/env bash
# Fills a folder with the files of the image: config/deploy/container/context.sh PROGRAM FOLDER. The program is a static one.
set -euo pipefail
umask 022

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
program=$1
into=$2
certificates=/etc/ssl/certs/ca-certificates.crt
[ -f "$certificates" ] || { echo "context: $certificates is missing: install the package ca-certificates" >&2 && exit 1; }

mkdir -p "$into/state"
install -D -m 755 "$program" "$into/root/usr/bin/costwarden"
install -D -m 644 "$certificates" "$into/root$certificates"
install -D -m 644 -t "$into/root/usr/lib/costwarden/plugins" "$root"/plugins/dist/*.wasm
for rules in "$root"/rules/*/*.toml; do
    install -D -m 644 "$rules" "$into/root/etc/costwarden/rules/${rules#"$root/rules/"}"
done
install -D -m 644 "$root/LICENSE" "$into/root/usr/share/doc/costwarden/copyright"
mkdir -m 1777 "$into/root/tmp"
