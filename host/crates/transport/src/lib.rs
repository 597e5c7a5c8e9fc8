//! HTTP clients: trusted certificates, addresses in a config, limits of bodies, retries, and error texts.
//!
//! The crate knows no request.

pub mod body;
pub mod causes;
pub mod endpoint;
pub mod http;
pub mod retry;
