//! `plugin new`, up to a plugin that passes its golden cases.

use crate::{ProjectsFolder, fetched};
use costwarden_tests::run;

/// Builds the project, runs its golden cases and returns the bytes of the plugin.
fn build_and_test(projects: &ProjectsFolder, name: &str) -> Vec<u8> {
    projects.has_time(name);
    let built = projects.costwarden(name, &["plugin", "build"]).expect(0);
    assert!(built.stdout.starts_with(&format!("{name}.wasm: {name} 0.1.0, ")), "{built:?}");
    let tested = projects.costwarden(name, &["plugin", "test"]).expect(0);
    assert!(tested.stdout.contains("2 passed, 0 failed"), "{tested:?}");
    std::fs::read(projects.path().join(name).join(format!("{name}.wasm"))).expect("built")
}

#[test]
fn rust_needs_cargo_alone_even_below_a_foreign_workspace() {
    let projects = ProjectsFolder::new();
    std::fs::write(projects.path().join("Cargo.toml"), "[workspace]\nmembers = [\"elsewhere\"]\n").expect("written");
    projects.costwarden("", &["plugin", "new", "weekend-watch"]).expect(0);
    let tested = run(projects.command("weekend-watch", "cargo").args(["test", "--quiet"])).expect(0);
    assert!(tested.stdout.contains("6 passed; 0 failed"), "{tested:?}");
    let first = build_and_test(&projects, "weekend-watch");

    let elsewhere = ProjectsFolder::new();
    elsewhere.costwarden("", &["plugin", "new", "weekend-watch"]).expect(0);
    let second = build_and_test(&elsewhere, "weekend-watch");
    assert!(first == second, "the same source gives the same bytes in every folder");
    let home = std::env::var("HOME").expect("set");
    for path in [projects.path(), elsewhere.path(), std::path::Path::new(&home)] {
        let path = path.to_str().expect("UTF-8").as_bytes();
        assert!(!first.windows(path.len()).any(|window| window == path), "a path of the builder is in the plugin");
    }
}

#[test]
fn python_needs_componentize_py() {
    if fetched("python/bin/componentize-py").is_none() {
        return;
    }
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "weekend-watch", "--language", "python"]).expect(0);
    build_and_test(&projects, "weekend-watch");
}

#[test]
fn javascript_needs_node_modules() {
    let Some(modules) = fetched("javascript/node_modules") else { return };
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "weekend-watch", "--language", "javascript"]).expect(0);
    std::os::unix::fs::symlink(modules, projects.path().join("weekend-watch/node_modules")).expect("linked");
    build_and_test(&projects, "weekend-watch");
}

#[test]
fn the_next_steps_are_told() {
    let projects = ProjectsFolder::new();
    let mut told = String::new();
    for language in ["rust", "python", "javascript"] {
        let name = format!("my-{language}");
        told += &projects.costwarden("", &["plugin", "new", &name, "--language", language]).expect(0).stdout;
    }
    insta::assert_snapshot!(told, @"
    created my-rust/; my-rust/README.md explains the files. Next steps:

        cd my-rust
        cargo test                # unit tests, without the sandbox
        costwarden plugin build   # my-rust.wasm
        costwarden plugin test    # golden cases, in the sandbox
    created my-python/; my-python/README.md explains the files. Next steps:

        cd my-python
        python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.0
        costwarden plugin build   # my-python.wasm
        costwarden plugin test    # golden cases, in the sandbox
    created my-javascript/; my-javascript/README.md explains the files. Next steps:

        cd my-javascript
        npm install
        costwarden plugin build   # my-javascript.wasm
        costwarden plugin test    # golden cases, in the sandbox
    ");
}

#[test]
fn existing_folders_and_invalid_names_are_refused() {
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "watch"]).expect(0);
    insta::assert_snapshot!(projects.costwarden("", &["plugin", "new", "watch"]).expect(2).stderr, @"failed: watch already exists: choose another name, or remove the folder");
    insta::assert_snapshot!(projects.costwarden("", &["plugin", "new", "../watch"]).expect(2).stderr, @"failed: `../watch` is not a name of a detector: expected lower-case letters, digits and -, with a letter at the start and no - at the end, like `weekend-watch`");
}

