//! Unusable plugin files: each message says the expected format, and the rest of the rules run.

use std::path::Path;

use costwarden_tests::three_services::{HEALTHY, check, daily, workdir, workdir_with_history};
use costwarden_tests::{Workdir, plugins};

fn plugin(workdir: &Workdir, name: &str, bytes: impl AsRef<[u8]>) {
    std::fs::write(workdir.path().join(format!("plugins/{name}.wasm")), bytes).expect("written");
    let rule = HEALTHY.replace("\"healthy\"", &format!("\"{name}\"")).replace("\"tutorial\"", &format!("\"{name}\""));
    workdir.write(&format!("rules/{name}.toml"), &rule);
}

/// Writes an unusable file of each kind.
fn break_all(workdir: &Workdir) {
    let whole = std::fs::read(plugins().join("tutorial.wasm")).expect("the bundled plugin");
    plugin(workdir, "a-empty", []);
    plugin(workdir, "b-garbage", "\x7fELF: another kind of program");
    plugin(workdir, "c-text", "(module)");
    plugin(workdir, "d-truncated", &whole[..whole.len() / 2]);
    plugin(workdir, "e-stub", &whole[..8]);
    plugin(workdir, "f-renamed", &whole);
    let wasi = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1))"#;
    plugin(workdir, "g-wasi", wat::parse_str(wasi).expect("the text is right"));
    let foreign = r#"(component (component $answer) (export "my:own/answer@1.0.0" (component $answer)))"#;
    plugin(workdir, "h-foreign", wat::parse_str(foreign).expect("the text is right"));
    let component = r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#;
    plugin(workdir, "i-wasi-component", wat::parse_str(component).expect("the text is right"));
    plugin(workdir, "j-folder", []);
    std::fs::remove_file(workdir.path().join("plugins/j-folder.wasm")).expect("removed");
    std::fs::create_dir(workdir.path().join("plugins/j-folder.wasm")).expect("a folder");
}

/// Removes offsets: the end of a truncated file depends on the compiler.
fn without_offsets(text: &str) -> String {
    let mut parts = text.split("(at offset 0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| {
        let rest = part.split_once(')').map_or("", |(_, rest)| rest);
        format!("{done}(at offset [n]){rest}")
    })
}

#[test]
fn unusable_files_are_named_with_the_expected_format() {
    let workdir = workdir();
    break_all(&workdir);
    let (code, text) = check(&workdir);
    let text = without_offsets(&text);
    insta::assert_snapshot!(text, @r#"
    error: [workdir]/rules/a-empty.toml:5: rule a-empty: detector: [workdir]/plugins/a-empty.wasm: empty, expected a .wasm core module or component built for costwarden:detector@1
    error: [workdir]/rules/b-garbage.toml:5: rule b-garbage: detector: [workdir]/plugins/b-garbage.wasm: machine code, expected a .wasm core module or component built for costwarden:detector@1: the host compiles plugins itself
    error: [workdir]/rules/c-text.toml:5: rule c-text: detector: [workdir]/plugins/c-text.wasm: WebAssembly text, expected a .wasm core module or component built for costwarden:detector@1: convert the file with `wasm-tools parse`
    error: [workdir]/rules/d-truncated.toml:5: rule d-truncated: detector: [workdir]/plugins/d-truncated.wasm: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: unexpected end-of-file (at offset [n])
    error: [workdir]/rules/e-stub.toml:5: rule e-stub: detector: [workdir]/plugins/e-stub.wasm: does not export `costwarden:detector/detector`: build the plugin for the contract costwarden:detector@1.0.0
    error: [workdir]/rules/f-renamed.toml:5: rule f-renamed: detector: [workdir]/plugins/f-renamed.wasm: declares the name `tutorial`, but the rules use `f-renamed`: use `tutorial` as the name of the file and as `detector` in the rules
    error: [workdir]/rules/g-wasi.toml:5: rule g-wasi: detector: [workdir]/plugins/g-wasi.wasm: imports `wasi_snapshot_preview1`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI
    error: [workdir]/rules/h-foreign.toml:5: rule h-foreign: detector: [workdir]/plugins/h-foreign.wasm: invalid WebAssembly, expected a .wasm core module or component built for costwarden:detector@1: failed to parse WebAssembly module: exporting a component from the root component is not supported
    error: [workdir]/rules/i-wasi-component.toml:5: rule i-wasi-component: detector: [workdir]/plugins/i-wasi-component.wasm: imports `wasi:cli/environment@0.2.0`, but a plugin may import only `costwarden:detector/log` and, with a grant, `costwarden:detector/reference`: build the plugin for wasm32-unknown-unknown, or with stubs for WASI
    error: [workdir]/rules/j-folder.toml:5: rule j-folder: detector: [workdir]/plugins/j-folder.wasm: not a regular file, expected a .wasm core module or component built for costwarden:detector@1
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 10 errors
    "#);
    assert_eq!(code, 2);
}

#[test]
fn the_rules_of_other_plugins_run() {
    let workdir = workdir_with_history();
    let (code, healthy, _) = daily(&workdir);
    assert_eq!((code, healthy["anomalies"].as_array().map(Vec::len)), (0, Some(1)));
    break_all(&workdir);
    let (code, report, problems) = daily(&workdir);
    assert_eq!((code, &report["anomalies"]), (1, &healthy["anomalies"]));
    assert_eq!((&report["counts"]["rules"], &report["counts"]["rule_problems"]), (&1.into(), &10.into()));
    assert_eq!(problems.lines().count(), 10, "{problems}");
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let workdir = workdir();
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("a config");
    workdir.write("costwarden.toml", &format!("{config}[plugins.limits]\nmodule_bytes = 1000\n"));
    let (code, text) = check(&workdir);
    insta::assert_snapshot!(text, @r#"
    error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm: larger than 1000 bytes (plugins.limits.module_bytes)
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
    assert_eq!(code, 2);
}

/// A granted folder must exist, and a requested grant must be given.
#[test]
fn reference_data_is_granted_or_not_there() {
    let workdir = workdir();
    let misbehaving = Path::new("target/test-plugins/misbehaving.wasm");
    let misbehaving = costwarden_tests::repository().join(misbehaving);
    std::fs::copy(misbehaving, workdir.path().join("plugins/misbehaving.wasm")).expect("make build brings it");
    let rule = HEALTHY.replace("\"tutorial\"", "\"misbehaving\"") + "settings = { mode = \"ok\" }\n";
    workdir.write("rules/healthy.toml", &rule);
    insta::assert_snapshot!(check(&workdir).1, @r#"
    error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/misbehaving.wasm: reads reference data, but the config grants none: add `reference = "DIRECTORY"` under `[plugins.grants.misbehaving]`
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("a config");
    workdir.write("costwarden.toml", &format!("{config}[plugins.grants.misbehaving]\nreference = \"lists\"\n"));
    insta::assert_snapshot!(check(&workdir).1, @r#"
    error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/misbehaving.wasm: the granted reference folder [workdir]/lists cannot be opened: No such file or directory (os error 2)
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
    std::fs::create_dir(workdir.path().join("lists")).expect("a folder");
    assert_eq!(check(&workdir).0, 0);
}
