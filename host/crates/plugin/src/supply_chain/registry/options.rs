//! Connection options for a registry.

use std::time::Duration;

use config_file::secret::Secret;
use model::rule::image::Image;
use transport::http::Authority;

use super::error::RegistryError;

/// Connection options for a registry.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// `HOST` or `HOST:PORT`.
    pub host: String,
    /// `None` for a registry without authentication.
    pub credentials: Option<Credentials>,
    pub transport: RegistryTransport,
    /// The only trusted certificate authority, if present.
    pub authority: Option<Authority>,
    /// `HOST` or `HOST:PORT` of token realms beside the registry's own host.
    pub realm_hosts: Vec<String>,
    /// Time limit of a whole push or pull.
    pub timeout: Duration,
}

/// A user of a registry.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: String,
    pub password: Secret,
}

/// Encryption of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryTransport {
    Https,
    Http,
}

impl RegistryOptions {
    /// Returns the options for a host: from the config if present, otherwise the defaults.
    pub fn for_host(host: &str, configured: &[Self]) -> Self {
        configured.iter().find(|registry| registry.host == host).cloned().unwrap_or_else(|| Self::new(host))
    }

    pub fn new(host: &str) -> Self {
        let timeout = Duration::from_secs(60);
        Self {
            host: host.to_owned(),
            credentials: None,
            transport: RegistryTransport::Https,
            authority: None,
            realm_hosts: Vec::new(),
            timeout,
        }
    }

    /// Limits the time of a whole push or pull.
    pub(super) async fn with_timeout<T>(
        &self,
        image: &Image,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let timed_out = || RegistryError::TimedOut { image: image.clone(), seconds: self.timeout.as_secs() };
        tokio::time::timeout(self.timeout, work).await.unwrap_or_else(|_| Err(timed_out()))
    }
}
