//! `plugin new`, and from there to a plugin that passes its golden cases.

use crate::support::run;
use crate::{Desk, fetched};

/// Builds the project and runs its golden cases; gives the plugin's bytes.
fn build_and_test(desk: &Desk, name: &str) -> Vec<u8> {
    // An engine of ten megabytes takes long to compile where others are at work.
    let config = "[plugins]\ndirectory = \".\"\n[plugins.limits]\ncompile_seconds = 600\n";
    std::fs::write(desk.path().join(name).join("costwarden.toml"), config).expect("written");
    let built = desk.costwarden(name, &["plugin", "build"]).expect(0);
    assert!(built.stdout.starts_with(&format!("{name}.wasm: {name} 0.1.0, ")), "{built:?}");
    let tested = desk.costwarden(name, &["plugin", "test"]).expect(0);
    assert!(tested.stdout.contains("2 passed, 0 failed"), "{tested:?}");
    std::fs::read(desk.path().join(name).join(format!("{name}.wasm"))).expect("built")
}

#[test]
fn rust_needs_cargo_alone_even_below_a_foreign_workspace() {
    let desk = Desk::new();
    std::fs::write(desk.path().join("Cargo.toml"), "[workspace]\nmembers = [\"elsewhere\"]\n").expect("written");
    desk.costwarden("", &["plugin", "new", "weekend-watch"]).expect(0);
    let tested = run(desk.command("weekend-watch", "cargo").args(["test", "--quiet"])).expect(0);
    assert!(tested.stdout.contains("6 passed; 0 failed"), "{tested:?}");
    let first = build_and_test(&desk, "weekend-watch");

    let elsewhere = Desk::new();
    elsewhere.costwarden("", &["plugin", "new", "weekend-watch"]).expect(0);
    let second = build_and_test(&elsewhere, "weekend-watch");
    assert!(first == second, "the same source gives the same bytes in every folder");
    let home = std::env::var("HOME").expect("set");
    for path in [desk.path(), elsewhere.path(), std::path::Path::new(&home)] {
        let path = path.to_str().expect("UTF-8").as_bytes();
        assert!(!first.windows(path.len()).any(|window| window == path), "a path of the builder is in the plugin");
    }
}

#[test]
fn python_needs_componentize_py() {
    if fetched("python/bin/componentize-py").is_none() {
        return;
    }
    let desk = Desk::new();
    desk.costwarden("", &["plugin", "new", "weekend-watch", "--language", "python"]).expect(0);
    build_and_test(&desk, "weekend-watch");
}

#[test]
fn javascript_needs_node_modules() {
    let Some(modules) = fetched("javascript/node_modules") else { return };
    let desk = Desk::new();
    desk.costwarden("", &["plugin", "new", "weekend-watch", "--language", "javascript"]).expect(0);
    std::os::unix::fs::symlink(modules, desk.path().join("weekend-watch/node_modules")).expect("linked");
    build_and_test(&desk, "weekend-watch");
}

#[test]
fn the_next_steps_are_told() {
    let desk = Desk::new();
    let mut told = String::new();
    for language in ["rust", "python", "javascript"] {
        let name = format!("my-{language}");
        told += &desk.costwarden("", &["plugin", "new", &name, "--language", language]).expect(0).stdout;
    }
    insta::assert_snapshot!(told, @"
    made my-rust/; README.md in it says what is where. Next:

        cd my-rust
        cargo test                # its unit tests, natively
        costwarden plugin build   # my-rust.wasm
        costwarden plugin test    # its golden cases, in the sandbox
    made my-python/; README.md in it says what is where. Next:

        cd my-python
        python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.0
        costwarden plugin build   # my-python.wasm
        costwarden plugin test    # its golden cases, in the sandbox
    made my-javascript/; README.md in it says what is where. Next:

        cd my-javascript
        npm install
        costwarden plugin build   # my-javascript.wasm
        costwarden plugin test    # its golden cases, in the sandbox
    ");
}

#[test]
fn what_exists_and_what_is_no_name_are_refused() {
    let desk = Desk::new();
    desk.costwarden("", &["plugin", "new", "watch"]).expect(0);
    insta::assert_snapshot!(desk.costwarden("", &["plugin", "new", "watch"]).expect(2).stderr, @"failed: watch exists already: choose another name, or remove it");
    insta::assert_snapshot!(desk.costwarden("", &["plugin", "new", "../watch"]).expect(2).stderr, @"failed: `../watch` is no detector's name: expected lower-case letters, digits and -, beginning with a letter and not ending with -, as in `weekend-watch`");
}
