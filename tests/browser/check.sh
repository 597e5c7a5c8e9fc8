#!/usr/bin/env bash
# Checks the pages of `costwarden report` in Chromium: check.sh COSTWARDEN PLUGINS
# The pages are reports of a kept demo in both languages, of bills with 1,000 and 10,000 services, and of a real year. Chromium comes from
# PATH or from Debian, playwright-core and axe-core from npm into target/browser; without them the check is skipped, aloud.
# Screenshots and PDFs go to target/browser/screenshots.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
costwarden=$(realpath "$1")
plugins=$(realpath "$2")
work=$root/target/browser
playwright=1.65.1
axe=4.14.1

skip() {
    printf 'browser: SKIPPED, %s\n' "$1" >&2
    [ "${COSTWARDEN_TEST_ALL:-0}" = 0 ] || exit 1
    exit 0
}

chromium=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$chromium" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; } >&2 || true
    chromium=$(command -v chromium || true)
fi
[ -n "$chromium" ] || skip 'Chromium is not on PATH and could not be installed'
command -v node >/dev/null && command -v npm >/dev/null || skip 'node and npm are not on PATH'

mkdir -p "$work/screenshots"
cp "$root/tests/browser/page.mjs" "$work/page.mjs"
[ -f "$work/package.json" ] || echo '{"private": true}' >"$work/package.json"
npm install --prefix "$work" --no-fund --no-audit --save-exact "playwright-core@$playwright" "axe-core@$axe" >&2 ||
    skip 'playwright-core and axe-core could not be installed'

pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
"$costwarden" demo --plugins "$plugins" --keep "$pages/demo" >"$pages/demo.log"
for language in ko en; do
    "$costwarden" --config "$pages/demo/costwarden.toml" report --output "$pages/demo-$language" --language "$language" --try incidents >&2
done
report() {
    local started
    started=$(date +%s%N)
    "$costwarden" --config "$pages/$1/costwarden.toml" report --output "$pages/report-$1" "${@:2}" >&2
    printf 'browser: %s written in %s ms\n' "$1" "$((($(date +%s%N) - started) / 1000000))"
    reports+=("$pages/report-$1/report.html")
}
reports=("$pages/demo-ko/report.html" "$pages/demo-en/report.html")
for services in 1000 10000; do
    python3 "$root/tests/browser/many_services.py" "$pages/services-$services" "$plugins" "$services"
    "$costwarden" --config "$pages/services-$services/costwarden.toml" backfill --from 2026-08-01 --to 2026-11-20 >"$pages/services.log"
    report "services-$services"
done
year=$root/../shared/real/mybinder
if [ -d "$year" ]; then
    mkdir -p "$pages/mybinder-year/rules"
    cp "$root/rules/default/default.toml" "$pages/mybinder-year/rules/"
    cat >"$pages/mybinder-year/costwarden.toml" <<END
time_zone = "America/Los_Angeles"
currency = "USD"
language = "en"
[source]
kind = "replay"
directory = "$(realpath "$year")"
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "embedded"
[plugins]
directory = "$plugins"
[rules]
directory = "rules"
END
    "$costwarden" --config "$pages/mybinder-year/costwarden.toml" backfill --from 2017-12-13 --to 2018-12-31 >"$pages/year.log"
    report mybinder-year --try incidents
else
    printf 'browser: the mybinder year is SKIPPED, %s is absent\n' "$year" >&2
fi
node "$work/page.mjs" "$chromium" "$work/screenshots" "${reports[@]}"
