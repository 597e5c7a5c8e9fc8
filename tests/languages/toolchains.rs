//! Missing compilers: the message contains the installation.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::ProjectsFolder;
use costwarden_tests::{binary, run, skipped};

/// Builds a new project with the given `PATH` and returns the error.
fn told(language: &str, path: impl AsRef<OsStr>) -> String {
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "watch", "--language", language]).expect(0);
    let built = run(projects.command("watch", binary()).args(["plugin", "build"]).env("PATH", path)).expect(2);
    assert_eq!(built.stdout, "");
    projects.plain(&built.stderr)
}

#[test]
fn without_a_compiler() {
    insta::assert_snapshot!(told("rust", ""), @"failed: Rust is required, but no folder of PATH has cargo and rustc: install Rust with rustup, then run `rustup target add wasm32-unknown-unknown`; or on Debian, as root: apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22");
    insta::assert_snapshot!(told("python", ""), @"failed: componentize-py is required, but is neither in the project's .venv nor on PATH: run `python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.0` in the project's folder");
    insta::assert_snapshot!(told("javascript", ""), @"failed: Node.js is required, but PATH has no node: install Node.js; on Debian, as root: apt-get install nodejs npm");
}

/// The real compiler, with a library path to an empty folder.
#[test]
fn without_the_target() {
    let projects = ProjectsFolder::new();
    let which = |name: &str| {
        let found = run(Command::new("sh").args(["-c", &format!("command -v {name}")])).expect(0).stdout;
        found.trim_end().to_owned()
    };
    for name in ["cargo", "rustc"] {
        let options = if name == "rustc" { format!("--sysroot {}", projects.path().display()) } else { String::new() };
        let script = format!("#!/bin/sh\nexec {} {options} \"$@\"\n", which(name));
        let file = projects.path().join(name);
        std::fs::write(&file, script).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("made a program");
    }
    insta::assert_snapshot!(told("rust", projects.path()), @"failed: Rust cannot compile for wasm32-unknown-unknown: run `rustup target add wasm32-unknown-unknown`; or on Debian, as root: apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22");
}

#[test]
fn without_node_modules() {
    let found = run(Command::new("sh").args(["-c", "command -v node"]));
    if found.code != 0 {
        skipped("there is no node");
        return;
    }
    let folder = std::path::Path::new(found.stdout.trim_end()).parent().expect("a folder").to_owned();
    insta::assert_snapshot!(told("javascript", folder), @"failed: @bytecodealliance/componentize-js is required, but is not among the project's node_modules: run `npm install` in the project's folder, or `npm install --save-dev @bytecodealliance/componentize-js@0.23.0` if package.json does not name the package");
}
