//! The tables `[plugins.signing]` and `[[plugins.registry]]`: trusted keys and registries.

use std::collections::BTreeSet;
use std::time::Duration;

use config_file::secret::{self, SecretResolver};
use config_file::toml::{ListText, Section};
use globset::{Glob, GlobSet};
use minisign::PublicKey;
use transport::endpoint;
use transport::http::is_loopback_host;

use super::registry::{Credentials, RegistryOptions, RegistryTransport};
use super::signature::TrustedKey;
use super::signing::parse_public_key;

/// Reads the keys of `[plugins.signing]`.
pub(crate) fn read_keys(mut section: Section<'_, '_>) -> Vec<TrustedKey> {
    section.need("key", "at least one key under [[plugins.signing.key]]");
    let mut names_and_ids = BTreeSet::new();
    let keys = section
        .key("key", "The trusted keys, one table each.")
        .sections()
        .into_iter()
        .filter_map(|section| read_key(section, &mut names_and_ids))
        .collect();
    section.finish();
    keys
}

fn read_key(mut section: Section<'_, '_>, names_and_ids: &mut BTreeSet<String>) -> Option<TrustedKey> {
    section.need("name", "the name of the key in plugins.lock, like \"acme\"");
    section.need("public_key", "the line printed by `costwarden plugin keygen`, or \"file:PATH\"");
    section.need("plugins", "the plugins that the key may sign, like [\"acme-*\"]");
    let name = section
        .key("name", "The name of the signer in plugins.lock.")
        .pattern("^[^\\x00-\\x1f]+$")
        .parse("a name without control characters", |name| {
            (!name.is_empty() && !name.contains(char::is_control)).then(|| name.to_owned())
        });
    let public = read_public_key(&mut section);
    let plugins = section
        .key("plugins", "The patterns of the plugin names that this key may sign.")
        .not_empty()
        .texts()
        .and_then(|patterns| compile_patterns(&section, &patterns));
    if let Some(name) = &name
        && !names_and_ids.insert(name.clone())
    {
        section.fail("name", format!("{name:?} appears twice, expected a different name for each key"));
    }
    if let Some(public) = &public
        && !names_and_ids.insert(hex::encode(public.keynum()))
    {
        section.fail("public_key", "appears twice, expected each key once");
    }
    section.finish();
    let PluginPatterns { set, text } = plugins?;
    Some(TrustedKey { name: name?, public: public?, may_sign: set, patterns: text })
}

fn read_public_key(section: &mut Section<'_, '_>) -> Option<PublicKey> {
    let text = section.key("public_key", "The public key of `plugin keygen`, or \"file:PATH\".").text()?;
    let text = match text.strip_prefix("file:").map(|path| section.folder().join(path)) {
        None => text,
        Some(path) => match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                section.fail("public_key", format!("{} cannot be read: {error}", path.display()));
                return None;
            }
        },
    };
    let key = parse_public_key(&text);
    if key.is_none() {
        let expected = "expected the line printed by `costwarden plugin keygen`, or \"file:PATH\"";
        section.fail("public_key", format!("not a public key of minisign, {expected}"));
    }
    key
}

/// Name patterns of plugins.
struct PluginPatterns {
    set: GlobSet,
    /// The patterns, for messages.
    text: String,
}

/// Compiles the patterns, each with the offset in the file.
fn compile_patterns(section: &Section<'_, '_>, patterns: &[ListText]) -> Option<PluginPatterns> {
    if patterns.is_empty() {
        section.fail("plugins", "matches nothing: expected at least one pattern, like \"acme-*\"");
        return None;
    }
    let mut set = GlobSet::builder();
    for ListText { text: pattern, offset } in patterns {
        match Glob::new(pattern) {
            Ok(glob) => drop(set.add(glob)),
            Err(error) => {
                section.fail_at("plugins", *offset, format!("expected a pattern like \"acme-*\": {error}"));
                return None;
            }
        }
    }
    let texts: Vec<String> = patterns.iter().map(|pattern| format!("{:?}", pattern.text)).collect();
    Some(PluginPatterns { set: set.build().ok()?, text: texts.join(", ") })
}

