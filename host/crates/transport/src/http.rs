//! Common settings of all HTTP clients: trusted certificates, redirects, proxies and loopback addresses.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Url, redirect};

use crate::causes::causes;

/// The certificates of a private authority. If configured, no public authority is trusted.
#[derive(Debug, Clone)]
pub struct Authority {
    path: PathBuf,
    pem: Vec<u8>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Authority {
    /// Reads a certificate file.
    ///
    /// # Errors
    /// The file is unreadable or has no usable certificate. The message states the expected content.
    pub fn read(path: &Path) -> Result<Self, String> {
        let file = path.display();
        let pem = std::fs::read(path).map_err(|error| format!("{file} cannot be read: {error}"))?;
        let authority = Self { path: path.to_owned(), pem };
        match Certificate::from_pem_bundle(&authority.pem) {
            Ok(certificates) if certificates.is_empty() => {
                Err(format!("{file} contains no certificate, expected PEM with -----BEGIN CERTIFICATE-----"))
            }
            // Only a built client proves valid certificates; a different parser may panic on invalid data.
            Ok(certificates) => match Client::builder().tls_certs_only(certificates).build() {
                Ok(_) => Ok(authority),
                Err(error) => Err(format!("{file} contains no usable certificate: {}", causes(&error))),
            },
            Err(error) => Err(format!("{file} is not a certificate file in PEM: {}", causes(&error))),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn pem(&self) -> &[u8] {
        &self.pem
    }
}

/// Builds a client for one host. The client follows no redirect, so that no different host receives the request.
/// Loopback hosts are reached without a proxy.
pub fn client(url: &Url, authority: Option<&Authority>, timeout: Duration) -> ClientBuilder {
    let mut client = Client::builder()
        .user_agent(concat!("costwarden/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout);
    if is_loopback(url) {
        client = client.no_proxy();
    }
    match authority {
        Some(authority) => {
            // `Authority::read` has parsed the certificates before.
            client.tls_certs_only(Certificate::from_pem_bundle(&authority.pem).unwrap_or_default())
        }
        None => client,
    }
}

pub fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// Returns whether a host, with or without a port, is this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns whether a message reports an untrusted certificate. A retry has no effect in this case.
pub fn is_untrusted_certificate(cause: &str) -> bool {
    cause.contains("invalid peer certificate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognized_by_name_and_by_address() {
        let check = |url: &str| is_loopback(&Url::parse(url).expect("a URL"));
        assert!(check("http://localhost:1/x") && check("https://127.3.2.1") && check("http://[::1]:8080"));
        assert!(!check("http://10.0.0.1") && !check("http://localhost.example.com") && !check("http://[fe80::1]"));
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let read = |text: &str| {
            std::fs::write(&path, text).expect("written");
            Authority::read(&path).expect_err("refused")
        };
        assert!(read("").contains("ca.pem contains no certificate, expected PEM with -----BEGIN CERTIFICATE-----"));
        let other = read("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
        assert!(other.contains("ca.pem contains no usable certificate: "), "{other}");
        let broken = read("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
        assert!(broken.contains("ca.pem is not a certificate file in PEM: "), "{broken}");
        let missing = Authority::read(&folder.path().join("none")).expect_err("refused");
        assert!(missing.contains("none cannot be read: No such file"), "{missing}");
    }

    #[test]
    fn a_loopback_host_is_recognized_with_and_without_a_port() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.0.1"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["localhost.example.com", "registry.example.com:5000", "10.0.0.1:5000", "127.0.0.1.example.com"] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
