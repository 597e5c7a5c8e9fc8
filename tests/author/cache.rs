//! What was compiled once is found again in the user's cache folder, where only what is certainly the user's is used.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use crate::desk::{Desk, bundled, core_module};

fn desk() -> Desk {
    let desk = Desk::new();
    let rows: String = (1..=31).map(|day| format!("2026-01-{day:02},{}\n", 1_000 + day * 7 % 40)).collect();
    desk.write("bill.csv", format!("timestamp,value\n{rows}"));
    desk
}

#[test]
fn a_plugin_is_compiled_once() {
    let desk = desk();
    let tutorial = bundled("tutorial");
    let run = |more: &[&str]| {
        let args = [&["run", &tutorial, "--input", "bill.csv", "--format", "json"], more].concat();
        desk.plugin(&args).expect(0).stdout
    };
    let first = run(&["--no-cache"]);
    assert_eq!(desk.compiled(), [], "nothing is kept");
    assert_eq!(run(&[]), first);
    let [(entry, written)] = &desk.compiled()[..] else { panic!("{:?}", desk.compiled()) };
    let mode = entry.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    for args in [&["bench", &tutorial][..], &["test", "--plugin", &tutorial, &golden()]] {
        desk.plugin(args).expect(0);
    }
    assert_eq!(run(&[]), first);
    assert_eq!(desk.compiled(), [(entry.clone(), *written)], "found again, by bench and test too");
}

/// The folder of the bundled detector's golden cases.
fn golden() -> String {
    crate::support::repository().join("plugins/tutorial").display().to_string()
}

/// The engine would run whatever stands in an entry.
#[test]
fn what_others_could_have_written_is_compiled_anew() {
    let desk = desk();
    let run = || desk.plugin(&["run", &bundled("tutorial"), "--input", "bill.csv", "--format", "json"]).expect(0);
    let first = run();
    let [(entry, _)] = &desk.compiled()[..] else { panic!("{:?}", desk.compiled()) };
    std::fs::set_permissions(entry, Permissions::from_mode(0o666)).expect("set");
    let again = run();
    assert!(again.stderr.contains("writable by others (mode 0666)"), "{again:?}");
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(entry.metadata().expect("there").permissions().mode() & 0o777, 0o600, "replaced");
    std::fs::write(entry, "no code of ours").expect("written");
    let again = run();
    assert!(again.stderr.contains("a compiled plugin is not trusted and is compiled anew"), "{again:?}");
    assert_eq!(again.stdout, first.stdout);
    let folder = entry.parent().expect("a folder");
    std::fs::set_permissions(folder, Permissions::from_mode(0o777)).expect("set");
    let again = run();
    assert!(again.stderr.contains("compiled plugins are not kept"), "{again:?}");
    assert_eq!(again.stdout, first.stdout);
}

/// What `build` asked who it is need not be compiled again to be tried out.
#[test]
fn what_was_built_is_compiled_already() {
    let desk = desk();
    desk.plugin(&["build", &core_module(), "--output", "bare.wasm", "--no-cache"]).expect(0);
    assert_eq!(desk.compiled(), []);
    desk.plugin(&["build", &core_module(), "--output", "bare.wasm"]).expect(0);
    let built = desk.compiled();
    assert_eq!(built.len(), 1, "{built:?}");
    desk.plugin(&["run", "bare.wasm", "--input", "bill.csv"]).expect(0);
    assert_eq!(desk.compiled(), built);
}

/// A user without a folder for it is not kept from anything.
#[test]
fn a_cache_that_cannot_be_is_done_without() {
    let desk = desk();
    desk.write("cache", "a file");
    let run = desk.plugin(&["run", &bundled("tutorial"), "--input", "bill.csv"]).expect(0);
    assert!(run.stderr.contains("compiled plugins are not kept"), "{run:?}");
    assert!(run.stdout.contains("31 rows"), "{run:?}");
}
