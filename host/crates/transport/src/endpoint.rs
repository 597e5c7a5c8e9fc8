//! The keys `endpoint`, `transport` and `ca_file` of several tables: HTTP addresses and certificate authorities.

use config_file::toml::Section;
use reqwest::Url;

use crate::http::{self, Authority};

/// The permission to send credentials without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Https,
    InsecureHttp,
}

/// Reads the key `transport`. The default is https; plain http to the same machine is always accepted.
pub fn transport(section: &mut Section<'_, '_>) -> Transport {
    const CHOICES: [(&str, Transport); 2] = [("https", Transport::Https), ("insecure-http", Transport::InsecureHttp)];
    section.choice("transport", &CHOICES).unwrap_or(Transport::Https)
}

/// Reads an address, without a trailing `/`.
pub fn endpoint(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: &str,
    transport: Transport,
) -> Option<String> {
    if !section.has(key) {
        return Some(default.to_owned());
    }
    let url = section.parse(key, "an http:// or https:// address", |text| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
        // A password in the address would appear in messages.
        (url.username().is_empty() && url.password().is_none()).then(|| (url, text.trim_end_matches('/').to_owned()))
    });
    let (url, text) = url?;
    if url.scheme() == "http" && transport == Transport::Https && !http::is_loopback(&url) {
        section.fail(
            key,
            "plain http sends requests and credentials over the network without encryption, expected https://; to permit \
             plain http, set transport = \"insecure-http\"",
        );
        return None;
    }
    Some(text)
}

/// Reads the key `ca_file`. `None` if the file is unusable, `Some(None)` if the key is missing.
pub fn authority(section: &mut Section<'_, '_>) -> Option<Option<Authority>> {
    if !section.has("ca_file") {
        return Some(None);
    }
    match Authority::read(&section.path("ca_file")?) {
        Ok(authority) => Some(Some(authority)),
        Err(message) => {
            section.fail("ca_file", message);
            None
        }
    }
}
