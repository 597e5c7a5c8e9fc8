#!/usr/bin/env bash
# Builds every detector of the workspace.
#
#   plugins/<name>                 bundled detectors   -> plugins/dist/<name>.wasm, packed by `costwarden plugin build`
#   plugins/examples/holt-winters  the example         -> target/examples/holt-winters.wasm, packed as well
#   tests/plugins/<name>           for the suites only -> target/test-plugins/<name>.wasm, core modules as the compiler
#                                                         leaves them; the host makes components of such when it loads them
#
# The host must have been built before: COSTWARDEN names it, else it is target/release/costwarden.
# Never asks anything. The compiler is, in this order:
#   1. the one in use, when it has the target wasm32-unknown-unknown, or rustup can add it;
#   2. Debian's second compiler (rustc-web and its companions), which builds the standard library from source.
# COSTWARDEN_WASM_COMPILER=rustup|debian forces one of them.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=wasm32-unknown-unknown
# A target folder of its own: this never waits for the host's build, nor makes it stale.
build=$root/target/plugins
costwarden=${COSTWARDEN:-${CARGO_TARGET_DIR:-$root/target}/release/costwarden}
debian_packages=(rustc-web cargo-web rust-web-src rust-web-llvm lld-22)

say() { printf 'plugins: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# Whether the compiler in use can compile for the target, adding it where rustup can.
has_target() {
    local libraries refused=$build/rustup-refused
    libraries=$(rustc --print target-libdir --target "$target" 2>/dev/null) || return 1
    [ ! -d "$libraries" ] || return 0
    command -v rustup >/dev/null || return 1
    # Asked once a day at most: without network it takes long to be refused.
    [ -z "$(find "$refused" -mmin -1440 2>/dev/null)" ] || return 1
    say "adding $target to the toolchain with rustup"
    if timeout 180 rustup target add "$target" </dev/null >&2 && [ -d "$libraries" ]; then
        return 0
    fi
    say "rustup could not add $target"
    mkdir -p "$build"
    touch "$refused"
    return 1
}

has_debian_compiler() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && [ -x /usr/bin/rust-lld ] &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null && sudo -n "$@"
    fi
}

install_debian_compiler() {
    local log
    command -v apt-get >/dev/null || return 1
    say "installing Debian's compiler: ${debian_packages[*]}"
    log=$(mktemp)
    if apt_install >"$log" 2>&1 || { as_root apt-get update -q >>"$log" 2>&1 && apt_install >>"$log" 2>&1; }; then
        rm -f "$log"
        return 0
    fi
    tail -n 15 "$log" >&2
    rm -f "$log"
    return 1
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${debian_packages[@]}" \
        </dev/null
}

# Sets `cargo`: the command and its leading arguments that build for the target.
choose_compiler() {
    case ${COSTWARDEN_WASM_COMPILER:-any} in
    any | rustup | debian) ;;
    *) die "COSTWARDEN_WASM_COMPILER is '$COSTWARDEN_WASM_COMPILER', expected rustup or debian" ;;
    esac
    if [ "${COSTWARDEN_WASM_COMPILER:-any}" != debian ] && has_target; then
        cargo=(cargo build)
        return
    fi
    if [ "${COSTWARDEN_WASM_COMPILER:-any}" != rustup ] && { has_debian_compiler || install_debian_compiler; }; then
        has_debian_compiler || die "the packages ${debian_packages[*]} are there, but not the compiler in /usr/bin"
        say "using Debian's compiler, $(/usr/bin/rustc --version); its first build takes about a minute"
        cargo=(env RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo build -Zbuild-std=std,panic_abort)
        return
    fi
    die "no compiler for $target. Do one of these by hand:
    rustup target add $target
    apt-get install --no-install-recommends ${debian_packages[*]}   (as root; Debian 12)"
}

# One line for each detector: package, file that cargo leaves, file that we leave.
list_detectors() {
    local metadata
    metadata=$(cargo metadata --quiet --no-deps --format-version 1)
    python3 -c '
import json, pathlib, sys

root = pathlib.Path(sys.argv[1])
places = {
    root / "plugins": "plugins/dist",
    root / "plugins" / "examples": "target/examples",
    root / "tests" / "plugins": "target/test-plugins",
}
for package in json.load(sys.stdin)["packages"]:
    place = places.get(pathlib.Path(package["manifest_path"]).parent.parent)
    for target in package["targets"]:
        if place and "cdylib" in target["crate_types"]:
            file = target["name"].replace("-", "_")
            print(package["name"], file + ".wasm", place + "/" + file.replace("_", "-") + ".wasm", sep="\t")
' "$root" <<<"$metadata"
}

cd "$root"
[ -x "$costwarden" ] || die "$costwarden is absent, and packs the detectors: build it first, with make host"
list=$(list_detectors)
[ -n "$list" ] || die 'the workspace has no member with a cdylib under plugins/ or tests/plugins/'
mapfile -t detectors <<<"$list"
choose_compiler

packages=()
for detector in "${detectors[@]}"; do packages+=(-p "${detector%%$'\t'*}"); done

# A panic's message holds the path of its source: paths of this machine must not reach the modules. Flags that the
# environment holds for the host's processor are not for these either. Vectors are a part of WebAssembly 2.0, which every
# host of the contract runs.
flags="-Ctarget-feature=+simd128"$'\x1f'"--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=registry"$'\x1f'"--remap-path-prefix=$root=."
env -u CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS="$flags" \
    "${cargo[@]}" --profile plugin --target "$target" --target-dir "$build" "${packages[@]}"

place() { # FROM TO
    if cmp -s "$1" "$2"; then
        touch "$2" # newer than the sources: `plugin test` builds an older plugin again
        return
    fi
    mkdir -p "$(dirname "$2")"
    install -m 644 "$1" "$2.new" # then renamed, for a reader sees the old plugin or the new one, never half of one
    mv "$2.new" "$2"
    say "$2 ($(($(stat -c %s "$2") / 1024)) KiB)"
}

for detector in "${detectors[@]}"; do
    IFS=$'\t' read -r _ from to <<<"$detector"
    from=$build/$target/plugin/$from
    if [[ $to != target/test-plugins/* ]]; then
        packed=$build/packed/${to##*/}
        mkdir -p "$build/packed"
        "$costwarden" plugin build "$from" --output "$packed" >/dev/null
        from=$packed
    fi
    place "$from" "$to"
done
