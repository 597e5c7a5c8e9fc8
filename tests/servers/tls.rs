//! TLS with a private certificate authority, to a real mongod, a real S3 server, and a real registry and
//! the simulated API behind OpenSSL:
//! the right certificate is accepted, and every wrong certificate refused.

pub(crate) mod certificates;
mod refused;
mod registry;
pub(crate) mod servers;
mod trusted;
