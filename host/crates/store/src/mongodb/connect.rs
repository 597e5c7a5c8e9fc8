//! The connection to the server, and clear errors for a failed connection.

use mongodb::bson::doc;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria, Tls, TlsOptions,
    WriteConcern,
};
use mongodb::{Client, Database};
use transport::http;

use super::Mongodb;
use super::answer::timeout_text;
use super::options::{MongodbOptions, insecure_tls_option};
use super::write::CONFIRMED_WITHIN;
use crate::access::Access;
use crate::error::StoreError;
use crate::latency::{Latency, Operation};

impl Mongodb {
    pub(crate) async fn open(options: &MongodbOptions, access: Access) -> Result<Self, StoreError> {
        let name = &options.database;
        if name.is_empty() || name.len() > 63 || name.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
            return Err(StoreError::DatabaseName { name: name.clone() });
        }
        let parsed = ClientOptions::parse(options.uri.expose()).await;
        let mut client = parsed.map_err(|error| StoreError::ConnectionString {
            cause: without_secret(&error.kind.to_string(), options.uri.expose()),
        })?;
        if let Some(option) = insecure_tls_option(options.uri.expose()) {
            return Err(StoreError::InsecureTls { option });
        }
        client.tls = tls_options(client.tls, options)?;
        client.app_name.get_or_insert_with(|| "costwarden".to_owned());
        // An option in the connection string takes precedence.
        client.connect_timeout.get_or_insert(options.connect_timeout);
        let selection_timeout = *client.server_selection_timeout.get_or_insert(options.selection_timeout);
        let hosts = client.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let replica_set = client.repl_set_name.clone();
        let client = Client::with_options(client).map_err(|error| StoreError::ConnectionString {
            cause: without_secret(&error.kind.to_string(), options.uri.expose()),
        })?;
        let database = DatabaseOptions::builder()
            .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).w_timeout(CONFIRMED_WITHIN).build())
            // A failover must not roll back documents that a run has already used, for example for training.
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let database = client.database_with_options(name, database);
        let store = Self {
            database,
            hosts,
            replica_set,
            selection_timeout,
            timeout: options.timeout,
            run: access.run(),
            latency: Latency::default(),
        };
        let ping = store.answer(store.database.run_command(doc! { "ping": 1 }));
        store.latency.measure(Operation::Read, ping).await.map_err(|error| store.failure("ping", name, &error))?;
        // A reader must not create indexes.
        if store.run.is_some() {
            store.ensure_indexes().await?;
        }
        Ok(store)
    }

    pub(crate) fn hosts(&self) -> &str {
        &self.hosts
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Converts an error of the driver to an error for the operator.
    pub(super) fn failure(&self, operation: &'static str, collection: &str, error: &Error) -> StoreError {
        if let Some(cause) = timeout_text(error) {
            let hosts = self.hosts.clone();
            return StoreError::Timeout { operation, collection: collection.to_owned(), hosts, cause };
        }
        let cause = reason(&error.kind.to_string());
        match &*error.kind {
            _ if http::is_untrusted_certificate(&cause) => StoreError::Untrusted { hosts: self.hosts.clone(), cause },
            ErrorKind::ServerSelection { .. } => {
                let (hosts, seconds) = (self.hosts.clone(), self.selection_timeout.as_secs_f64());
                match self.replica_set.clone() {
                    // The driver drops servers of another replica set, and then names no cause.
                    Some(name) if cause.contains("No available servers") => {
                        StoreError::ReplicaSet { hosts, name, seconds, cause }
                    }
                    _ => StoreError::Unreachable { hosts, seconds, cause },
                }
            }
            ErrorKind::Authentication { .. } => StoreError::CredentialsRefused { hosts: self.hosts.clone(), cause },
            // AuthenticationFailed
            ErrorKind::Command(command) if command.code == 18 => {
                StoreError::CredentialsRefused { hosts: self.hosts.clone(), cause }
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

/// Combines the TLS options of the connection string with the config. A file in the config requires TLS.
fn tls_options(from_uri: Option<Tls>, options: &MongodbOptions) -> Result<Option<Tls>, StoreError> {
    let authority = options.authority.as_ref().map(|authority| authority.path().to_owned());
    let files = [("ca_file", authority.is_some()), ("client_certificate_file", options.client_certificate.is_some())];
    let Some((key, _)) = files.into_iter().find(|(_, is_given)| *is_given) else { return Ok(from_uri) };
    let mut tls = match from_uri {
        Some(Tls::Disabled) => return Err(StoreError::TlsDisabled { key }),
        Some(Tls::Enabled(tls)) => tls,
        None => TlsOptions::default(),
    };
    tls.ca_file_path = authority.or(tls.ca_file_path);
    tls.cert_key_file_path = options.client_certificate.clone().or(tls.cert_key_file_path);
    Ok(Some(Tls::Enabled(tls)))
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
    fn a_message_does_not_contain_the_password() {
        let uri = "mongodb://user:p@ss:w@db.example:27017/x";
        assert_eq!(without_secret("cannot read `p@ss:w`", uri), "cannot read `***`");
        assert_eq!(without_secret("no host", "mongodb://"), "no host");
    }

    #[test]
    fn the_reason_excludes_topology_and_command() {
        let message = "Server selection timeout: No available servers. Topology: { Type: Unknown, Servers: [ { Address: h:1, \
                       Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {} } ] }";
        assert_eq!(reason(message), "I/O error: Connection refused (os error 111)");
        assert_eq!(reason("not authorized on billing to execute command { find: 1 }"), "not authorized on billing");
        assert_eq!(reason("something else"), "something else");
    }
}
