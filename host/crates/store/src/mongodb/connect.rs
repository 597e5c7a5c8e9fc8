//! The connection to the server, and clear errors for a failed connection.

use mongodb::bson::doc;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria, Tls, TlsOptions,
    WriteConcern,
};
use mongodb::{Client, Database};

use super::{Mongodb, MongodbOptions, answer};
use crate::latency::{Latency, Operation};
use crate::{Access, StoreError};
use transport::http;
use transport::http::is_loopback_host;

/// Returns an option of the connection string that accepts any certificate.
pub fn careless_option(uri: &str) -> Option<&'static str> {
    const CARELESS: [&str; 3] = ["tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"];
    let (_, options) = uri.split_once('?')?;
    let is_on = |careless: &str| {
        let mut options = options.split(['&', ';']).filter_map(|option| option.split_once('='));
        options.any(|(name, value)| name.eq_ignore_ascii_case(careless) && value != "false")
    };
    CARELESS.into_iter().find(|careless| is_on(careless))
}

/// Returns the hosts of an unencrypted connection, except this machine. `None` without such hosts, or with TLS.
pub fn hosts_in_the_clear(options: &MongodbOptions) -> Option<String> {
    let uri = options.uri.known()?.strip_prefix("mongodb://")?;
    let (rest, query) = uri.split_once('?').unwrap_or((uri, ""));
    let is_on = |name: &str| query.split(['&', ';']).any(|option| option.eq_ignore_ascii_case(&format!("{name}=true")));
    if options.authority.is_some() || options.client_certificate.is_some() || is_on("tls") || is_on("ssl") {
        return None;
    }
    // A slash or an at sign in a password is percent-encoded.
    let hosts = rest.split('/').next()?.rsplit('@').next()?;
    let far: Vec<&str> = hosts.split(',').filter(|host| !host.is_empty() && !is_loopback_host(host)).collect();
    (!far.is_empty()).then(|| far.join(", "))
}

/// Combines the TLS options of the connection string with the config. A file in the config requires TLS.
fn tls(said: Option<Tls>, options: &MongodbOptions) -> Result<Option<Tls>, StoreError> {
    let authority = options.authority.as_ref().map(|authority| authority.path().to_owned());
    let files = [("ca_file", authority.is_some()), ("client_certificate_file", options.client_certificate.is_some())];
    let Some((key, _)) = files.into_iter().find(|(_, given)| *given) else { return Ok(said) };
    let mut tls = match said {
        Some(Tls::Disabled) => return Err(StoreError::WithoutTls { key }),
        Some(Tls::Enabled(tls)) => tls,
        None => TlsOptions::default(),
    };
    tls.ca_file_path = authority.or(tls.ca_file_path);
    tls.cert_key_file_path = options.client_certificate.clone().or(tls.cert_key_file_path);
    Ok(Some(Tls::Enabled(tls)))
}

impl Mongodb {
    pub(crate) async fn open(options: &MongodbOptions, access: Access) -> Result<Self, StoreError> {
        let name = &options.database;
        if name.is_empty() || name.len() > 63 || name.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
            return Err(StoreError::Database { name: name.clone() });
        }
        let parsed = ClientOptions::parse(options.uri.expose()).await;
        let mut client = parsed.map_err(|error| StoreError::Address {
            cause: without_secret(&error.kind.to_string(), options.uri.expose()),
        })?;
        if let Some(option) = careless_option(options.uri.expose()) {
            return Err(StoreError::Careless { option });
        }
        client.tls = tls(client.tls, options)?;
        client.app_name.get_or_insert_with(|| "costwarden".to_owned());
        // An option in the connection string takes precedence.
        client.connect_timeout.get_or_insert(options.connect_timeout);
        let selection_timeout = *client.server_selection_timeout.get_or_insert(options.selection_timeout);
        let hosts = client.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let client = Client::with_options(client).map_err(|error| StoreError::Address {
            cause: without_secret(&error.kind.to_string(), options.uri.expose()),
        })?;
        let database = DatabaseOptions::builder()
            .write_concern(
                WriteConcern::builder().w(Acknowledgment::Majority).w_timeout(super::write::CONFIRMED_WITHIN).build(),
            )
            // A failover must not roll back documents that a run has already used, for example for training.
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let database = client.database_with_options(name, database);
        let store = Self {
            database,
            hosts,
            selection_timeout,
            timeout: options.timeout,
            run: access.run(),
            latency: Latency::default(),
        };
        let ping = store.answer(store.database.run_command(doc! { "ping": 1 }));
        store.latency.of(Operation::Read, ping).await.map_err(|error| store.failure("ping", name, &error))?;
        // A reader must not create indexes.
        if store.run.is_some() {
            store.ensure_indexes().await?;
        }
        Ok(store)
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Converts an error of the driver to an error for the operator.
    pub(super) fn failure(&self, operation: &'static str, collection: &str, error: &Error) -> StoreError {
        if let Some(cause) = answer::silence(error) {
            let (hosts, collection) = (self.hosts.clone(), collection.to_owned());
            return StoreError::Silent { operation, collection, hosts, cause };
        }
        let cause = reason(&error.kind.to_string());
        match &*error.kind {
            _ if http::is_untrusted_certificate(&cause) => StoreError::Distrusted { hosts: self.hosts.clone(), cause },
            ErrorKind::ServerSelection { .. } => StoreError::Unreachable {
                hosts: self.hosts.clone(),
                seconds: self.selection_timeout.as_secs_f64(),
                cause,
            },
            ErrorKind::Authentication { .. } => StoreError::Refused { hosts: self.hosts.clone(), cause },
            // AuthenticationFailed
            ErrorKind::Command(command) if command.code == 18 => {
                StoreError::Refused { hosts: self.hosts.clone(), cause }
            }
            // Unauthorized
            ErrorKind::Command(command) if command.code == 13 => StoreError::NotAllowed {
                operation,
                collection: collection.to_owned(),
                database: self.database.name().to_owned(),
                cause,
            },
            _ => StoreError::Failed { operation, collection: collection.to_owned(), cause },
        }
    }
}

