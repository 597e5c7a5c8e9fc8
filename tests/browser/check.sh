#!/usr/bin/env bash
# Checks the pages of `costwarden report` and `costwarden serve`, and the plots, in Chromium: check.sh COSTWARDEN PLUGINS
# The pages are reports of a kept demo in both languages, of bills with 1,000 and 10,000 services, and of a real year; the served page of the
# demo and of its largest incident; and the plots of a series, an incident and a walk. Chromium comes from
# PATH or from Debian (with a Korean font for the pictures), playwright-core and axe-core from npm into target/browser; without them the check is skipped, aloud.
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
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium fonts-nanum; } >&2 || true
    chromium=$(command -v chromium || true)
fi
[ -n "$chromium" ] || skip 'Chromium is not on PATH and could not be installed'
command -v node >/dev/null && command -v npm >/dev/null || skip 'node and npm are not on PATH'

mkdir -p "$work/screenshots"
cp "$root"/tests/browser/*.mjs "$work/"
[ -f "$work/package.json" ] || echo '{"private": true}' >"$work/package.json"
npm install --prefix "$work" --no-fund --no-audit --save-exact "playwright-core@$playwright" "axe-core@$axe" >&2 ||
    skip 'playwright-core and axe-core could not be installed'

pages=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$pages"' EXIT
"$costwarden" demo --plugins "$plugins" --keep "$pages/demo" >"$pages/demo.log"
reports=()
# Writes a report: report NAME STORE OPTION... The table shows the time.
report() {
    local started
    started=$(date +%s%N)
    "$costwarden" --config "$pages/$2/costwarden.toml" report --output "$pages/$1" "${@:3}" >&2
    echo "$((($(date +%s%N) - started) / 1000000))" >"$pages/$1/milliseconds"
    reports+=("$pages/$1/report.html")
}
for language in ko en; do
    report "demo-$language" demo --language "$language" --causes --try incidents
done
for services in 1000 10000; do
    python3 "$root/tests/browser/many_services.py" "$pages/services-$services" "$plugins" "$services"
    "$costwarden" --config "$pages/services-$services/costwarden.toml" backfill --from 2026-08-01 --to 2026-11-20 >"$pages/services.log"
    report "report-services-$services" "services-$services"
done
year=${YEAR:-$root/../shared/real/mybinder}
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
    # One day of the year has no bill, so the run is degraded.
    "$costwarden" --config "$pages/mybinder-year/costwarden.toml" backfill --from 2017-12-13 --to 2018-12-31 >"$pages/year.log" || [ $? = 1 ]
    report report-mybinder-year mybinder-year --causes --try incidents
else
    printf 'browser: the mybinder year is SKIPPED, %s is absent\n' "$year" >&2
    [ "${COSTWARDEN_TEST_ALL:-0}" = 0 ] || exit 1
fi
demo() {
    "$costwarden" --config "$pages/demo/costwarden.toml" "$@"
}
read -r incident series < <(demo incidents list --open --json | python3 -c 'import json, sys
incident = json.loads(sys.stdin.readline())
print(incident["incident"], incident["series"])')
demo series show --series "$series" --plot "$pages/series.svg" >&2
demo incidents explain "$incident" --plot "$pages/incident.svg" >&2
demo series export --series "$series" >"$pages/series.csv"
"$costwarden" plugin run "$plugins/daily-level.wasm" --input "$pages/series.csv" --walk 1 --plot "$pages/walk.svg" >&2

COSTWARDEN_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export COSTWARDEN_TOKEN
(umask 077 && echo "reader=$COSTWARDEN_TOKEN" >"$pages/tokens")
exec 3< <(exec "$costwarden" --config "$pages/demo/costwarden.toml" serve --listen 127.0.0.1:0 --tokens "$pages/tokens")
server=$!
read -r served <&3
served=${served%%: *}
node "$work/page.mjs" "$chromium" "$work/screenshots" "${reports[@]}" "$served/?language=en" "$served/incidents/$incident?language=en" "$pages"/{series,incident,walk}.svg
