//! User name and password of a server, and the header `Authorization` of a request: a bearer token (RFC 6750), or user name
//! and password (RFC 7617).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use config_file::secret::{self, Secret, SecretResolver};
use config_file::toml::Section;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::ChannelError;

/// User name and password of a server.
#[derive(Debug, Clone)]
pub struct Login {
    pub username: String,
    pub password: Secret,
}

impl Login {
    /// Reads the keys `username` and `password`. `None` if a key is unusable, `Some(None)` without both keys.
    pub(super) fn read(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<Option<Self>> {
        if !section.together(["username", "password"]) {
            return Some(None);
        }
        let username = section
            .key("username", "The user of the server. Without username and password there is no authentication.")
            .text();
        let password = secret::read(section.key("password", "A reference to the password."), references);
        Some(Some(Self { username: username?, password: password? }))
    }

    pub(super) fn header(&self) -> Result<HeaderMap, ChannelError> {
        let encoded = BASE64_STANDARD.encode(format!("{}:{}", self.username, self.password.expose()));
        header("password", &format!("Basic {encoded}"))
    }
}

/// Returns the header of a token. `key` is the key of the token in the config.
pub(super) fn bearer(token: &Secret, key: &str) -> Result<HeaderMap, ChannelError> {
    header(key, &format!("Bearer {}", token.expose()))
}

fn header(key: &str, value: &str) -> Result<HeaderMap, ChannelError> {
    let refused = |_| ChannelError::Answer(format!("{key} has characters that no header may contain"));
    let mut value = HeaderValue::from_str(value).map_err(refused)?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}