/// A project with reference data works with a grant, and does not load without.
#[track_caller]
fn reads_what_is_granted(projects: &ProjectsFolder) {
    let run = |more: &[&str]| {
        let args = ["plugin", "run", "watch.wasm", "--input", "series.csv", "--format", "csv"];
        projects.costwarden("watch", &[&args[..], more].concat())
    };
    insta::allow_duplicates! {
        insta::assert_snapshot!(run(&[]).expect(2).stderr, @"failed: watch.wasm: reads reference data, but the config grants none: add `reference = \"DIRECTORY\"` under `[plugins.grants.watch]`; or, for a trial, name the folder with --reference; a golden case may have a folder reference of its own");
    }
    let granted = projects.path().join("granted");
    std::fs::create_dir(&granted).expect("a folder");
    let grant = ["--reference", granted.to_str().expect("UTF-8")];
    let absent = run(&grant).expect(2).stderr;
    assert!(absent.contains("no such reference data"), "{absent}");
    std::fs::write(granted.join("weeks"), "1000").expect("written");
    let judged =
        |text: &str| text.lines().filter(|line| line.split(',').nth(2).is_some_and(|score| !score.is_empty())).count();
    assert_eq!(judged(&run(&grant).expect(0).stdout), 1, "the header alone: a thousand weeks are never there");
    std::fs::write(granted.join("weeks"), "3").expect("written");
    let with_grant = run(&grant).expect(0).stdout;
    assert!(judged(&with_grant) > 1);
    let mut config = std::fs::read_to_string(projects.path().join("watch/costwarden.toml")).expect("written");
    config.push_str("[plugins.grants.watch]\nreference = \"../granted\"\n");
    std::fs::write(projects.path().join("watch/costwarden.toml"), config).expect("written");
    assert_eq!(run(&[]).expect(0).stdout, with_grant, "granted by the config");
}

fn edit(projects: &ProjectsFolder, file: &str, edits: &[(&str, &str)]) {
    let path = projects.path().join(file);
    let mut text = std::fs::read_to_string(&path).expect("made");
    for (from, to) in edits {
        assert!(text.contains(from), "{file}: {from}");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(path, text).expect("written");
}

#[test]
fn python_reads_reference_data_that_its_project_asks_for() {
    if fetched("python/bin/componentize-py").is_none() {
        return;
    }
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "watch", "--language", "python"]).expect(0);
    edit(
        &projects,
        "watch/app.py",
        &[
            (
                "from wit_world import exports\n",
                "from wit_world import exports\nfrom wit_world.imports import reference\n",
            ),
            ("Refusal_Learning, Scope", "Refusal_Failed, Refusal_Learning, Scope"),
            ("        weeks = (DEFAULTS | json.loads(context.settings))[\"weeks\"]\n", READ_IN_PYTHON),
        ],
    );
    edit(
        &projects,
        "watch/pyproject.toml",
        &[("[dependency-groups]", "[tool.costwarden]\nreference = 1\n\n[dependency-groups]")],
    );
    projects.has_time("watch");
    let refused = projects.costwarden("watch", &["plugin", "build"]).expect(2);
    insta::assert_snapshot!(projects.plain(&refused.stderr), @"failed: [projects]/watch/pyproject.toml: line 8: tool.costwarden.reference: expected true or false, found 1, expected only `reference = true` under [tool.costwarden]");
    edit(&projects, "watch/pyproject.toml", &[("reference = 1", "reference = true")]);
    projects.costwarden("watch", &["plugin", "build"]).expect(0);
    reads_what_is_granted(&projects);
}

const READ_IN_PYTHON: &str = r#"
        try:
            weeks = int(reference.read("weeks"))
        except Err as error:
            return [Err(Refusal_Failed(error.value)) for _ in history]
"#;

#[test]
fn javascript_reads_reference_data_that_its_project_asks_for() {
    let Some(modules) = fetched("javascript/node_modules") else { return };
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "watch", "--language", "javascript"]).expect(0);
    std::os::unix::fs::symlink(modules, projects.path().join("watch/node_modules")).expect("linked");
    edit(
        &projects,
        "watch/detector.js",
        &[
            ("const SETTINGS", "import { read } from \"costwarden:detector/reference@1.0.0\";\n\nconst SETTINGS"),
            ("    const { weeks } = { ...DEFAULTS, ...JSON.parse(context.settings) };\n", READ_IN_JAVASCRIPT),
        ],
    );
    edit(
        &projects,
        "watch/package.json",
        &[("\"private\": true,", "\"private\": true,\n  \"costwarden\": { \"refer\": true },")],
    );
    projects.has_time("watch");
    let refused = projects.costwarden("watch", &["plugin", "build"]).expect(2);
    insta::assert_snapshot!(projects.plain(&refused.stderr), @r#"failed: [projects]/watch/package.json: unknown field `refer`, expected `reference` at line 6 column 25, expected a JSON object with the module as `main` and, optionally, `"costwarden": {"reference": true}`"#);
    edit(&projects, "watch/package.json", &[("\"refer\"", "\"reference\"")]);
    projects.costwarden("watch", &["plugin", "build"]).expect(0);
    reads_what_is_granted(&projects);
}

const READ_IN_JAVASCRIPT: &str = r#"
    let weeks;
    try {
      weeks = Number(String.fromCharCode(...read("weeks")));
    } catch (error) {
      return history.map(() => ({ tag: "err", val: { tag: "failed", val: String(error.payload) } }));
    }
"#;
