//! Faulty sources: the compiler's message reaches the author, with a remedy.

use std::path::{Path, PathBuf};

use crate::{ProjectsFolder, fetched};
use costwarden_tests::{bundled_plugins, plugins, repository};

/// A new project with the fetched modules.
fn begun(language: &str, fetched: &Path) -> (ProjectsFolder, PathBuf) {
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "watch", "--language", language]).expect(0);
    let project = projects.path().join("watch");
    if language == "javascript" {
        std::os::unix::fs::symlink(fetched, project.join("node_modules")).expect("linked");
    }
    (projects, project)
}

#[test]
fn a_folder_without_a_project_is_named() {
    let projects = ProjectsFolder::new();
    std::fs::create_dir(projects.path().join("empty")).expect("a folder");
    for (path, name) in [("empty", "a folder"), ("absent", "nothing")] {
        let built = projects.costwarden("", &["plugin", "build", path]).expect(2);
        assert!(built.stderr.starts_with(&format!("failed: {path}: not a project, expected ")), "{name}: {built:?}");
    }
    std::fs::write(projects.path().join("text.wasm"), "(module)").expect("written");
    insta::assert_snapshot!(projects.costwarden("", &["plugin", "build", "text.wasm"]).expect(2).stderr, @"failed: text.wasm: WebAssembly text, expected a .wasm core module or component built for costwarden:detector@1: convert the file with `wasm-tools parse`");
    insta::assert_snapshot!(projects.costwarden("", &["plugin", "build", "empty"]).expect(2).stderr, @"failed: empty: not a project, expected a folder with Cargo.toml, pyproject.toml, app.py or package.json, or a compiled .wasm module: create a project with `costwarden plugin new NAME`");
}

#[test]
fn errors_in_rust_are_shown() {
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "watch"]).expect(0);
    let file = projects.path().join("watch/src/lib.rs");
    let text = std::fs::read_to_string(&file).expect("made");
    std::fs::write(&file, text.replace("settings.ratio * expected", "settings.factor * expected")).expect("written");
    let built = projects.costwarden("", &["plugin", "build", "watch"]).expect(2);
    assert!(built.stderr.contains("no field `factor` on type"), "{built:?}");
    assert!(
        built.stderr.ends_with("failed: cargo build failed (exit status: 101); the output of cargo build is above\n"),
        "{built:?}"
    );
    assert!(!projects.path().join("watch/watch.wasm").exists());
}

#[test]
fn a_rust_library_that_is_no_module_is_told() {
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "watch"]).expect(0);
    let file = projects.path().join("watch/Cargo.toml");
    let text = std::fs::read_to_string(&file).expect("made");
    std::fs::write(&file, text.replace("\"cdylib\"", "\"rlib\"")).expect("written");
    let built = projects.costwarden("", &["plugin", "build", "watch"]).expect(2);
    let last = projects.plain(built.stderr.lines().last().expect("a line"));
    insta::assert_snapshot!(last, @r#"failed: [projects]/watch/Cargo.toml: builds no module, expected a library with crate-type = ["cdylib"]"#);
}

