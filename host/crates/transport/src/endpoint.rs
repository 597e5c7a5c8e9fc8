//! The keys `endpoint`, `transport` and `ca_file` of several tables: HTTP addresses and certificate authorities.

use config_file::toml::{Key, Section};
use reqwest::Url;

use crate::http::{self, Authority};

/// The permission to send credentials without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Https,
    InsecureHttp,
}

const TRANSPORT: &str = "The encryption of requests. \"insecure-http\" allows plain http to another machine.";
const CA_FILE: &str = "A file with a private certificate authority (PEM), which replaces the public authorities.";

/// Reads the key `transport`. The default is https; plain http to the same machine is always accepted.
pub fn transport(section: &mut Section<'_, '_>) -> Transport {
    const CHOICES: [(&str, Transport); 2] = [("https", Transport::Https), ("insecure-http", Transport::InsecureHttp)];
    section.key("transport", TRANSPORT).choice_or(&CHOICES, "https")
}

/// An address with its text in the config.
struct Address {
    url: Url,
    text: String,
}

/// Reads an address, without a trailing `/`.
pub fn endpoint(mut key: Key<'_, '_, '_>, default: &str, transport: Transport) -> Option<String> {
    if !key.is_present() {
        return Some(default.to_owned());
    }
    let url = key.reborrow().pattern("^https?://[^@]+$").parse("an http:// or https:// address", |text| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
        // A password in the address would appear in messages.
        let is_public = url.username().is_empty() && url.password().is_none();
        is_public.then(|| Address { url, text: text.trim_end_matches('/').to_owned() })
    });
    let Address { url, text } = url?;
    if url.scheme() == "http" && transport == Transport::Https && !http::is_loopback(&url) {
        key.fail(
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
    match Authority::read(&section.key("ca_file", CA_FILE).path()?) {
        Ok(authority) => Some(Some(authority)),
        Err(message) => {
            section.fail("ca_file", message);
            None
        }
    }
}
