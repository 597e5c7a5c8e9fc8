//! The tables `[plugins.signing]` and `[[plugins.registry]]`: trusted keys and registries.

use std::collections::BTreeSet;
use std::time::Duration;

use globset::{Glob, GlobSet};
use minisign::PublicKey;

use crate::{RegistryOptions, Transport, TrustedKey, public_key};
use config_file::secret::{self, SecretResolver};
use config_file::toml::Section;
use transport::http::is_loopback_host;

/// Reads the keys of `[plugins.signing]`.
pub(super) fn keys(mut section: Section<'_, '_>) -> Vec<TrustedKey> {
    section.need("key", "at least one key under [[plugins.signing.key]]");
    let mut taken = BTreeSet::new();
    let keys = section.sections("key").into_iter().filter_map(|section| key(section, &mut taken)).collect();
    section.finish();
    keys
}

fn key(mut section: Section<'_, '_>, taken: &mut BTreeSet<String>) -> Option<TrustedKey> {
    section.need("name", "what the key is called in plugins.lock, like \"acme\"");
    section.need("public_key", "the line that `costwarden plugin keygen` printed, or \"file:PATH\"");
    section.need("plugins", "the plugins that it may sign, like [\"acme-*\"]");
    let name = section.parse("name", "a name without control characters", |name| {
        (!name.is_empty() && !name.contains(char::is_control)).then(|| name.to_owned())
    });
    let public = public(&mut section);
    let patterns = section.texts("plugins").and_then(|patterns| may_sign(&section, &patterns));
    if let Some(name) = &name
        && !taken.insert(name.clone())
    {
        section.fail("name", format!("{name:?} is taken, expected a name of its own for each key"));
    }
    if let Some(public) = &public
        && !taken.insert(hex::encode(public.keynum()))
    {
        section.fail("public_key", "is there twice, expected each key once");
    }
    section.finish();
    let (may_sign, patterns) = patterns?;
    Some(TrustedKey { name: name?, public: public?, may_sign, patterns })
}

fn public(section: &mut Section<'_, '_>) -> Option<PublicKey> {
    let text = section.text("public_key")?;
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
    let key = public_key(&text);
    if key.is_none() {
        let expected = "expected the line that `costwarden plugin keygen` printed, or \"file:PATH\"";
        section.fail("public_key", format!("no public key of minisign, {expected}"));
    }
    key
}

/// Compiles the patterns into a set, and returns the patterns for messages.
fn may_sign(section: &Section<'_, '_>, patterns: &[(String, usize)]) -> Option<(GlobSet, String)> {
    if patterns.is_empty() {
        section.fail("plugins", "matches nothing: expected at least one pattern, like \"acme-*\"");
        return None;
    }
    let mut set = GlobSet::builder();
    for (pattern, offset) in patterns {
        match Glob::new(pattern) {
            Ok(glob) => drop(set.add(glob)),
            Err(error) => {
                section.fail_at("plugins", *offset, format!("expected a pattern like \"acme-*\": {error}"));
                return None;
            }
        }
    }
    let texts: Vec<String> = patterns.iter().map(|(pattern, _)| format!("{pattern:?}")).collect();
    Some((set.build().ok()?, texts.join(", ")))
}

/// Reads the tables `[[plugins.registry]]`.
pub(super) fn registries(sections: Vec<Section<'_, '_>>, references: &SecretResolver<'_>) -> Vec<RegistryOptions> {
    let mut taken = BTreeSet::new();
    sections.into_iter().filter_map(|section| registry(section, &mut taken, references)).collect()
}

fn registry(
    mut section: Section<'_, '_>,
    taken: &mut BTreeSet<String>,
    references: &SecretResolver<'_>,
) -> Option<RegistryOptions> {
    const HOST: &str = "the registry's \"HOST\" or \"HOST:PORT\"";
    section.need("host", HOST);
    let host = section.parse("host", HOST, |host| {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
        (!host.is_empty() && host.bytes().all(valid)).then(|| host.to_owned())
    });
    let username = section.text("username");
    let password = secret::read(&mut section, "password", references);
    for (one, other) in [("username", "password"), ("password", "username")] {
        if section.has(one) && !section.has(other) {
            section.fail(one, format!("has no {other} beside it, expected both or neither"));
        }
    }
    let transport = transport(&mut section, host.as_deref());
    let timeout = section.whole("timeout_seconds", 1..=3_600);
    if let Some(host) = &host
        && !taken.insert(host.clone())
    {
        section.fail("host", format!("{host:?} is there twice, expected each registry once"));
    }
    section.finish();
    let mut options = RegistryOptions::new(&host?);
    options.credentials = username.zip(password);
    options.transport = transport?;
    if let Some(seconds) = timeout {
        options.timeout = Duration::from_secs(seconds as u64);
    }
    Some(options)
}

/// Reads the key `transport`. Plain `http` is accepted for the same machine only, `insecure-http` for any host.
fn transport(section: &mut Section<'_, '_>, host: Option<&str>) -> Option<Transport> {
    #[derive(Clone, Copy)]
    enum Said {
        Https,
        Http,
        HttpAnywhere,
    }
    const CHOICES: [(&str, Said); 3] =
        [("https", Said::Https), ("http", Said::Http), ("insecure-http", Said::HttpAnywhere)];
    let said = if section.has("transport") { section.choice("transport", &CHOICES)? } else { Said::Https };
    match said {
        Said::Https => Some(Transport::Https),
        Said::Http if host.is_none_or(is_loopback_host) => Some(Transport::Http),
        Said::Http => {
            let message = "plain http to another machine shows password and plugin to the network, expected \"https\", or \"insecure-http\" where that is meant";
            section.fail("transport", message);
            None
        }
        Said::HttpAnywhere => Some(Transport::Http),
    }
}
