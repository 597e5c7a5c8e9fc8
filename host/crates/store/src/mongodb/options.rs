//! The options of a MongoDB connection, and checks of the connection string without a connection.

use std::path::PathBuf;
use std::time::Duration;

use config_file::secret::Secret;
use transport::http::{Authority, is_loopback_host};

/// The address of the server, the credentials and the timeouts.
#[derive(Debug, Clone)]
pub struct MongodbOptions {
    /// The connection string; may contain credentials.
    pub uri: Secret,
    /// Whether the config contains the password as text.
    pub has_plain_password: bool,
    /// If set, the only trusted authority. Requires TLS.
    pub authority: Option<Authority>,
    /// A PEM file with the client certificate and key for the authentication of this host. Requires TLS.
    pub client_certificate: Option<PathBuf>,
    pub database: String,
    pub connect_timeout: Duration,
    /// Time limit of the search for a primary, at the start and after a failover.
    pub selection_timeout: Duration,
    /// Time limit of a single answer.
    pub timeout: Duration,
}

/// Returns an option of the connection string that turns off the check of the server's certificate.
pub fn insecure_tls_option(uri: &str) -> Option<&'static str> {
    const INSECURE: [&str; 3] = ["tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"];
    let (_, options) = uri.split_once('?')?;
    let is_on = |insecure: &str| {
        let mut options = options.split(['&', ';']).filter_map(|option| option.split_once('='));
        options.any(|(name, value)| name.eq_ignore_ascii_case(insecure) && value != "false")
    };
    INSECURE.into_iter().find(|insecure| is_on(insecure))
}

/// Returns the hosts of an unencrypted connection, except this machine. `None` without such hosts, or with TLS.
pub fn unencrypted_hosts(options: &MongodbOptions) -> Option<String> {
    let uri = options.uri.known()?.strip_prefix("mongodb://")?;
    let (rest, query) = uri.split_once('?').unwrap_or((uri, ""));
    let is_on = |name: &str| query.split(['&', ';']).any(|option| option.eq_ignore_ascii_case(&format!("{name}=true")));
    if options.authority.is_some() || options.client_certificate.is_some() || is_on("tls") || is_on("ssl") {
        return None;
    }
    // A slash or an at sign in a password is percent-encoded.
    let hosts = rest.split('/').next()?.rsplit('@').next()?;
    let remote: Vec<&str> = hosts.split(',').filter(|host| !host.is_empty() && !is_loopback_host(host)).collect();
    (!remote.is_empty()).then(|| remote.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_accepts_any_certificate_is_insecure() {
        let check = |query: &str| insecure_tls_option(&format!("mongodb://u:p@h/?{query}"));
        assert_eq!(check("tls=true&tlsInsecure=true"), Some("tlsInsecure"));
        assert_eq!(check("tlsallowinvalidcertificates=true"), Some("tlsAllowInvalidCertificates"));
        assert_eq!(check("tls=true;tlsAllowInvalidHostnames=1"), Some("tlsAllowInvalidHostnames"));
        assert_eq!(check("tls=true&tlsInsecure=false"), None);
        assert_eq!(insecure_tls_option("mongodb://h"), None);
    }

    #[test]
    fn remote_hosts_without_tls_are_unencrypted() {
        let check = |uri: &str| {
            unencrypted_hosts(&MongodbOptions {
                uri: Secret::new(uri),
                has_plain_password: false,
                authority: None,
                client_certificate: None,
                database: "billing".to_owned(),
                connect_timeout: Duration::ZERO,
                selection_timeout: Duration::ZERO,
                timeout: Duration::ZERO,
            })
        };
        assert_eq!(check("mongodb://u:p@db.example:27017,127.0.0.1:1/x"), Some("db.example:27017".to_owned()));
        assert_eq!(check("mongodb://localhost"), None);
        assert_eq!(check("mongodb://db.example/?TLS=true"), None);
        assert_eq!(check("mongodb+srv://db.example"), None);
        assert_eq!(check("mongodb://db.example/?tls=false"), Some("db.example".to_owned()));
    }
}
