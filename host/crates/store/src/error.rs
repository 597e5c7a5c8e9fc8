//! The error of the store. Both backends raise the error, so the type stands in a module of its own.

use std::path::PathBuf;

/// The cause of a failed call of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "[store] uri is not a MongoDB connection string: {cause}; expected mongodb://host:port or mongodb+srv://host"
    )]
    ConnectionString { cause: String },
    #[error(
        "[store] uri: {option} turns off the check of the server's certificate; remove the option, and set store.ca_file to the certificate authority"
    )]
    InsecureTls { option: &'static str },
    #[error("[store] uri contains tls=false, but [store] {key} requires TLS; remove one of the two")]
    TlsDisabled { key: &'static str },
    #[error(
        "the MongoDB server at {hosts} is not trusted ({cause}); check store.ca_file, and that the server's certificate is for that host and has not expired"
    )]
    Untrusted { hosts: String, cause: String },
    #[error(
        "[store] database `{name}` is not a MongoDB database name; expected 1 to 63 characters without / \\ . \" $ or spaces"
    )]
    DatabaseName { name: String },
    #[error(
        "no MongoDB server answered at {hosts} within {seconds} s ({cause}); check that the server runs and that [store] uri names the server"
    )]
    Unreachable { hosts: String, seconds: f64, cause: String },
    #[error(
        "the MongoDB servers at {hosts} have no member of the replica set `{name}` that answered within {seconds} s ({cause}); check replicaSet in [store] uri, and that the servers run"
    )]
    ReplicaSet { hosts: String, name: String, seconds: f64, cause: String },
    #[error(
        "the MongoDB server at {hosts} refused the credentials ({cause}); check the user, the password and authSource in [store] uri"
    )]
    CredentialsRefused { hosts: String, cause: String },
    #[error(
        "no permission to {operation} {collection} of database {database} ({cause}); grant the role readWrite to the user of [store] uri"
    )]
    NotAllowed { operation: &'static str, collection: String, database: String, cause: String },
    #[error(
        "could not {operation} {collection}: the MongoDB servers at {hosts} did not answer ({cause}); check the servers; [store] timeout_seconds is the time limit of an answer"
    )]
    Timeout { operation: &'static str, collection: String, hosts: String, cause: String },
    #[error("could not {operation} {collection}: {cause}")]
    Failed { operation: &'static str, collection: String, cause: String },
    #[error("could not write {key} to {collection}: {cause}")]
    Rejected { collection: &'static str, key: String, cause: String },
    #[error(
        "index {index} of {collection} has other fields than expected or is not unique; drop the index, and the next run creates a correct index"
    )]
    Index { collection: &'static str, index: &'static str },
    #[error("cannot read the document of {collection} with {key}: {cause}; correct or remove the document")]
    Unreadable { collection: &'static str, key: String, cause: String },
    #[error("{}: {holder} is using the file; wait until that process ends", path.display())]
    Locked { path: PathBuf, holder: String },
    #[error("{}: another version of costwarden wrote the file (format {format}, expected {expected}); use that version, or move the file away and start with an empty store", path.display())]
    Format { path: PathBuf, format: u64, expected: u64 },
    #[error(
        "{location} belongs to the account `{recorded}`, but [source] account is `{configured}`: correct the account, or name another database in [store]"
    )]
    OtherAccount { location: String, recorded: String, configured: String },
    #[error(
        "{location} has format {format}, and this version of costwarden knows formats up to {expected}: install the version that wrote the database"
    )]
    NewerFormat { location: String, format: i64, expected: i64 },
    #[error("{}: {cause}; the documents of earlier runs are complete; free space on the disk, and the next run repeats the work", path.display())]
    Full { path: PathBuf, cause: String },
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: String },
}
