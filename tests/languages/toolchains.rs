//! A compiler that is absent is told, with how to get it.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::Desk;
use crate::support::{binary, run};

/// What a build says in a fresh project whose PATH is this.
fn told(language: &str, path: impl AsRef<OsStr>) -> String {
    let desk = Desk::new();
    desk.costwarden("", &["plugin", "new", "watch", "--language", language]).expect(0);
    let built = run(desk.command("watch", binary()).args(["plugin", "build"]).env("PATH", path)).expect(2);
    assert_eq!(built.stdout, "");
    desk.plain(&built.stderr)
}

#[test]
fn without_a_compiler() {
    insta::assert_snapshot!(told("rust", ""), @"");
    insta::assert_snapshot!(told("python", ""), @"");
    insta::assert_snapshot!(told("javascript", ""), @"");
}

/// The real compiler, told to look for its libraries where there are none.
#[test]
fn without_the_target() {
    let desk = Desk::new();
    let which = |name: &str| {
        let found = run(Command::new("sh").args(["-c", &format!("command -v {name}")])).expect(0).stdout;
        found.trim_end().to_owned()
    };
    for name in ["cargo", "rustc"] {
        let options = if name == "rustc" { format!("--sysroot {}", desk.path().display()) } else { String::new() };
        let script = format!("#!/bin/sh\nexec {} {options} \"$@\"\n", which(name));
        let file = desk.path().join(name);
        std::fs::write(&file, script).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("made a program");
    }
    insta::assert_snapshot!(told("rust", desk.path()), @"");
}

#[test]
fn without_node_modules() {
    let found = run(Command::new("sh").args(["-c", "command -v node"]));
    if found.code != 0 {
        eprintln!("skipped: there is no node");
        return;
    }
    let folder = std::path::Path::new(found.stdout.trim_end()).parent().expect("a folder").to_owned();
    insta::assert_snapshot!(told("javascript", folder), @"");
}
