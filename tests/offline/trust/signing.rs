//! Signatures: the keys for each plugin, and the refusal of unsigned files before any parsing.

use std::os::unix::fs::PermissionsExt as _;

use costwarden_tests::Workdir;
use costwarden_tests::plugin_files::{configure, rebuild, said, steady};
use costwarden_tests::three_services::{check, daily, plain, workdir, workdir_with_history};

/// Creates a key and trusts the key for plugins that match a pattern.
fn trust(workdir: &Workdir, name: &str, pattern: &str) {
    workdir.run(&["plugin", "keygen", &format!("{name}.key")]).expect(0);
    configure(
        workdir,
        &format!(
            "[[plugins.signing.key]]\nname = {name:?}\npublic_key = \"file:{name}.key.pub\"\nplugins = [{pattern:?}]\n"
        ),
    );
}

fn sign(workdir: &Workdir, plugin: &str, key: &str) {
    workdir.run(&["plugin", "sign", &format!("plugins/{plugin}.wasm"), "--key", key]).expect(0);
}

/// Returns the error that keeps the only rule from running.
#[track_caller]
fn refused(workdir: &Workdir) -> String {
    let (code, text) = check(workdir);
    assert_eq!(code, 2, "{text}");
    steady(text.lines().next().expect("a line"))
}

#[test]
fn a_plugin_of_a_trusted_key_runs() {
    let workdir = workdir_with_history();
    let (_, unsigned, _) = daily(&workdir);
    trust(&workdir, "acme", "tut*");
    sign(&workdir, "tutorial", "acme.key");
    let (code, report, problems) = daily(&workdir);
    assert_eq!((code, &report["anomalies"]), (0, &unsigned["anomalies"]), "{problems}");
    let (code, text) = said(&workdir, &["plugin", "verify", "plugins/tutorial.wasm"]);
    insta::assert_snapshot!(text, @"plugins/tutorial.wasm: signed by acme (file:tutorial.wasm sha256:[1])");
    assert_eq!(code, 0);
}

