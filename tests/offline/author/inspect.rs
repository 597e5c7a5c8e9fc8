//! `plugin inspect`: the contents of a file, shown without running any of its code.

use serde_json::json;

use super::project::{AuthorProject, bundled, core_module, trimmed};

/// A component with an endless loop in its instantiation.
const ENDLESS: &str = r#"(component
    (import "costwarden:detector/log@1.0.0" (instance $log))
    (import "costwarden:detector/reference@1.0.0" (instance))
    (import "wasi:cli/environment@0.2.0" (instance))
    (core module (func $start (loop (br 0))) (start $start))
    (core instance (instantiate 0))
    (export "costwarden:detector/detector@1.0.0" (instance $log)))"#;

const MANIFEST: &str = r##"{
    "contract": "1.0.0", "name": "endless", "version": "0.3.1", "summary": "never comes back",
    "minPoints": 14, "scope": "each",
    "settingsSchema": {"properties": {
        "k": {"description": "Times the usual spread that alerts.", "type": "number", "exclusiveMinimum": 0, "default": 4.0},
        "season": {"description": "Which season to expect.", "$ref": "#/$defs/Season", "default": "auto"}
    }, "$defs": {"Season": {"enum": ["auto", "none"]}}}
}"##;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is right")
}

/// Appends a custom section with the given name.
fn with_section(mut bytes: Vec<u8>, name: &str, content: &str) -> Vec<u8> {
    let mut body = vec![u8::try_from(name.len()).expect("short")];
    body.extend(name.bytes().chain(content.bytes()));
    bytes.extend([0, body.len() as u8 & 0x7f | 0x80, (body.len() >> 7) as u8]);
    bytes.extend(body);
    bytes
}

