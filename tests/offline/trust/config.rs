//! Errors in the tables about registries, keys and grants, and in a rule's image.

use costwarden_tests::plugin_files::configure;
use costwarden_tests::three_services::{HEALTHY, MINIMAL, check, workdir};

#[test]
fn of_keys_and_registries() {
    let workdir = workdir();
    workdir.run(&["plugin", "keygen", "acme.key"]).expect(0);
    configure(
        &workdir,
        r#"[[plugins.signing.key]]
name = "acme"
public_key = "file:acme.key.pub"
plugins = ["acme-*"]
[[plugins.signing.key]]
name = "acme"
public_key = "file:acme.key.pub"
plugins = []
[[plugins.signing.key]]
name = ""
public_key = "RW-no-key"
plugins = ["[a"]
keys = 1
[[plugins.signing.key]]
public_key = "file:none.pub"
[[plugins.registry]]
host = "registry.example.com"
transport = "http"
username = "robot"
[[plugins.registry]]
host = "registry.example.com"
password = "hunter2"
transport = "gopher"
timeout_seconds = 0
[[plugins.registry]]
host = "https://registry.example.com"
name = "it"
"#,
    );
    let (code, text) = check(&workdir);
    assert_eq!(code, 2);
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text, @r#"
    error: [workdir]/costwarden.toml:19: plugins.signing.key.name: "acme" appears twice, expected a different name for each key
    error: [workdir]/costwarden.toml:20: plugins.signing.key.public_key: appears twice, expected each key once
    error: [workdir]/costwarden.toml:21: plugins.signing.key.plugins: matches nothing: expected at least one pattern, like "acme-*"
    error: [workdir]/costwarden.toml:23: plugins.signing.key.name: expected a name without control characters, found ""
    error: [workdir]/costwarden.toml:24: plugins.signing.key.public_key: not a public key of minisign, expected the line printed by `costwarden plugin keygen`, or "file:PATH"
    error: [workdir]/costwarden.toml:25: plugins.signing.key.plugins: expected a pattern like "acme-*": error parsing glob '[a': unclosed character class; missing ']'
    error: [workdir]/costwarden.toml:26: plugins.signing.key.keys: unknown key, expected one of name, public_key, plugins
    error: [workdir]/costwarden.toml:27: plugins.signing.key.name: is missing, expected the name of the key in plugins.lock, like "acme"
    error: [workdir]/costwarden.toml:27: plugins.signing.key.plugins: is missing, expected the plugins that the key may sign, like ["acme-*"]
    error: [workdir]/costwarden.toml:28: plugins.signing.key.public_key: [workdir]/none.pub cannot be read: No such file or directory (os error 2)
    error: [workdir]/costwarden.toml:31: plugins.registry.transport: plain http to another machine exposes the password and the plugin to the network, expected "https", or "insecure-http" to allow this
    error: [workdir]/costwarden.toml:32: plugins.registry.username: is set without password, expected both keys or neither
    error: [workdir]/costwarden.toml:34: plugins.registry.host: "registry.example.com" appears twice, expected each registry once
    error: [workdir]/costwarden.toml:35: plugins.registry.password: is set without username, expected both keys or neither
    error: [workdir]/costwarden.toml:35: plugins.registry.password: expected a reference such as "env:NAME", "file:PATH" or "kakao-secret:ID", not the secret itself
    error: [workdir]/costwarden.toml:36: plugins.registry.transport: expected "https" or "http" or "insecure-http", found "gopher"
    error: [workdir]/costwarden.toml:37: plugins.registry.timeout_seconds: expected a whole number from 1 to 3600, found 0
    error: [workdir]/costwarden.toml:39: plugins.registry.host: expected the registry's "HOST" or "HOST:PORT", found "https://registry.example.com"
    error: [workdir]/costwarden.toml:40: plugins.registry.name: unknown key, expected one of host, username, password, transport, realm_hosts, ca_file, timeout_seconds
    [workdir]/costwarden.toml: the rules were not read, 19 errors
    "#);
}

#[test]
fn a_table_without_a_key() {
    let workdir = workdir();
    configure(&workdir, "[plugins.signing]\n");
    insta::assert_snapshot!(check(&workdir).1, @"
    error: [workdir]/costwarden.toml:14: plugins.signing.key: is missing, expected at least one key under [[plugins.signing.key]]
    [workdir]/costwarden.toml: the rules were not read, 1 error
    ");
}

#[test]
fn plain_http_goes_further_only_where_that_is_said() {
    let workdir = workdir();
    for (host, transport) in [("127.0.0.1:5000", "http"), ("registry.example.com", "insecure-http"), ("h", "https")] {
        workdir.write("costwarden.toml", MINIMAL);
        configure(&workdir, &format!("[[plugins.registry]]\nhost = {host:?}\ntransport = {transport:?}\n"));
        assert_eq!(check(&workdir).0, 0);
    }
}

#[test]
fn of_a_rules_image() {
    let workdir = workdir();
    for (id, detector) in [
        ("a", "Tutorial"),
        ("b", "oci://"),
        ("c", "oci://tutorial:1"),
        ("d", "oci://h.example/acme/tutorial"),
        ("e", "oci://h.example/acme/tutorial@sha256:12"),
        ("f", "oci://h.example/acme/tu_torial:1"),
    ] {
        let rule = HEALTHY.replace("\"healthy\"", &format!("{id:?}")).replace("\"tutorial\"", &format!("{detector:?}"));
        workdir.write(&format!("rules/{id}.toml"), &rule);
    }
    let (code, text) = check(&workdir);
    insta::assert_snapshot!(text, @r#"
    error: [workdir]/rules/a.toml:5: rule.detector: expected the name of a plugin, like "daily-level", found "Tutorial"
    error: [workdir]/rules/b.toml:5: rule.detector: "oci://": expected HOST/REPOSITORY/NAME:TAG or HOST/REPOSITORY/NAME@sha256:DIGEST
    error: [workdir]/rules/c.toml:5: rule.detector: "oci://tutorial:1": the registry is missing, expected HOST/REPOSITORY/NAME:TAG
    error: [workdir]/rules/d.toml:5: rule.detector: "oci://h.example/acme/tutorial": the tag is missing, expected :TAG or @sha256:DIGEST at the end
    error: [workdir]/rules/e.toml:5: rule.detector: "oci://h.example/acme/tutorial@sha256:12": expected HOST/REPOSITORY/NAME:TAG or HOST/REPOSITORY/NAME@sha256:DIGEST
    error: [workdir]/rules/f.toml:5: rule.detector: "oci://h.example/acme/tu_torial:1": the plugin name "tu_torial" is invalid, expected lower-case letters, digits and -
    warning: [workdir]/costwarden.toml: receiver: only the terminal receives notifications, and jobs of cron have no terminal: add a [[receiver]], like kind = "syslog"
    rule healthy: tutorial over daily series. It works.
    [workdir]/costwarden.toml: 1 rule can run, 6 errors
    "#);
    assert_eq!(code, 2);
}
