//! Changes to the config and to plugin files, and the output after a change.

use crate::three_services::plain;
use crate::{Run, Workdir};

/// Appends tables to the config.
pub fn configure(workdir: &Workdir, tables: &str) {
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("a config");
    workdir.write("costwarden.toml", &format!("{config}{tables}"));
}

/// Changes the digest of a plugin, not its behaviour: appends a custom section, ignored by every loader.
pub fn rebuild(workdir: &Workdir, plugin: &str, mark: u8) {
    let path = workdir.path().join(format!("plugins/{plugin}.wasm"));
    let mut bytes = std::fs::read(&path).expect("a plugin");
    bytes.extend([0, 3, 1, b'n', mark]);
    std::fs::write(&path, bytes).expect("written");
}

/// Runs a command. Returns the exit code and the output, with digests and paths replaced.
pub fn said(workdir: &Workdir, args: &[&str]) -> (i32, String) {
    let Run { code, stdout, stderr } = workdir.run(args);
    (code, steady(&plain(workdir, &format!("{stderr}{stdout}"))))
}

/// Replaces digests and key ids by `[1]`, `[2]` and so on, in order of appearance.
pub fn steady(text: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut steady = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(from.len()));
        steady.push_str(before);
        let is_id = run.len() == 64 || run.len() == 16 && run == run.to_uppercase();
        if is_id {
            let number = seen.iter().position(|other| *other == run).unwrap_or_else(|| {
                seen.push(run);
                seen.len() - 1
            });
            steady.push_str(&format!("[{}]", number + 1));
        } else {
            steady.push_str(run);
        }
        rest = after;
    }
    steady + rest
}

#[test]
fn digests_are_numbered_as_they_come() {
    let (one, other) = ("a".repeat(64), "0".repeat(64));
    assert_eq!(steady(&format!("sha256:{one}, {other}: {one} abc")), "sha256:[1], [2]: [1] abc");
}
