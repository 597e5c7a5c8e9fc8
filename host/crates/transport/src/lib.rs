//! HTTP clients: trusted certificates, addresses in a config, retries, and error texts.
//!
//! The crate knows no request.

pub mod causes;
pub mod endpoint;
pub mod http;
pub mod retry;
