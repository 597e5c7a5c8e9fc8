//! TLS with an authority of one's own, to a real mongod, a real S3 server, and the simulated API behind OpenSSL: the right
//! certificate is taken, and no other.

mod support;

#[path = "tls/certificates.rs"]
mod certificates;
#[path = "tls/refused.rs"]
mod refused;
#[path = "tls/servers.rs"]
mod servers;
#[path = "tls/trusted.rs"]
mod trusted;
