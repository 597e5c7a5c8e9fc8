//! TLS with an authority of one's own, to a real mongod, a real S3 server, and the simulated API behind OpenSSL: the right
//! certificate is taken, and no other.

mod certificates;
mod refused;
mod servers;
mod trusted;
