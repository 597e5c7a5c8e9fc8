//! What can be wrong with the tables of trust, and with a rule's image.

use crate::bill::{HEALTHY, MINIMAL, check, lab};
use crate::words::configure;

#[test]
fn of_keys_and_registries() {
    let lab = lab();
    lab.run(&["plugin", "keygen", "acme.key"]).expect(0);
    configure(
        &lab,
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
    let (code, text) = check(&lab);
    assert_eq!(code, 2);
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text, @r#"
    error: [lab]/costwarden.toml:18: plugins.signing.key.name: "acme" is taken, expected a name of its own for each key
    error: [lab]/costwarden.toml:19: plugins.signing.key.public_key: is there twice, expected each key once
    error: [lab]/costwarden.toml:20: plugins.signing.key.plugins: matches nothing: expected at least one pattern, like "acme-*"
    error: [lab]/costwarden.toml:22: plugins.signing.key.name: expected a name without control characters, found ""
    error: [lab]/costwarden.toml:23: plugins.signing.key.public_key: no public key of minisign, expected the line that `costwarden plugin keygen` printed, or "file:PATH"
    error: [lab]/costwarden.toml:24: plugins.signing.key.plugins: expected a pattern like "acme-*": error parsing glob '[a': unclosed character class; missing ']'
    error: [lab]/costwarden.toml:25: plugins.signing.key.keys: unknown key, expected one of name, public_key, plugins
    error: [lab]/costwarden.toml:26: plugins.signing.key.name: is missing, expected what the key is called in plugins.lock, like "acme"
    error: [lab]/costwarden.toml:26: plugins.signing.key.plugins: is missing, expected the plugins that it may sign, like ["acme-*"]
    error: [lab]/costwarden.toml:27: plugins.signing.key.public_key: [lab]/none.pub cannot be read: No such file or directory (os error 2)
    error: [lab]/costwarden.toml:30: plugins.registry.transport: plain http to another machine shows password and plugin to the network, expected "https", or "insecure-http" where that is meant
    error: [lab]/costwarden.toml:31: plugins.registry.username: has no password beside it, expected both or neither
    error: [lab]/costwarden.toml:33: plugins.registry.host: "registry.example.com" is there twice, expected each registry once
    error: [lab]/costwarden.toml:34: plugins.registry.password: expected a reference, "env:NAME", "file:PATH" or "kakao-secret:ID", not the secret itself
    error: [lab]/costwarden.toml:34: plugins.registry.password: has no username beside it, expected both or neither
    error: [lab]/costwarden.toml:35: plugins.registry.transport: expected "https" or "http" or "insecure-http", found "gopher"
    error: [lab]/costwarden.toml:36: plugins.registry.timeout_seconds: expected a whole number from 1 to 3600, found 0
    error: [lab]/costwarden.toml:38: plugins.registry.host: expected the registry's "HOST" or "HOST:PORT", found "https://registry.example.com"
    error: [lab]/costwarden.toml:39: plugins.registry.name: unknown key, expected one of host, username, password, transport, timeout_seconds
    [lab]/costwarden.toml: 0 rules can run, 19 errors
    "#);
}

#[test]
fn a_table_without_a_key() {
    let lab = lab();
    configure(&lab, "[plugins.signing]\n");
    insta::assert_snapshot!(check(&lab).1, @"
    error: [lab]/costwarden.toml:13: plugins.signing.key: is missing, expected at least one key under [[plugins.signing.key]]
    [lab]/costwarden.toml: 0 rules can run, 1 error
    ");
}

#[test]
fn plain_http_goes_further_only_where_that_is_said() {
    let lab = lab();
    for (host, transport) in [("127.0.0.1:5000", "http"), ("registry.example.com", "insecure-http"), ("h", "https")] {
        lab.write("costwarden.toml", MINIMAL);
        configure(&lab, &format!("[[plugins.registry]]\nhost = {host:?}\ntransport = {transport:?}\n"));
        assert_eq!(check(&lab).0, 0);
    }
}

#[test]
fn of_a_rules_image() {
    let lab = lab();
    for (id, detector) in [
        ("a", "Tutorial"),
        ("b", "oci://"),
        ("c", "oci://tutorial:1"),
        ("d", "oci://h.example/acme/tutorial"),
        ("e", "oci://h.example/acme/tutorial@sha256:12"),
        ("f", "oci://h.example/acme/tu_torial:1"),
    ] {
        let rule = HEALTHY.replace("\"healthy\"", &format!("{id:?}")).replace("\"tutorial\"", &format!("{detector:?}"));
        lab.write(&format!("rules/{id}.toml"), &rule);
    }
    let (code, text) = check(&lab);
    insta::assert_snapshot!(text, @r#"
    error: [lab]/rules/a.toml:5: rule.detector: expected the name of a plugin, like "seasonal-mad", found "Tutorial"
    error: [lab]/rules/b.toml:5: rule.detector: "oci://": expected HOST/REPOSITORY/NAME:TAG or HOST/REPOSITORY/NAME@sha256:DIGEST
    error: [lab]/rules/c.toml:5: rule.detector: "oci://tutorial:1": names no registry, expected HOST/REPOSITORY/NAME:TAG
    error: [lab]/rules/d.toml:5: rule.detector: "oci://h.example/acme/tutorial": has neither tag nor digest, expected one like :1.2 or @sha256:DIGEST at its end
    error: [lab]/rules/e.toml:5: rule.detector: "oci://h.example/acme/tutorial@sha256:12": expected HOST/REPOSITORY/NAME:TAG or HOST/REPOSITORY/NAME@sha256:DIGEST
    error: [lab]/rules/f.toml:5: rule.detector: "oci://h.example/acme/tu_torial:1": its last part "tu_torial" is the plugin's name, expected lower-case letters, digits and -
    rule healthy: tutorial over daily series. It works.
    [lab]/costwarden.toml: 1 rule can run, 6 errors
    "#);
    assert_eq!(code, 2);
}
