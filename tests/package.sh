#!/usr/bin/env bash
# Runs a command with a Debian package of what was built, and with a clean Debian to install it in: package.sh CMD...
# Without root or Debian's mirror the suite is skipped, aloud.
#
#   COSTWARDEN_TEST_DEB            the package, built twice: it and its twin in the folder beside it have the same bytes
#   COSTWARDEN_TEST_DEB_TWIN
#   COSTWARDEN_TEST_DEBIAN         a folder with a minimal Debian 12, to be copied
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/target/services
mirror=${COSTWARDEN_DEBIAN_MIRROR:-http://deb.debian.org/debian}

say() { printf 'package: %s\n' "$*" >&2; }

# debootstrap is a shell script: unpacked, it runs as well as installed.
clean_debian() {
    local work=$cache/debian.work
    [ ! -x "$cache/debian/usr/bin/dpkg" ] || return 0
    [ "$(id -u)" = 0 ] || { say 'SKIPPED, a clean Debian needs root'; return 1; }
    command -v apt-get >/dev/null || { say 'SKIPPED, debootstrap cannot be had without apt'; return 1; }
    say 'making a minimal Debian 12, once (about a minute)'
    rm -rf "$work"
    mkdir -p "$work"
    (
        cd "$work"
        apt-get download -q debootstrap || { apt-get update -q && apt-get download -q debootstrap; }
        dpkg-deb -x debootstrap_*.deb tree
        DEBOOTSTRAP_DIR=$work/tree/usr/share/debootstrap tree/usr/sbin/debootstrap --variant=minbase --include=adduser,ca-certificates \
            bookworm "$work/debian" "$mirror"
        rm -rf debian/var/cache/apt/archives/*.deb debian/var/lib/apt/lists/*
    ) >"$cache/debootstrap.log" 2>&1 || { say "SKIPPED, debootstrap failed: see $cache/debootstrap.log"; return 1; }
    mv "$work/debian" "$cache/debian"
    rm -rf "$work"
}

mkdir -p "$cache"
exec 9>"$cache/debian.lock"
flock 9
COSTWARDEN_TEST_DEB=$("$root/config/deploy/deb/build.sh")
COSTWARDEN_TEST_DEB_TWIN=$("$root/config/deploy/deb/build.sh" "$root/target/debian/twin")
export COSTWARDEN_TEST_DEB COSTWARDEN_TEST_DEB_TWIN
if clean_debian; then
    export COSTWARDEN_TEST_DEBIAN=$cache/debian
fi
exec 9>&-
exec "$@"
