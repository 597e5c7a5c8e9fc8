#!/usr/bin/env bash
# Builds the example detectors with `costwarden plugin build` into target/examples/<language>/weekday-ratio.wasm.
#
# An example whose files, compiler and contract are as they were is not built again. The compilers of Python and
# JavaScript are fetched once into target/tools, in the releases that the examples name; where python3 or node and npm
# are absent, or the packages cannot be had, that language is said to be skipped, and what it had built is removed.
#
# The host must have been built before: COSTWARDEN names it, else it is target/release/costwarden. With `tools` as its
# argument this fetches the compilers and builds nothing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
examples=$root/plugins/examples
tools=$root/target/tools
costwarden=${COSTWARDEN:-${CARGO_TARGET_DIR:-$root/target}/release/costwarden}

say() { printf 'examples: %s\n' "$*" >&2; }

# Makes target/tools/python, a virtual environment with the componentize-py that the example names.
fetch_python() {
    local wanted log
    command -v python3 >/dev/null || { say 'SKIPPED python: there is no python3'; return 1; }
    wanted=$(grep -o 'componentize-py==[0-9.]*' "$examples/python/pyproject.toml")
    [ "$(cat "$tools/python/wanted" 2>/dev/null)" != "$wanted" ] || return 0
    say "fetching $wanted, once"
    log=$(mktemp)
    rm -rf "$tools/python"
    if ! { python3 -m venv "$tools/python" &&
        "$tools/python/bin/pip" install -q --disable-pip-version-check --only-binary :all: "$wanted"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -rf "$log" "$tools/python"
        say "SKIPPED python: $wanted could not be had"
        return 1
    fi
    rm -f "$log"
    printf '%s\n' "$wanted" >"$tools/python/wanted"
}

# Makes target/tools/javascript/node_modules with what the example's package.json names.
fetch_javascript() {
    local wanted
    command -v node >/dev/null && command -v npm >/dev/null || {
        say 'SKIPPED javascript: there is no node, or no npm'
        return 1
    }
    wanted=$(cat "$examples/javascript/package.json")
    [ "$(cat "$tools/javascript/wanted" 2>/dev/null)" != "$wanted" ] || return 0
    say 'fetching componentize-js, once'
    rm -rf "$tools/javascript"
    mkdir -p "$tools/javascript"
    cp "$examples/javascript/package.json" "$tools/javascript/"
    if ! npm install --prefix "$tools/javascript" --silent --no-audit --no-fund --no-package-lock </dev/null >&2; then
        rm -rf "$tools/javascript"
        say 'SKIPPED javascript: npm install failed'
        return 1
    fi
    printf '%s\n' "$wanted" >"$tools/javascript/wanted"
}

# What a built example depends on: its files, the SDK with the contract, and how the host builds and packs.
fingerprint() { # LANGUAGE
    (
        cd "$root"
        find "plugins/examples/$1" plugin-sdk host/crates/plugin host/crates/sandbox -type f \
            ! -path '*/target/*' ! -path '*/node_modules/*' ! -path '*/__pycache__/*' -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum
    ) | sha256sum
}

build() { # LANGUAGE
    local language=$1 out=$root/target/examples/$1 now
    now=$(fingerprint "$language")
    [ "$(cat "$out/built-of" 2>/dev/null)" != "$now" ] || return 0
    say "building $language"
    rm -rf "$out"
    mkdir -p "$out"
    if [ "$language" = rust ]; then
        CARGO_TARGET_DIR=$root/target/languages "$costwarden" plugin build "$examples/rust" --output "$out/weekday-ratio.wasm"
    else
        # A copy, for compilers leave files beside the source.
        mkdir "$out/project"
        cp -R "$examples/$language/." "$out/project/"
        [ "$language" = python ] || ln -sfn "$tools/javascript/node_modules" "$out/project/node_modules"
        PATH=$tools/python/bin:$PATH "$costwarden" plugin build "$out/project" --output "$out/weekday-ratio.wasm"
        rm -rf "$out/project"
    fi
    printf '%s\n' "$now" >"$out/built-of"
}

[ "${1:-}" = tools ] || [ -x "$costwarden" ] || { say "$costwarden is absent: build it first, with make host"; exit 1; }
mkdir -p "$tools"
exec 9>"$tools/examples.lock"
flock 9
languages=(rust)
for language in python javascript; do
    if "fetch_$language"; then languages+=("$language"); else rm -rf "$root/target/examples/$language"; fi
done
[ "${1:-}" != tools ] || exit 0
for language in "${languages[@]}"; do build "$language"; done