#[test]
fn errors_in_python_are_shown() {
    if fetched("python/bin/componentize-py").is_none() {
        return;
    }
    let projects = ProjectsFolder::new();
    projects.costwarden("", &["plugin", "new", "watch", "--language", "python"]).expect(0);
    let example = std::fs::read_to_string(projects.path().join("watch/app.py")).expect("made");
    let told = |source: &str| {
        std::fs::write(projects.path().join("watch/app.py"), source).expect("written");
        projects.costwarden("", &["plugin", "build", "watch"]).expect(2).stderr
    };
    insta::assert_snapshot!(told("import nothing_of_that_name\n"), @r#"
    Traceback (most recent call last):
      File "app.py", line 1, in <module>
        import nothing_of_that_name
    ModuleNotFoundError: No module named 'nothing_of_that_name'
    failed: componentize-py failed (exit status: 1); the output of componentize-py is above
    "#);
    insta::assert_snapshot!(told("class Detector\n    pass\n"), @r#"
    File "app.py", line 1
        class Detector
                      ^
    SyntaxError: expected ':'
    failed: componentize-py failed (exit status: 1); the output of componentize-py is above
    "#);
    // What a project begins with tells its exceptions through the host, which is not there while it is built.
    insta::assert_snapshot!(told(&format!("{example}raise ValueError(\"late\")\n")), @r#"
    Traceback (most recent call last):
      File "app.py", line 171, in <module>
        raise ValueError("late")
    ValueError: late
    failed: componentize-py failed (exit status: 1); the output of componentize-py is above
    "#);
    insta::assert_snapshot!(told(&example.replace("def fit(self", "def fitt(self")), @"
    TypeError: Can't instantiate abstract class Detector without an implementation for abstract method 'fit'
    failed: componentize-py failed (exit status: 1); the output of componentize-py is above
    ");
    insta::assert_snapshot!(told(&format!("{example}log.emit(log.Level.INFO, \"early\")\n")), @"
    app.py calls costwarden:detector/log@1.0.0#emit during the import of the module, without a host: call costwarden:detector/log@1.0.0#emit from a method
    failed: componentize-py failed (exit status: 1); the output of componentize-py is above
    ");
    std::fs::remove_file(projects.path().join("watch/app.py")).expect("removed");
    let built = projects.costwarden("", &["plugin", "build", "watch"]).expect(2);
    insta::assert_snapshot!(projects.plain(&built.stderr), @"failed: [projects]/watch/app.py: absent, expected the module with the class Detector, as in a project of `costwarden plugin new --language python`");
}

#[test]
fn errors_in_javascript_are_shown() {
    let Some(modules) = fetched("javascript/node_modules") else { return };
    let (projects, project) = begun("javascript", &modules);
    let told = |source: &str| {
        std::fs::write(project.join("detector.js"), source).expect("written");
        projects.costwarden("", &["plugin", "build", "watch"]).expect(2).stderr
    };
    insta::assert_snapshot!(told("export const detector = nothing_of_that_name;\n"), @"
    detector.js: the top-level code failed:
    detector.js:1:25 ReferenceError: nothing_of_that_name is not defined
    failed: componentize-js failed (exit status: 1); the output of componentize-js is above
    ");
    insta::assert_snapshot!(told("export const detector = {};\nconst DAY = ;\n"), @"
    detector.js:2
    const DAY = ;
                ^
    SyntaxError: Unexpected token ';'
    failed: componentize-js failed (exit status: 1); the output of componentize-js is above
    ");
    insta::assert_snapshot!(told("export const detektor = {};\n"), @r#"
    Error: "detector.js" does not export a "detector" interface as expected by the world.
      Try defining it by its alias:
      export const detector = {};
    failed: componentize-js failed (exit status: 1); the output of componentize-js is above
    "#);
    let told = |package: &str| {
        std::fs::write(project.join("package.json"), package).expect("written");
        projects.plain(&projects.costwarden("", &["plugin", "build", "watch"]).expect(2).stderr)
    };
    insta::assert_snapshot!(told("{ \"main\": 5 }"), @r#"failed: [projects]/watch/package.json: invalid type: integer `5`, expected a string at line 1 column 11, expected a JSON object with the module as `main` and, optionally, `"costwarden": {"reference": true}`"#);
    insta::assert_snapshot!(told("{ \"main\": \"other.js\" }"), @"failed: [projects]/watch/package.json: `main` is `other.js`, but the file is absent, expected the module that exports `detector`");
}

/// An exception in a call: the message contains text and location.
#[test]
fn exceptions_are_told() {
    for (language, compiler, file, from, to, told) in [
        (
            "python",
            "python/bin/componentize-py",
            "app.py",
            "[Ok(judge(context, settings, window))",
            "[Ok(judge(context, nothing, window))",
            ["NameError: name 'nothing' is not defined", "(line LINE)"],
        ),
        (
            "javascript",
            "javascript/node_modules",
            "detector.js",
            "val: judge(context, settings, window)",
            "val: judge(context, nothing, window)",
            ["ReferenceError: nothing is not defined", "detector.js:LINE:"],
        ),
    ] {
        let Some(fetched) = fetched(compiler) else { continue };
        let (projects, project) = begun(language, &fetched);
        let text = std::fs::read_to_string(project.join(file)).expect("made");
        let line = text.lines().position(|line| line.contains(from)).expect("a line") + 1;
        std::fs::write(project.join(file), text.replace(from, to)).expect("written");
        projects.costwarden("", &["plugin", "build", "watch"]).expect(0);
        let run =
            projects.costwarden("", &["plugin", "run", "watch/watch.wasm", "--input", "watch/series.csv"]).expect(2);
        let last = run.stderr.lines().last().expect("a line");
        let is_told = |part: &str| last.contains(&part.replace("LINE", &line.to_string()));
        assert!(told.into_iter().all(is_told), "{last}");
    }
}

/// A result is converted after the return of the method, so there is no exception to show; its output appears.
#[test]
fn a_result_of_a_wrong_type_is_named() {
    for (language, compiler, file, edits, printed) in [
        (
            "python",
            "python/bin/componentize-py",
            "app.py",
            [
                ("Verdict(i, score,", "Verdict(i, \"high\","),
                ("    usual = USUAL", "    print(\"so far\", 1)\n    usual = USUAL"),
            ],
            " INFO so far 1 plugin=watch rule=run series=series from=20",
        ),
        (
            "javascript",
            "javascript/node_modules",
            "detector.js",
            [
                (", reason: text", ""),
                ("  const usual = unpack", "  emit(\"debug\", \"so far\");\n  const usual = unpack"),
            ],
            "DEBUG so far plugin=watch rule=run series=series from=20",
        ),
    ] {
        let Some(fetched) = fetched(compiler) else { continue };
        let (projects, project) = begun(language, &fetched);
        let mut text = std::fs::read_to_string(project.join(file)).expect("made");
        for (from, to) in edits {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(project.join(file), text).expect("written");
        projects.costwarden("", &["plugin", "build", "watch"]).expect(0);
        let run =
            projects.costwarden("", &["plugin", "run", "watch/watch.wasm", "--input", "watch/series.csv"]).expect(2);
        assert!(run.stderr.contains(printed), "{run:?}");
        let last = run.stderr.lines().last().expect("a line");
        assert!(last.ends_with("trapped: wasm `unreachable` instruction executed; the plugin logged no error before the trap: a detector in Python or JavaScript traps like this if a result has a wrong type, or if the code uses a clock, files or another service of an operating system"), "{last}");
    }
}

/// A second packing changes nothing, in any folder.
#[test]
fn a_bundled_plugin_is_packed_already() {
    let projects = ProjectsFolder::new();
    for name in bundled_plugins() {
        let bundled = std::fs::read(plugins().join(format!("{name}.wasm"))).expect("built");
        std::fs::write(projects.path().join("packed.wasm"), &bundled).expect("written");
        projects.costwarden("", &["plugin", "build", "packed.wasm"]).expect(0);
        let again = std::fs::read(projects.path().join(format!("{name}.wasm"))).expect("built");
        assert!(bundled == again, "{name}");
    }
}

#[test]
fn a_module_is_packed_without_its_project() {
    let projects = ProjectsFolder::new();
    let module = repository().join("target/test-plugins/misbehaving.wasm");
    let name = module.to_str().expect("UTF-8");
    let built = projects.costwarden("", &["--json", "plugin", "build", name, "--output", "out.wasm"]).expect(0);
    let told = &built.json()[0];
    assert_eq!((told["file"].as_str(), told["name"].as_str()), (Some("out.wasm"), Some("misbehaving")));
    let bytes = std::fs::metadata(projects.path().join("out.wasm")).expect("built").len();
    assert_eq!(told["bytes"], bytes);
}
