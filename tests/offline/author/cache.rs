//! The cache of compiled plugins in the user's cache folder: reuse, and refusal of entries from other users.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::project::{AuthorProject, bundled, core_module};

fn project() -> AuthorProject {
    let project = AuthorProject::new();
    let rows: String = (1..=31).map(|day| format!("2026-01-{day:02},{}\n", 1_000 + day * 7 % 40)).collect();
    project.write("bill.csv", format!("timestamp,value\n{rows}"));
    project
}

#[test]
fn a_plugin_is_compiled_once() {
    let project = project();
    let tutorial = bundled("tutorial");
    let run = |more: &[&str]| {
        let args = [&["run", &tutorial, "--input", "bill.csv", "--format", "json"], more].concat();
        project.plugin(&args).expect(0).stdout
    };
    let first = run(&["--no-cache"]);
    assert_eq!(project.compiled(), [], "nothing is kept");
    assert_eq!(run(&[]), first);
    let [(entry, written)] = &project.compiled()[..] else { panic!("{:?}", project.compiled()) };
    let mode = entry.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    for args in [&["bench", &tutorial][..], &["test", "--plugin", &tutorial, &golden()]] {
        project.plugin(args).expect(0);
    }
    assert_eq!(run(&[]), first);
    assert_eq!(project.compiled(), [(entry.clone(), *written)], "found again, by bench and test too");
}

/// The folder with the golden cases of a bundled detector.
fn golden() -> String {
    costwarden_tests::repository().join("plugins/tutorial").display().to_string()
}

/// The engine runs any code in an entry, so an entry of another user is never used.
#[test]
fn entries_that_others_can_write_are_compiled_again() {
    let project = project();
    let run = || project.plugin(&["run", &bundled("tutorial"), "--input", "bill.csv", "--format", "json"]).expect(0);
    let first = run();
    let [(entry, _)] = &project.compiled()[..] else { panic!("{:?}", project.compiled()) };
    std::fs::set_permissions(entry, Permissions::from_mode(0o666)).expect("set");
    let again = run();
    assert!(again.stderr.contains("writable by others (mode 0666)"), "{again:?}");
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(entry.metadata().expect("there").permissions().mode() & 0o777, 0o600, "replaced");
    std::fs::write(entry, "no code of ours").expect("written");
    let again = run();
    assert!(again.stderr.contains("a cached plugin is not trusted and is compiled again"), "{again:?}");
    assert_eq!(again.stdout, first.stdout);
    let folder = entry.parent().expect("a folder");
    std::fs::set_permissions(folder, Permissions::from_mode(0o777)).expect("set");
    let again = run();
    assert!(again.stderr.contains("compiled plugins are not stored"), "{again:?}");
    assert_eq!(again.stdout, first.stdout);
}

/// `run` reuses the code that `build` compiled.
#[test]
fn a_built_plugin_is_in_the_cache() {
    let project = project();
    project.plugin(&["build", &core_module(), "--output", "bare.wasm", "--no-cache"]).expect(0);
    assert_eq!(project.compiled(), []);
    project.plugin(&["build", &core_module(), "--output", "bare.wasm"]).expect(0);
    let built = project.compiled();
    assert_eq!(built.len(), 1, "{built:?}");
    project.plugin(&["run", "bare.wasm", "--input", "bill.csv"]).expect(0);
    assert_eq!(project.compiled(), built);
}

/// Without a cache folder every command still works.
#[test]
fn a_cache_that_cannot_be_is_done_without() {
    let project = project();
    project.write("cache", "a file");
    let run = project.plugin(&["run", &bundled("tutorial"), "--input", "bill.csv"]).expect(0);
    assert!(run.stderr.contains("compiled plugins are not stored"), "{run:?}");
    assert!(run.stdout.contains("31 rows"), "{run:?}");
}