/// A parse error would be "not WebAssembly".
#[test]
fn an_unsigned_file_is_not_parsed() {
    let workdir = workdir();
    workdir.write("plugins/tutorial.wasm", "garbage");
    trust(&workdir, "acme", "*");
    insta::assert_snapshot!(refused(&workdir), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm: unsigned, but [[plugins.signing.key]] requires a signature: sign the plugin with `costwarden plugin sign`");
    sign(&workdir, "tutorial", "acme.key");
    insta::assert_snapshot!(refused(&workdir), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm: not WebAssembly, expected a .wasm core module or component built for costwarden:detector@1");
}

#[test]
fn each_way_of_being_wrongly_signed_has_its_error() {
    let workdir = workdir();
    trust(&workdir, "acme", "acme-*");
    trust(&workdir, "internal", "*");
    workdir.run(&["plugin", "keygen", "stranger.key"]).expect(0);

    sign(&workdir, "tutorial", "stranger.key");
    insta::assert_snapshot!(refused(&workdir), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm: signed by the key [1], but no [[plugins.signing.key]] has this key");
    sign(&workdir, "tutorial", "acme.key");
    insta::assert_snapshot!(refused(&workdir), @r#"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm: signed by `acme`, but this key may sign only "acme-*", not `tutorial`: add the plugin to `plugins` of the [[plugins.signing.key]]"#);
    sign(&workdir, "tutorial", "internal.key");
    assert_eq!(check(&workdir).0, 0);
    rebuild(&workdir, "tutorial", 1);
    insta::assert_snapshot!(refused(&workdir), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm: changed after `internal` signed the file: the bytes are sha256:[1], the signature is for sha256:[2]: get the file again, or sign the plugin again");
    workdir.write("plugins/tutorial.wasm.minisig", "untrusted comment: none\n");
    insta::assert_snapshot!(refused(&workdir), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm: the signature is not in the format of minisign: sign the plugin again with `costwarden plugin sign`");
    workdir.write("plugins/tutorial.wasm.minisig", &"x".repeat(20_000));
    insta::assert_snapshot!(refused(&workdir), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm.minisig: cannot be read: too large for a signature");
    std::fs::remove_file(workdir.path().join("plugins/tutorial.wasm.minisig")).expect("removed");
    std::fs::create_dir(workdir.path().join("plugins/tutorial.wasm.minisig")).expect("a folder");
    insta::assert_snapshot!(refused(&workdir), @"error: [workdir]/rules/healthy.toml:5: rule healthy: detector: [workdir]/plugins/tutorial.wasm.minisig: cannot be read: not a regular file");
}

#[test]
fn a_refused_plugin_leaves_the_others_running() {
    let workdir = workdir_with_history();
    workdir.write(
        "rules/new.toml",
        &costwarden_tests::three_services::HEALTHY.replace("healthy", "new").replace("tutorial", "daily-level"),
    );
    trust(&workdir, "acme", "*");
    sign(&workdir, "tutorial", "acme.key");
    let (code, report, problems) = daily(&workdir);
    insta::assert_snapshot!(problems, @"[workdir]/rules/new.toml:5: rule new: detector: [workdir]/plugins/daily-level.wasm: unsigned, but [[plugins.signing.key]] requires a signature: sign the plugin with `costwarden plugin sign`");
    assert_eq!((code, &report["outcome"]), (1, &"degraded".into()));
    assert_eq!(report["anomalies"].as_array().map(Vec::len), Some(1));
}

#[test]
fn keys_are_guarded() {
    let workdir = workdir();
    workdir.run(&["plugin", "keygen", "acme.key"]).expect(0);
    let mode = |name: &str| std::fs::metadata(workdir.path().join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode("acme.key"), mode("acme.key.pub") & 0o600), (0o600, 0o600));
    let words = |args: &[&str]| {
        let run = workdir.run(&[&["plugin"], args].concat()).expect(2);
        steady(&plain(&workdir, &run.stderr))
    };
    insta::assert_snapshot!(words(&["keygen", "acme.key"]), @"failed: acme.key already exists: name another file, because a key is never overwritten");
    std::fs::rename(workdir.path().join("acme.key"), workdir.path().join("moved.key")).expect("moved");
    insta::assert_snapshot!(words(&["keygen", "acme.key"]), @"failed: acme.key.pub already exists: name another file, because a key is never overwritten");
    let sign = |key: &'static str| ["sign", "plugins/tutorial.wasm", "--key", key];
    insta::assert_snapshot!(words(&sign("none.key")), @"failed: none.key: no such file: create a key with `costwarden plugin keygen none.key`");
    insta::assert_snapshot!(words(&sign("acme.key.pub")), @"failed: acme.key.pub is accessible to other users (mode 644), expected mode 600: run chmod 600 acme.key.pub");
    std::fs::set_permissions(workdir.path().join("acme.key.pub"), std::fs::Permissions::from_mode(0o600)).expect("set");
    insta::assert_snapshot!(words(&sign("acme.key.pub")), @"failed: acme.key.pub: not a secret key, or an encrypted key without --password-file: expected FILE of `costwarden plugin keygen FILE`, not FILE.pub");
    insta::assert_snapshot!(words(&["sign", "plugins/none.wasm", "--key", "moved.key"]), @"failed: plugins/none.wasm: cannot be read: No such file or directory (os error 2)");
    assert!(!workdir.path().join("plugins/tutorial.wasm.minisig").exists());
}

#[test]
fn a_password_encrypts_a_key() {
    let workdir = workdir();
    for (file, text) in [("password", "long and secret\n"), ("other", "wrong\n")] {
        workdir.write(file, text);
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(workdir.path().join(file), mode).expect("set");
    }
    let keys = workdir.run(&["plugin", "keygen", "acme.key", "--password-file", "password"]).expect(0);
    assert!(keys.stdout.starts_with("acme.key: the secret key for signing, encrypted with the password\n"), "{keys:?}");
    let sign = |key: &str, more: &[&str], code| {
        let run =
            workdir.run(&[&["plugin", "sign", "plugins/tutorial.wasm", "--key", key], more].concat()).expect(code);
        run.stderr
    };
    insta::assert_snapshot!(sign("acme.key", &[], 2), @"failed: acme.key: not a secret key, or an encrypted key without --password-file: expected FILE of `costwarden plugin keygen FILE`, not FILE.pub");
    insta::assert_snapshot!(sign("acme.key", &["--password-file", "other"], 2), @"failed: acme.key: not an encrypted key, or another password: expected the password of `costwarden plugin keygen`");
    sign("acme.key", &["--password-file", "password"], 0);
    workdir.run(&["plugin", "verify", "plugins/tutorial.wasm", "--key", "acme.key.pub"]).expect(0);
    workdir.run(&["plugin", "keygen", "plain.key"]).expect(0);
    insta::assert_snapshot!(sign("plain.key", &["--password-file", "password"], 2), @"failed: plain.key: not an encrypted key: leave out --password-file");
}

#[test]
fn machines_are_told_the_same() {
    let workdir = workdir();
    let json = |args: &[&str]| workdir.run(&[&["plugin"], args, &["--json"]].concat()).expect(0).report();
    let keys = json(&["keygen", "acme.key"]);
    assert_eq!((&keys["secretKey"], &keys["publicKey"]), (&"acme.key".into(), &"acme.key.pub".into()));
    let public = std::fs::read_to_string(workdir.path().join("acme.key.pub")).expect("a key");
    assert_eq!(keys["line"].as_str(), public.lines().last());
    let signed = json(&["sign", "plugins/tutorial.wasm", "--key", "acme.key"]);
    assert_eq!(signed["signature"], "plugins/tutorial.wasm.minisig");
    let verified = json(&["verify", "plugins/tutorial.wasm", "--key", "acme.key.pub"]);
    assert_eq!((&verified["signer"], &verified["digest"]), (&"acme.key.pub".into(), &signed["digest"]));
    assert_eq!(json(&["new", "watch", "--language", "python"])["directory"], "watch");
    assert!(workdir.path().join("watch/app.py").exists());
}

/// Pulled plugins have the name of a digest, without the name of the plugin.
#[test]
fn verify_knows_a_plugin_by_its_own_name() {
    let workdir = workdir();
    trust(&workdir, "acme", "tut*");
    sign(&workdir, "tutorial", "acme.key");
    for suffix in ["", ".minisig"] {
        let [from, to] =
            ["tutorial", "sha256-0123"].map(|name| workdir.path().join(format!("plugins/{name}.wasm{suffix}")));
        std::fs::rename(from, to).expect("renamed");
    }
    let verify = || said(&workdir, &["plugin", "verify", "plugins/sha256-0123.wasm"]);
    let (code, text) = verify();
    insta::assert_snapshot!(text, @"plugins/sha256-0123.wasm: signed by acme (file:tutorial.wasm sha256:[1])");
    assert_eq!(code, 0);
    // Nothing is read of what is not proved: not even its name.
    workdir.write("plugins/sha256-0123.wasm", "garbage");
    insta::assert_snapshot!(verify().1, @"failed: plugins/sha256-0123.wasm: changed after `acme` signed the file: the bytes are sha256:[1], the signature is for sha256:[2]: get the file again, or sign the plugin again");
    sign(&workdir, "sha256-0123", "acme.key");
    insta::assert_snapshot!(verify().1, @r#"failed: plugins/sha256-0123.wasm: signed by `acme`, but this key may sign only "tut*", not `sha256-0123`: add the plugin to `plugins` of the [[plugins.signing.key]]"#);
}

#[test]
fn verify_says_what_differs() {
    let workdir = workdir();
    for key in ["acme.key", "other.key"] {
        workdir.run(&["plugin", "keygen", key]).expect(0);
    }
    let verify = |key: &str| {
        let (code, text) = said(&workdir, &["plugin", "verify", "plugins/tutorial.wasm", "--key", key]);
        format!("{code}: {text}")
    };
    insta::assert_snapshot!(verify("acme.key.pub"), @"2: failed: plugins/tutorial.wasm: unsigned, expected the signature plugins/tutorial.wasm.minisig: sign the plugin with `costwarden plugin sign`");
    sign(&workdir, "tutorial", "acme.key");
    insta::assert_snapshot!(verify("acme.key.pub"), @"0: plugins/tutorial.wasm: signed by acme.key.pub (file:tutorial.wasm sha256:[1])");
    insta::assert_snapshot!(verify("other.key.pub"), @"2: failed: plugins/tutorial.wasm: signed by the key [1], expected the key of other.key.pub");
    insta::assert_snapshot!(verify("acme.key"), @"2: failed: acme.key: not a public key of minisign, expected FILE.pub of `costwarden plugin keygen FILE`");
    insta::assert_snapshot!(verify("none.pub"), @"2: failed: none.pub cannot be read: No such file or directory (os error 2)");
    rebuild(&workdir, "tutorial", 1);
    insta::assert_snapshot!(verify("acme.key.pub"), @"2: failed: plugins/tutorial.wasm: changed after `acme.key.pub` signed the file: the bytes are sha256:[1], the signature is for sha256:[2]: get the file again, or sign the plugin again");
    insta::assert_snapshot!(said(&workdir, &["plugin", "verify", "plugins/tutorial.wasm"]).1, @"failed: no key for the verification: name a key with --key FILE, or add a trusted key under [[plugins.signing.key]]");
}