#[test]
fn a_plugin_with_an_endless_start_is_shown() {
    let project = AuthorProject::new();
    project.write("endless.wasm", with_section(wasm(ENDLESS), "costwarden:manifest", MANIFEST));
    insta::assert_snapshot!(trimmed(&project.plugin(&["inspect", "endless.wasm"]).expect(0).stdout), @r#"
    name        endless
    version     0.3.1
    summary     never comes back
    contract    1.0.0
    digest      sha256:a3740f457e75e254bd2e432e0322f6ffc2e5fb11fe4da1d2bcc1ab6cc54f2150
    signer      none: unsigned
    encoding    component
    size        745 bytes
    imports     costwarden:detector/log@1.0.0: log
                costwarden:detector/reference@1.0.0: reference (needs a grant)
                wasi:cli/environment@0.2.0: not allowed: the plugin does not load
    scope       each
    min points  14

     setting  type            default  description
    ───────────────────────────────────────────────────────────────────────
     k        number above 0  4.0      Times the usual spread that alerts.
     season   auto or none    "auto"   Which season to expect.
    "#);
    let shown = project.plugin(&["--json", "inspect", "endless.wasm"]).expect(0).report();
    let manifest: serde_json::Value = serde_json::from_str(MANIFEST).expect("JSON");
    assert_eq!(shown["manifest"], manifest);
    assert_eq!((&shown["encoding"], &shown["signature"]), (&"component".into(), &serde_json::Value::Null));
    assert_eq!(shown["imports"][1]["meaning"], "reference (needs a grant)");
}

#[test]
fn a_core_module_shows_what_it_has() {
    let run = AuthorProject::new().plugin(&["inspect", &core_module()]).expect(0);
    let digest = "0".repeat(64);
    let line = |line: &str| match line.split_once("sha256:") {
        Some((name, rest)) => format!("{name}sha256:{}", &digest[..rest.len()]),
        None if line.starts_with("size") => "size        [n] bytes".to_owned(),
        None => line.to_owned(),
    };
    insta::assert_snapshot!(run.stdout.lines().map(|text| line(text) + "\n").collect::<String>(), @"
    manifest    not packed: `costwarden plugin build` packs the manifest; `costwarden check` calls `describe` in the sandbox
    contract    1.0.0
    digest      sha256:0000000000000000000000000000000000000000000000000000000000000000
    signer      none: unsigned
    encoding    core
    size        [n] bytes
    imports     costwarden:detector/log@1.0.0: log
    ");
}

#[test]
fn a_signature_is_named_and_believed_only_once_verified() {
    let project = AuthorProject::new();
    project.write("endless.wasm", wasm(ENDLESS));
    project.write("endless.wasm.minisig", "");
    let signer = || {
        let text = project.plugin(&["inspect", "endless.wasm"]).expect(0).stdout;
        text.lines().find(|line| line.starts_with("signer")).expect("a line").to_owned()
    };
    insta::assert_snapshot!(signer(), @"signer      unknown: the .minisig file is not a minisign signature");
    let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("a key");
    let signature = minisign::sign(None, &pair.sk, wasm(ENDLESS).as_slice(), None, None).expect("signed");
    project.write("endless.wasm.minisig", signature.into_string());
    let public = pair.pk.to_box().expect("a key").to_string();
    let key = public.lines().next().and_then(|comment| comment.rsplit_once(' ')).expect("names the key").1;
    // minisign omits leading zeros in this comment.
    let key = format!("{key:0>16}");
    assert_eq!(signer(), format!("signer      key {key}, not verified: the config has no [[plugins.signing.key]]"));
    let json = || project.plugin(&["--json", "inspect", "endless.wasm"]).expect(0).report()["signature"].clone();
    assert_eq!(json(), json!({"key": key, "verified": null, "signer": null, "problem": null}));

    let trust = |line: &str, pattern: &str| {
        // The rest of a config need not be right for this, nor its secrets be there.
        project.write(
            "costwarden.toml",
            format!(
                "[source]\nkind = \"kakao\"\ncredential_secret = \"env:UNSET\"\n\
                 [[plugins.signing.key]]\nname = \"acme\"\npublic_key = {line:?}\nplugins = [{pattern:?}]\n"
            ),
        );
    };
    trust(&pair.pk.to_base64(), "end*");
    assert_eq!(signer(), format!("signer      key {key}, verified: `acme` of [[plugins.signing.key]]"));
    assert_eq!(json(), json!({"key": key, "verified": true, "signer": "acme", "problem": null}));
    trust(&pair.pk.to_base64(), "other-*");
    let problem = "endless.wasm: signed by `acme`, but this key may sign only \"other-*\", not `endless`: add the plugin to `plugins` of the [[plugins.signing.key]]";
    assert_eq!(signer(), format!("signer      key {key}, NOT VERIFIED: {problem}"));
    assert_eq!(json(), json!({"key": key, "verified": false, "signer": null, "problem": problem}));
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().expect("a key");
    trust(&stranger.pk.to_base64(), "*");
    assert!(signer().contains(", NOT VERIFIED: endless.wasm: signed by the key "), "{}", signer());
    trust(&pair.pk.to_base64(), "*");
    project.write("endless.wasm", with_section(wasm(ENDLESS), "more", "bytes"));
    assert!(
        signer().contains(", NOT VERIFIED: endless.wasm: changed after `acme` signed the file: the bytes are sha256:"),
        "{}",
        signer()
    );
}

#[test]
fn unusable_files_are_named_with_the_expected_format() {
    let project = AuthorProject::new();
    let refused = |bytes: &[u8]| {
        project.write("x.wasm", bytes);
        project.refused(&["inspect", "x.wasm"])
    };
    insta::assert_snapshot!(refused(b"\x7fELF"), @"failed: x.wasm: not WebAssembly, expected a module or component");
    insta::assert_snapshot!(refused(b""), @"failed: x.wasm: not WebAssembly, expected a module or component");
    insta::assert_snapshot!(refused(&wasm(ENDLESS)[..20]), @"failed: x.wasm: damaged: unexpected end-of-file (at offset 0xf)");
    insta::assert_snapshot!(refused(&with_section(wasm(ENDLESS), "costwarden:manifest", "{}")), @"failed: x.wasm: the section `costwarden:manifest` is not a manifest: missing field `contract` at line 1 column 2");
    insta::assert_snapshot!(project.refused(&["inspect", "absent.wasm"]), @"failed: absent.wasm: cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(project.refused(&["inspect", "."]), @"failed: .: not a regular file, expected a .wasm core module or component built for costwarden:detector@1");
}

/// Files of a megabyte that a parser without limits needs minutes or gigabytes for.
#[test]
fn large_files_are_refused_at_their_limits() {
    let project = AuthorProject::new();
    let imports: String = (0..100_000).map(|number| format!("(import \"m{number}\" \"f\" (func))")).collect();
    project.write("imports.wasm", wasm(&format!("(module {imports})")));
    insta::assert_snapshot!(project.refused(&["inspect", "imports.wasm"]), @"failed: imports.wasm: imports more than 1000 interfaces");
    let refused = |schema: &str| {
        let manifest = MANIFEST.replace("\"$defs\"", &format!("\"more\": {schema}, \"$defs\""));
        project.write("schema.wasm", with_section(wasm(ENDLESS), "costwarden:manifest", &manifest));
        let inspected = project.refused(&["inspect", "schema.wasm"]);
        assert_eq!(project.refused(&["rule", "schema.wasm"]), inspected);
        inspected
    };
    insta::assert_snapshot!(refused(&format!("{}{}", "[".repeat(7_000), "]".repeat(7_000))), @"failed: schema.wasm: the section `costwarden:manifest` is not a manifest: JSON with more than 33 levels");
    insta::assert_snapshot!(refused(&format!("[{}0]", "0,".repeat(6_000))), @"failed: schema.wasm: the section `costwarden:manifest` is not a manifest: JSON with more than 1000 entries in an array or object");
}

/// A module that cargo builds with wasm-bindgen imports functions of JavaScript.
#[test]
fn a_module_with_wasm_bindgen_is_told_the_way_without() {
    let project = AuthorProject::new();
    let module = |import: &str| wasm(&format!(r#"(module (import "{import}" "describe" (func (param i32))))"#));
    project.write("bound.wasm", module("__wbindgen_placeholder__"));
    let shown = project.plugin(&["inspect", "bound.wasm"]).expect(0).stdout;
    let imports = shown.lines().find(|line| line.starts_with("imports")).expect("a line");
    insta::assert_snapshot!(imports, @"imports     __wbindgen_placeholder__: not allowed: needs JavaScript; build without wasm-bindgen");
    insta::assert_snapshot!(project.refused(&["build", "bound.wasm"]), @"failed: bound.wasm: imports `__wbindgen_placeholder__`, the glue of wasm-bindgen to JavaScript, and a plugin runs without JavaScript: build with plain cargo and costwarden-sdk, without wasm-bindgen; `cargo tree --target wasm32-unknown-unknown --invert wasm-bindgen` names the crate that needs wasm-bindgen");
    project.write("other.wasm", module("env"));
    let other = project.refused(&["build", "other.wasm"]);
    assert!(other.contains("imports `env`") && !other.contains("wasm-bindgen"), "{other}");
}

/// The printed rule passes `check`.
#[test]
fn a_first_rule_is_a_rule() {
    let workdir = costwarden_tests::Workdir::new(
        "[source]\nkind = \"replay\"\ndirectory = \"bills\"\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n\
         [store]\nkind = \"embedded\"\n[rules]\ndirectory = \"rules\"\n",
    );
    std::fs::create_dir(workdir.path().join("bills")).expect("a folder");
    let plugins = costwarden_tests::bundled_plugins();
    for name in &plugins {
        let rule = workdir.run(&["plugin", "rule", &bundled(name)]).expect(0).stdout;
        assert!(rule.contains(&format!("detector = {name:?}")), "{rule}");
        workdir.write(&format!("rules/{name}.toml"), &rule);
    }
    let checked = workdir.run(&["check"]).expect(0);
    assert!(checked.stdout.contains(&format!("{} rules", plugins.len())), "{checked:?}");
    let refused = AuthorProject::new().refused(&["rule", &core_module()]);
    insta::assert_snapshot!(refused, @"failed: [repository]/target/test-plugins/bare.wasm: no packed manifest with the settings: pack a manifest with `costwarden plugin build [repository]/target/test-plugins/bare.wasm`");
}
