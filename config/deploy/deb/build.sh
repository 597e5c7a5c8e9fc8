#!/usr/bin/env bash
# Makes a Debian package of what was built: config/deploy/deb/build.sh [FOLDER], target/debian without it. No network, no root.
# The same build gives the same bytes: times are those of the last commit, or SOURCE_DATE_EPOCH.
#
# The script needs the host (COSTWARDEN names the program, else target/release/costwarden) and plugins/dist; `make deb` builds
# a static program, so that the package depends on no C library.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
costwarden=${COSTWARDEN:-${CARGO_TARGET_DIR:-$root/target}/release/costwarden}
into=${1:-$root/target/debian}
here=$root/config/deploy

die() {
    printf 'deb: %s\n' "$*" >&2
    exit 1
}

[ -x "$costwarden" ] || die "$costwarden is missing: run make build first"
compgen -G "$root/plugins/dist/*.wasm" >/dev/null || die 'plugins/dist is empty: run make build first'
command -v dpkg-deb >/dev/null || die 'dpkg-deb is missing: it is in the Debian package dpkg'
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || true)}
[ -n "$SOURCE_DATE_EPOCH" ] || die 'the time of the last commit is not known: set SOURCE_DATE_EPOCH to seconds since 1970'
export SOURCE_DATE_EPOCH

version=$("$costwarden" --version | awk '{ print $2 }')
architecture=$(dpkg --print-architecture)
# The newest symbols of the C library that the program needs; none if the program is static.
libc=$(grep -ao 'GLIBC_2\.[0-9]*' "$costwarden" | sort -uV | tail -n 1 || true)
libraries=
[ -z "$libc" ] || libraries=", libc6 (>= ${libc#GLIBC_}), libgcc-s1"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

put() { # MODE FILE PATH
    install -D -m "$1" "$2" "$tree/$3"
}
zipped() { # PATH, of what is read from standard input
    mkdir -p "$(dirname "$tree/$1")"
    gzip -9n >"$tree/$1"
}

put 755 "$costwarden" usr/bin/costwarden
for plugin in "$root"/plugins/dist/*.wasm; do
    put 644 "$plugin" "usr/lib/costwarden/plugins/$(basename "$plugin")"
done
put 644 "$root/config/costwarden.toml" etc/costwarden/costwarden.toml
# The jobs read their secrets from the file of the package.
sed -i 's|^# env_file = |env_file = |' "$tree/etc/costwarden/costwarden.toml"
put 640 "$here/deb/environment" etc/costwarden/environment
for rules in "$root"/rules/*/*.toml; do
    put 644 "$rules" "etc/costwarden/rules/${rules#"$root/rules/"}"
done
put 644 "$root/config/reference/kr/holidays.csv" etc/costwarden/reference/kr/holidays.csv
for schema in "$root"/docs/schema/*.json; do
    put 644 "$schema" "usr/share/costwarden/schema/$(basename "$schema")"
done
# The folder of the schemas in the package.
find "$tree/etc/costwarden" -name '*.toml' -exec sed -i 's|^#:schema .*/|#:schema /usr/share/costwarden/schema/|' {} +
for unit in "$here"/systemd/costwarden-*; do
    put 644 "$unit" "lib/systemd/system/$(basename "$unit")"
done
put 644 "$here/logrotate/costwarden" etc/logrotate.d/costwarden

pages=$(mktemp -d)
"$costwarden" manual "$pages"
for page in "$pages"/*.1; do
    zipped "usr/share/man/man1/$(basename "$page").gz" <"$page"
done
rm -rf "$pages"
mkdir -p "$tree"/usr/share/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
"$costwarden" completions bash >"$tree/usr/share/bash-completion/completions/costwarden"
"$costwarden" completions zsh >"$tree/usr/share/zsh/vendor-completions/_costwarden"
"$costwarden" completions fish >"$tree/usr/share/fish/vendor_completions.d/costwarden.fish"

put 644 "$here/deb/copyright" usr/share/doc/costwarden/copyright
put 644 "$here/README.md" usr/share/doc/costwarden/README.md
zipped usr/share/doc/costwarden/changelog.gz <"$root/CHANGELOG.md"

mkdir "$tree/DEBIAN"
for script in postinst prerm postrm; do
    install -m 755 "$here/deb/$script" "$tree/DEBIAN/$script"
done
(cd "$tree" && find etc -type f | sort | sed 's|^|/|') >"$tree/DEBIAN/conffiles"
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -print | sort | sed 's|^\./||' | xargs -d '\n' md5sum) \
    >"$tree/DEBIAN/md5sums"
size=$(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -print0 | du -k --apparent-size --files0-from=- -c | tail -n 1 | cut -f 1)
cat >"$tree/DEBIAN/control" <<CONTROL
Package: costwarden
Version: $version
Architecture: $architecture
Maintainer: The costwarden authors <costwarden@localhost>
Section: admin
Priority: optional
Installed-Size: $size
Depends: adduser, ca-certificates$libraries
Recommends: cron | systemd, logrotate, tzdata
Description: watches cloud bills and notifies people of cost anomalies
 Fetches billing data every hour and every day, keeps the raw documents, runs
 sandboxed detectors over the costs and tells people what they find. Detectors
 are WebAssembly, rules are TOML; neither needs the program to be built again.
CONTROL
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$into"
package=$into/costwarden_${version}_$architecture.deb
# One thread, since the cut into blocks is another with more.
dpkg-deb --root-owner-group --threads-max=1 -Zzstd --build "$tree" "$package" >&2
printf '%s\n' "$package"