/// Returns the part of a driver's message with the cause. The rest dumps the topology or the command.
fn reason(message: &str) -> String {
    let message = message.split(" to execute command").next().unwrap_or(message);
    let Some((head, topology)) = message.split_once(" Topology: ") else { return message.to_owned() };
    let cause = topology.split_once("Error: ").map(|(_, rest)| rest.split(", labels:").next().unwrap_or(rest));
    cause.map_or_else(
        || head.to_owned(),
        |cause| cause.trim_start_matches("Kind: ").trim_end_matches([' ', '}', ']']).to_owned(),
    )
}

/// Returns a message about a connection string without the password.
fn without_secret(message: &str, uri: &str) -> String {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    // The last at sign ends the credentials, because an invalid password may contain at signs.
    let Some((credentials, _)) = after_scheme.rsplit_once('@') else { return message.to_owned() };
    let secret = credentials.split_once(':').map_or(credentials, |(_, secret)| secret);
    if secret.is_empty() || !message.contains(secret) {
        return message.to_owned();
    }
    message.replace(secret, "***")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_no_password() {
        let uri = "mongodb://user:p@ss:w@db.example:27017/x";
        assert_eq!(without_secret("cannot read `p@ss:w`", uri), "cannot read `***`");
        assert_eq!(without_secret("no host", "mongodb://"), "no host");
    }

    #[test]
    fn an_address_that_trusts_anybody_is_known() {
        let check = |query: &str| careless_option(&format!("mongodb://u:p@h/?{query}"));
        assert_eq!(check("tls=true&tlsInsecure=true"), Some("tlsInsecure"));
        assert_eq!(check("tlsallowinvalidcertificates=true"), Some("tlsAllowInvalidCertificates"));
        assert_eq!(check("tls=true;tlsAllowInvalidHostnames=1"), Some("tlsAllowInvalidHostnames"));
        assert_eq!(check("tls=true&tlsInsecure=false"), None);
        assert_eq!(careless_option("mongodb://h"), None);
    }

    #[test]
    fn hosts_that_are_spoken_to_in_the_clear_are_known() {
        let check = |uri: &str| {
            hosts_in_the_clear(&MongodbOptions {
                uri: config_file::secret::Secret::new(uri),
                authority: None,
                client_certificate: None,
                database: "billing".to_owned(),
                connect_timeout: std::time::Duration::ZERO,
                selection_timeout: std::time::Duration::ZERO,
                timeout: std::time::Duration::ZERO,
            })
        };
        assert_eq!(check("mongodb://u:p@db.example:27017,127.0.0.1:1/x"), Some("db.example:27017".to_owned()));
        assert_eq!(check("mongodb://localhost"), None);
        assert_eq!(check("mongodb://db.example/?TLS=true"), None);
        assert_eq!(check("mongodb+srv://db.example"), None);
        assert_eq!(check("mongodb://db.example/?tls=false"), Some("db.example".to_owned()));
    }

    #[test]
    fn the_cause_stands_without_the_topology() {
        let message = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: h:1, \
                       Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {} } ] }";
        assert_eq!(reason(message), "I/O error: Connection refused (os error 111)");
        assert_eq!(reason("not authorized on billing to execute command { find: 1 }"), "not authorized on billing");
        assert_eq!(reason("something else"), "something else");
    }
}
