//! A real registry: pushed plugins are pulled, kept, used offline, and compared with their digests.

mod bundled;
mod kept;
mod tags;

use std::path::PathBuf;

use costwarden_tests::plugin_files::{configure, rebuild, said};
use costwarden_tests::three_services::{HEALTHY, MINIMAL, check, daily, workdir, workdir_with_history};
use costwarden_tests::{Workdir, block_on, repository, service};

/// The folder of one test on the running registry.
struct Registry {
    host: String,
    user: String,
    password: String,
    folder: String,
}

impl Registry {
    /// The folder of a test; `None` without a registry. The name comes from the working directory, so tests do not
    /// share images.
    fn new(workdir: &Workdir) -> Option<Self> {
        let name = workdir.path().file_name().and_then(|name| name.to_str()).expect("a name");
        Some(Self {
            host: service("COSTWARDEN_TEST_REGISTRY")?,
            user: service("COSTWARDEN_TEST_REGISTRY_USER")?,
            password: service("COSTWARDEN_TEST_REGISTRY_PASSWORD")?,
            folder: name.trim_start_matches('.').to_lowercase(),
        })
    }

    /// The `[[plugins.registry]]` table with credentials.
    fn table(&self) -> String {
        format!(
            "[[plugins.registry]]\nhost = {:?}\nusername = {:?}\npassword = \"env:COSTWARDEN_TEST_REGISTRY_PASSWORD\"\n\
             transport = \"http\"\n",
            self.host, self.user
        )
    }

    fn image(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.host, self.folder)
    }

    /// Runs a command. Returns the exit code and the output, without varying parts.
    fn said(&self, workdir: &Workdir, args: &[&str]) -> (i32, String) {
        let (code, text) = said(workdir, args);
        (code, self.plain(&text))
    }

    fn plain(&self, text: &str) -> String {
        costwarden_tests::plugin_files::steady(
            &text.replace(&self.host, "[registry]").replace(&self.folder, "[folder]"),
        )
    }

    /// Pushes the plugin `tutorial` under a tag.
    fn push(&self, workdir: &Workdir, tag: &str) {
        workdir.run(&["plugin", "push", "plugins/tutorial.wasm", &self.image(&format!("tutorial:{tag}"))]).expect(0);
    }

    /// Sets the detector of the rule to an image.
    fn rule(&self, workdir: &Workdir, image: &str) {
        let detector = format!("oci://{}", self.image(image));
        workdir.write("rules/healthy.toml", &HEALTHY.replace("\"tutorial\"", &format!("{detector:?}")));
    }
}

#[test]
fn a_rule_names_an_image_and_a_run_pulls_it_once() {
    let workdir = workdir_with_history();
    let Some(registry) = Registry::new(&workdir) else { return };
    let (_, from_folder, _) = daily(&workdir);
    configure(&workdir, &registry.table());
    registry.push(&workdir, "1.0");
    std::fs::remove_file(workdir.path().join("plugins/tutorial.wasm")).expect("removed");
    registry.rule(&workdir, "tutorial:1.0");

    let (code, text) = check(&workdir);
    insta::assert_snapshot!(registry.plain(&text), @r#"
    error: [workdir]/rules/healthy.toml:5: rule healthy: detector: oci://[registry]/[folder]/tutorial:1.0 is not on this host: any job pulls the plugin, `costwarden plugin pull oci://[registry]/[folder]/tutorial:1.0` pulls it now, and `costwarden check --online` checks that the registry has it
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
    assert_eq!(code, 2);
    // Looking and dry runs use it and keep nothing.
    assert_eq!(workdir.run(&["check", "--online"]).code, 0);
    assert_eq!(workdir.run(&["daily", "--date", "2026-11-22", "--dry-run"]).code, 0);
    assert!(!workdir.path().join("state/plugins").exists());

    let (code, report, problems) = daily(&workdir);
    assert_eq!((code, &report["anomalies"]), (0, &from_folder["anomalies"]), "{problems}");
    assert_eq!(check(&workdir).0, 0);
    // From here on no credentials are there, and the registry's port is spoken to in TLS: whoever asked it would fail.
    workdir.write("costwarden.toml", MINIMAL);
    workdir.run(&["plugin", "pull", &registry.image("tutorial:1.0")]).expect(2);
    let (code, report, problems) = daily(&workdir);
    assert_eq!((code, &report["anomalies"]), (0, &from_folder["anomalies"]), "{problems}");
}

#[test]
fn a_pull_by_tag_and_by_digest_gives_what_was_pushed() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    let image = registry.image("tutorial:1.0");
    insta::assert_snapshot!(registry.said(&workdir, &["plugin", "push", "plugins/tutorial.wasm", &image]).1, @"oci://[registry]/[folder]/tutorial:1.0@sha256:[1]: pushed, unsigned (sha256:[2])");
    let pushed = workdir.run(&["plugin", "push", "plugins/tutorial.wasm", &image, "--json"]).expect(0).report();
    insta::assert_snapshot!(registry.said(&workdir, &["plugin", "pull", &image]).1, @"oci://[registry]/[folder]/tutorial:1.0@sha256:[1]: sha256:[2], stored as [workdir]/state/plugins/sha256-[2].wasm");
    let pinned = pushed["image"].as_str().expect("text").to_owned();
    let (_, digest) = pinned.split_once('@').expect("a digest");
    let by_digest = format!("{}@{digest}", registry.image("tutorial"));
    let pulled = workdir.run(&["plugin", "pull", &by_digest, "--json", "--output", "got.wasm"]).expect(0).report();
    assert_eq!((&pulled["digest"], &pulled["path"]), (&pushed["digest"], &"got.wasm".into()));
    let bytes = |name: &str| std::fs::read(workdir.path().join(name)).expect("a file");
    assert_eq!(bytes("got.wasm"), bytes("plugins/tutorial.wasm"));
    registry.rule(&workdir, &format!("tutorial@{digest}"));
    assert_eq!(check(&workdir).0, 0);
}

