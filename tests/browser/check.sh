#!/usr/bin/env bash
# Checks the pages of `costwarden report` in Chromium: check.sh COSTWARDEN PLUGINS
# The pages are reports of a kept demo in both languages, and a report of a bill with many services. Chromium comes from
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
    "$costwarden" --config "$pages/demo/costwarden.toml" report --output "$pages/demo-$language" --language "$language" >&2
done
python3 "$root/tests/browser/many_services.py" "$pages/many" "$plugins" 1000
"$costwarden" --config "$pages/many/costwarden.toml" backfill --from 2026-08-01 --to 2026-11-20 >"$pages/many.log"
started=$(date +%s%N)
"$costwarden" --config "$pages/many/costwarden.toml" report --output "$pages/services-1000" >&2
printf 'browser: 1000 services: %s bytes, written in %s ms\n' "$(stat -c %s "$pages/services-1000/report.html")" \
    "$((($(date +%s%N) - started) / 1000000))"
node "$work/page.mjs" "$chromium" "$work/screenshots" "$pages/demo-ko/report.html" "$pages/demo-en/report.html" \
    "$pages/services-1000/report.html"