/// Reads the tables `[[plugins.registry]]`.
pub(crate) fn read_registries(sections: Vec<Section<'_, '_>>, references: &SecretResolver<'_>) -> Vec<RegistryOptions> {
    let mut hosts = BTreeSet::new();
    sections.into_iter().filter_map(|section| read_registry(section, &mut hosts, references)).collect()
}

fn read_registry(
    mut section: Section<'_, '_>,
    hosts: &mut BTreeSet<String>,
    references: &SecretResolver<'_>,
) -> Option<RegistryOptions> {
    const HOST: &str = "the registry's \"HOST\" or \"HOST:PORT\"";
    section.need("host", HOST);
    let host = section
        .key("host", "The registry: \"HOST\" or \"HOST:PORT\", as in the image reference.")
        .pattern("^[A-Za-z0-9.:-]+$")
        .parse(HOST, |host| is_host(host).then(|| host.to_owned()));
    section.together(["username", "password"]);
    let username = section.key("username", "The user of the registry.").text();
    let password = secret::read(section.key("password", "A reference to the password."), references);
    let transport = read_transport(&mut section, host.as_deref());
    let realm_hosts = read_realm_hosts(&mut section);
    let authority = endpoint::authority(&mut section);
    let timeout =
        section.key("timeout_seconds", "The time limit of a push or pull, in seconds.").whole_or(1..=3_600, 60);
    if let Some(host) = &host
        && !hosts.insert(host.clone())
    {
        section.fail("host", format!("{host:?} appears twice, expected each registry once"));
    }
    section.finish();
    let mut options = RegistryOptions::new(&host?);
    options.credentials = username.zip(password).map(|(username, password)| Credentials { username, password });
    options.transport = transport?;
    options.authority = authority?;
    options.realm_hosts = realm_hosts;
    options.timeout = Duration::from_secs(timeout as u64);
    Some(options)
}

/// Reads the hosts of token realms. A realm receives the password.
fn read_realm_hosts(section: &mut Section<'_, '_>) -> Vec<String> {
    let key = section.key("realm_hosts", "Other hosts that may receive the password for a token, over https.");
    let hosts = key.default(serde_json::json!([])).texts().unwrap_or_default();
    for ListText { text: host, offset } in &hosts {
        if !is_host(host) {
            let message = format!("expected \"HOST\" or \"HOST:PORT\" of a token realm, found {host:?}");
            section.fail_at("realm_hosts", *offset, message);
        }
    }
    hosts.into_iter().map(|host| host.text).collect()
}

/// Returns whether a text is `HOST` or `HOST:PORT`.
fn is_host(text: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    !text.is_empty() && text.bytes().all(is_valid)
}

/// Reads the key `transport`. Plain `http` is accepted for the same machine only, `insecure-http` for any host.
fn read_transport(section: &mut Section<'_, '_>, host: Option<&str>) -> Option<RegistryTransport> {
    #[derive(Clone, Copy)]
    enum Choice {
        Https,
        Http,
        HttpAnywhere,
    }
    const CHOICES: [(&str, Choice); 3] =
        [("https", Choice::Https), ("http", Choice::Http), ("insecure-http", Choice::HttpAnywhere)];
    const TEXT: &str =
        "The encryption. \"http\" reaches this machine only; \"insecure-http\" reaches any machine, unencrypted.";
    let has_key = section.has("transport");
    let choice = section.key("transport", TEXT).default("https").choice(&CHOICES);
    if has_key && choice.is_none() {
        return None;
    }
    match choice.unwrap_or(Choice::Https) {
        Choice::Https => Some(RegistryTransport::Https),
        Choice::Http if host.is_none_or(is_loopback_host) => Some(RegistryTransport::Http),
        Choice::Http => {
            let message = "plain http to another machine exposes the password and the plugin to the network, expected \"https\", or \"insecure-http\" to allow this";
            section.fail("transport", message);
            None
        }
        Choice::HttpAnywhere => Some(RegistryTransport::Http),
    }
}