/// Refused before any connection: no server listens at the address.
#[test]
fn an_image_has_the_plugins_name() {
    let workdir = workdir();
    let (code, text) = said(&workdir, &["plugin", "push", "plugins/tutorial.wasm", "127.0.0.1:1/acme/web-costs:1.0"]);
    insta::assert_snapshot!(text, @"failed: plugins/tutorial.wasm: the name of the plugin is `tutorial`, but the image is named `web-costs`: expected tutorial as the last part of oci://127.0.0.1:1/acme/web-costs:1.0");
    assert_eq!(code, 2);
}

/// The messages distinguish a server with plain HTTP from a missing server.
#[test]
fn a_registry_without_https_is_told() {
    use std::io::{Read as _, Write as _};
    let workdir = workdir();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let (code, text) =
        said(&workdir, &["plugin", "push", "plugins/tutorial.wasm", &format!("{host}/acme/tutorial:1.0")]);
    insta::assert_snapshot!(text.replace(&host, "[registry]"), @r#"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] does not use https: for a registry with plain http, set `transport = "http"` (beyond loopback: "insecure-http") under [[plugins.registry]] with host = "[registry]""#);
    assert_eq!(code, 2);
}

/// A plugin without a packed manifest runs `describe` in the sandbox. Other files are not pushed.
#[test]
fn an_image_has_the_name_of_a_plugin_without_a_manifest() {
    let workdir = workdir();
    let module = repository().join("target/test-plugins/misbehaving.wasm");
    std::fs::copy(module, workdir.path().join("bare.wasm")).expect("copied");
    let push = |file: &str, name: &str| {
        let (code, text) = said(&workdir, &["plugin", "push", file, &format!("127.0.0.1:1/acme/{name}:1.0")]);
        assert_eq!(code, 2, "{text}");
        text
    };
    insta::assert_snapshot!(push("bare.wasm", "bare"), @"
    bare.wasm: no packed manifest, so an inspection must run the plugin: pack a manifest with `costwarden plugin build bare.wasm`
    failed: bare.wasm: the name of the plugin is `misbehaving`, but the image is named `bare`: expected misbehaving as the last part of oci://127.0.0.1:1/acme/bare:1.0
    ");
    assert!(
        push("bare.wasm", "misbehaving")
            .contains("the registry 127.0.0.1:1 cannot be reached, check the name and the port: ")
    );
    std::fs::write(workdir.path().join("empty.wasm"), b"\0asm\x01\0\0\0").expect("written");
    insta::assert_snapshot!(push("empty.wasm", "empty"), @"failed: empty.wasm: does not export `costwarden:detector/detector`: build the plugin for the contract costwarden:detector@1.0.0");
}

#[test]
fn the_signature_travels_with_the_image() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    registry.push(&workdir, "unsigned");
    workdir.run(&["plugin", "keygen", "acme.key"]).expect(0);
    workdir.run(&["plugin", "sign", "plugins/tutorial.wasm", "--key", "acme.key"]).expect(0);
    registry.push(&workdir, "signed");
    configure(
        &workdir,
        "[[plugins.signing.key]]\nname = \"acme\"\npublic_key = \"file:acme.key.pub\"\nplugins = [\"*\"]\n",
    );
    insta::assert_snapshot!(registry.said(&workdir, &["plugin", "pull", &registry.image("tutorial:unsigned")]).1, @"failed: oci://[registry]/[folder]/tutorial:unsigned@sha256:[1]: unsigned, but [[plugins.signing.key]] requires a signature: sign the plugin with `costwarden plugin sign`");
    registry.rule(&workdir, "tutorial:unsigned");
    let (code, _, problems) = daily(&workdir);
    assert!(code == 1 && problems.contains(": unsigned, but "), "{problems}");
    assert!(!workdir.path().join("state/plugins").exists(), "what is refused is not kept");
    registry.rule(&workdir, "tutorial:signed");
    insta::assert_snapshot!(registry.said(&workdir, &["plugin", "lock"]).1, @"
    added tutorial: version 0.1.0, digest sha256:[1], signer acme, source oci://[registry]/[folder]/tutorial:signed@sha256:[2]
    [workdir]/plugins.lock: 1 plugin written, 1 changed
    ");
    insta::assert_snapshot!(registry.plain(&std::fs::read_to_string(workdir.path().join("plugins.lock")).expect("a lock")), @r#"
    # The plugins of the rules, written by `costwarden plugin lock`. A run refuses all other plugins. Do not edit.
    version = 1

    [[plugin]]
    name = "tutorial"
    version = "0.1.0"
    digest = "sha256:[1]"
    signer = "acme"
    source = "oci://[registry]/[folder]/tutorial:signed@sha256:[2]"
    "#);
    assert_eq!(check(&workdir).0, 0);
    workdir.run(&["plugin", "pull", &registry.image("tutorial:signed"), "--output", "got.wasm"]).expect(0);
    workdir.run(&["plugin", "verify", "got.wasm"]).expect(0);
}

/// A moved tag: a host with the lock uses the locked digest, even before its first pull.
#[test]
fn the_lock_goes_before_the_tag() {
    let workdir = workdir_with_history();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    registry.push(&workdir, "stable");
    registry.rule(&workdir, "tutorial:stable");
    workdir.run(&["plugin", "lock"]).expect(0);
    rebuild(&workdir, "tutorial", 1);
    registry.push(&workdir, "stable");

    std::fs::remove_dir_all(workdir.path().join("state/plugins")).expect("removed");
    assert_eq!(workdir.run(&["check", "--online"]).code, 0);
    assert_eq!(daily(&workdir).0, 0);
    workdir.run(&["plugin", "pull", &registry.image("tutorial:stable")]).expect(0);
    assert_eq!(check(&workdir).0, 0);
    let (code, text) = registry.said(&workdir, &["plugin", "lock", "--check"]);
    insta::assert_snapshot!(text, @"
    failed: [workdir]/plugins.lock: 1 plugin differs: approve the present plugins with `costwarden plugin lock`
    changed tutorial: digest sha256:[1] -> sha256:[2], source oci://[registry]/[folder]/tutorial:stable@sha256:[3] -> oci://[registry]/[folder]/tutorial:stable@sha256:[4]
    ");
    assert_eq!(code, 2);

    registry.rule(&workdir, "tutorial:other");
    insta::assert_snapshot!(registry.plain(&check(&workdir).1), @r#"
    error: [workdir]/rules/healthy.toml:5: rule healthy: detector: oci://[registry]/[folder]/tutorial:other is not on this host: any job pulls the plugin, `costwarden plugin pull oci://[registry]/[folder]/tutorial:other` pulls it now, and `costwarden check --online` checks that the registry has it
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 1 error
    "#);
    registry.push(&workdir, "other");
    insta::assert_snapshot!(registry.plain(&daily(&workdir).2), @"
    [workdir]/rules/healthy.toml:5: rule healthy: detector: `tutorial` comes from oci://[registry]/[folder]/tutorial:other, but [workdir]/plugins.lock:4 has oci://[registry]/[folder]/tutorial:stable@sha256:[1]: approve the new source with `costwarden plugin lock`
    no rule in [workdir]/rules is usable: nothing is evaluated
    ");
}

#[test]
fn a_plugin_with_two_sources_is_refused() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    registry.rule(&workdir, "tutorial:1.0");
    workdir.write("rules/other.toml", &HEALTHY.replace("healthy", "other"));
    insta::assert_snapshot!(registry.plain(&check(&workdir).1), @r#"
    error: [workdir]/rules/healthy.toml:5: rule healthy: detector: plugin `tutorial` has two sources, oci://[registry]/[folder]/tutorial:1.0 (rule healthy) and the plugin folder (rule other): expected one source for all rules of a plugin
    error: [workdir]/rules/other.toml:5: rule other: detector: plugin `tutorial` has two sources, oci://[registry]/[folder]/tutorial:1.0 (rule healthy) and the plugin folder (rule other): expected one source for all rules of a plugin
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    [workdir]/costwarden.toml: 0 rules can run, 2 errors
    "#);
}

#[test]
fn each_way_of_not_getting_a_plugin_has_its_error() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    let pull = |image: &str| registry.said(&workdir, &["plugin", "pull", image]).1;
    let image = registry.image("tutorial:1.0");
    // Nobody may read without credentials, and no password is ever shown.
    configure(&workdir, &format!("[[plugins.registry]]\nhost = {:?}\ntransport = \"http\"\n", registry.host));
    insta::assert_snapshot!(pull(&image), @r#"failed: oci://[registry]/[folder]/tutorial:1.0: the registry [registry] refuses access: set a valid `username` and `password` under [[plugins.registry]] with host = "[registry]""#);
    insta::assert_snapshot!(registry.said(&workdir, &["plugin", "push", "plugins/tutorial.wasm", &image]).1, @r#"failed: oci://[registry]/[folder]/tutorial:1.0: the registry [registry] refuses access: set a valid `username` and `password` under [[plugins.registry]] with host = "[registry]""#);
    workdir.write("costwarden.toml", MINIMAL);
    configure(&workdir, &registry.table());
    let wrong = [("COSTWARDEN_TEST_REGISTRY_PASSWORD", "hunter2")];
    let run = workdir.run_with(&["plugin", "pull", &image], &wrong).expect(2);
    assert!(run.stderr.contains(" refuses access: set a valid `username` and `password`"), "{run:?}");
    assert!(!run.stderr.contains("hunter2") && !run.stderr.contains(&registry.password), "{run:?}");

    insta::assert_snapshot!(pull(&image), @"failed: oci://[registry]/[folder]/tutorial:1.0: the registry does not have this image: check the tag, or push the plugin with `costwarden plugin push`");
    registry.push(&workdir, "1.0");
    insta::assert_snapshot!(pull(&registry.image("tutorial:2.0")), @"failed: oci://[registry]/[folder]/tutorial:2.0: the registry does not have this image: check the tag, or push the plugin with `costwarden plugin push`");
    workdir.write("garbage.wasm", "garbage");
    insta::assert_snapshot!(registry.said(&workdir, &["plugin", "push", "garbage.wasm", &image]).1, @"failed: garbage.wasm: not WebAssembly, expected a module or component");
    configure(&workdir, "[plugins.limits]\nmodule_bytes = 1000\n");
    insta::assert_snapshot!(pull(&image), @"failed: oci://[registry]/[folder]/tutorial:1.0: larger than 1000 bytes (plugins.limits.module_bytes)");
    assert!(!workdir.path().join("state/plugins").exists());

    for malformed in
        ["tutorial", "acme/tutorial:1", "h.example/acme/tutorial", "h.example/Tutorial:1", "h.example/my_plugin:1"]
    {
        let text = pull(malformed);
        assert!(text.starts_with(&format!("failed: {malformed:?}: ")), "{text}");
    }
    let nobody = format!("127.0.0.1:{}", costwarden_tests::free_port());
    let text = pull(&format!("{nobody}/acme/tutorial:1.0"));
    assert!(
        text.contains(&format!("the registry {nobody} cannot be reached, check the name and the port: ")),
        "{text}"
    );
    assert!(text.contains("Connection refused"), "{text}");
}

#[test]
fn an_image_without_a_plugin_is_refused() {
    use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    configure(&workdir, &registry.table());
    let client = oci_client::Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() });
    let auth = oci_client::secrets::RegistryAuth::Basic(registry.user.clone(), registry.password.clone());
    let push = |layers: Vec<ImageLayer>, config: Config| {
        let image = registry.image("tutorial:odd");
        let reference = image.parse().expect("an image");
        block_on(async {
            client.auth(&reference, &auth, oci_client::RegistryOperation::Push).await.expect("let in");
            client.push(&reference, &layers, config, &auth, None).await.expect("pushed")
        });
        registry.said(&workdir, &["plugin", "pull", &image]).1
    };
    let layer = |media_type: &str| ImageLayer::new(b"bytes".to_vec(), media_type.to_owned(), None);
    let wasm_config = || Config::new(b"{}".to_vec(), "application/vnd.wasm.config.v0+json".to_owned(), None);
    insta::assert_snapshot!(push(vec![layer("application/wasm")], Config::oci_v1(b"{}".to_vec(), None)), @"failed: oci://[registry]/[folder]/tutorial:odd: not a plugin: the config is application/vnd.oci.image.config.v1+json, expected application/vnd.wasm.config.v0+json");
    insta::assert_snapshot!(push(vec![layer("application/vnd.oci.image.layer.v1.tar")], wasm_config()), @"failed: oci://[registry]/[folder]/tutorial:odd: not a plugin: the layer is application/vnd.oci.image.layer.v1.tar, expected application/wasm");
    insta::assert_snapshot!(push(vec![layer("application/wasm"), layer("text/plain")], wasm_config()), @"failed: oci://[registry]/[folder]/tutorial:odd: not a plugin: the image has 2 layers, expected one layer of application/wasm");
}

/// A damaged disk of the registry: the bytes do not match the digest.
#[test]
fn a_pulled_file_with_another_digest_is_refused() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    let Some(blobs) = service("COSTWARDEN_TEST_REGISTRY_BLOBS") else { return };
    configure(&workdir, &registry.table());
    // Bytes of this test's own, so that no other test's image is damaged.
    for byte in registry.folder.bytes() {
        rebuild(&workdir, "tutorial", byte);
    }
    let image = registry.image("tutorial:1.0");
    let pushed = workdir.run(&["plugin", "push", "plugins/tutorial.wasm", &image, "--json"]).expect(0).report();
    let digest = pushed["digest"].as_str().expect("text").trim_start_matches("sha256:").to_owned();
    let blob: PathBuf = [&blobs, "sha256", &digest[..2], &digest, "data"].iter().collect();
    let mut bytes = std::fs::read(&blob).expect("the registry's own file");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&blob, bytes).expect("written");
    let (code, text) = registry.said(&workdir, &["plugin", "pull", &image]);
    insta::assert_snapshot!(text, @"failed: oci://[registry]/[folder]/tutorial:1.0: damaged in the registry or in transit, push the plugin again: the plugin is sha256:[1], expected sha256:[2]");
    assert_eq!((code, workdir.path().join("state/plugins").exists()), (2, false));
}

/// The config of a plugin author may contain a registry alone, and the shell of an operator may lack the secrets of the
/// bill.
#[test]
fn other_secrets_are_not_asked_for() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    let source = "[source]\nkind = \"kakao\"\ncredential_id = \"id\"\ncredential_secret = \"env:UNSET\"\n";
    workdir.write("costwarden.toml", &format!("{source}{}", registry.table()));
    let image = registry.image("tutorial:1.0");
    let pushed = workdir.run(&["plugin", "push", "plugins/tutorial.wasm", &image, "--json"]).expect(0).report();
    let pulled = workdir.run(&["plugin", "pull", &image, "--json"]).expect(0).report();
    assert_eq!(pulled["digest"], pushed["digest"]);
    workdir.write("costwarden.toml", &registry.table().replace("COSTWARDEN_TEST_REGISTRY_PASSWORD", "UNSET"));
    insta::assert_snapshot!(registry.said(&workdir, &["plugin", "pull", &image]).1, @"failed: [workdir]/costwarden.toml:4: plugins.registry.password: the environment variable UNSET is not set");
}

#[test]
fn without_a_config_a_file_is_needed() {
    let workdir = workdir();
    let Some(registry) = Registry::new(&workdir) else { return };
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = workdir.command(&["plugin", "pull", &registry.image("tutorial:1.0")], &[]);
    let run = costwarden_tests::run(command.env_remove("COSTWARDEN_CONFIG").current_dir(elsewhere.path())).expect(2);
    insta::assert_snapshot!(run.stderr, @"failed: no destination for the pulled plugin: name a config with --config FILE, or a file with --output FILE");
}
