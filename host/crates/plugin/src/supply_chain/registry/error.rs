//! Errors of pushing or pulling a plugin.

use model::rule::image::Image;

/// Errors of pushing or pulling a plugin.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{image}: the registry {} cannot be reached, check the name and the port: {cause}", image.host())]
    Unreachable { image: Image, cause: String },
    #[error(
        "{image}: the registry {} is not trusted: {cause}; check `ca_file` under [[plugins.registry]], and that the certificate is for this host and has not expired",
        image.host()
    )]
    Distrusted { image: Image, cause: String },
    #[error(
        "{image}: the registry {0} does not use https: for a registry with plain http, set `transport = \"http\"` (beyond loopback: \"insecure-http\") under [[plugins.registry]] with host = {0:?}",
        image.host()
    )]
    NotTls { image: Image },
    #[error(
        "{image}: the registry {0} refuses access: set a valid `username` and `password` under [[plugins.registry]] with host = {0:?}",
        image.host()
    )]
    Unauthorized { image: Image },
    #[error(
        "{image}: the registry {0} names the token realm {origin} on another host: if the operator of the registry confirms the realm, set `realm_hosts = [{host:?}]` under [[plugins.registry]] with host = {0:?}",
        image.host()
    )]
    RealmHost { image: Image, origin: String, host: String },
    #[error(
        "{image}: the registry {} names the token realm {origin}, and plain http is not permitted there: expected https; ask the operator of the registry",
        image.host()
    )]
    RealmTransport { image: Image, origin: String },
    #[error(
        "{image}: the registry {} redirects to {address}, and plain http is not permitted there: expected https; ask the operator of the registry",
        image.host()
    )]
    LocationTransport { image: Image, address: String },
    #[error("{image}: the registry {} redirects more than {limit} times, ask its operator", image.host())]
    Redirects { image: Image, limit: usize },
    #[error(
        "{image}: the registry does not have this image: check the tag, or push the plugin with `costwarden plugin push`"
    )]
    NoImage { image: Image },
    #[error("{image}: larger than {limit} bytes (plugins.limits.module_bytes)")]
    TooLarge { image: Image, limit: u64 },
    #[error(
        "{image}: the {part} from the registry {} is larger than {limit} bytes, check the name and the port",
        image.host()
    )]
    AnswerTooLarge { image: Image, part: &'static str, limit: u64 },
    #[error("{image}: damaged in the registry or in transit, push the plugin again: {cause}")]
    Damaged { image: Image, cause: String },
    #[error("{image}: not a plugin: {cause}")]
    NotAPlugin { image: Image, cause: String },
    #[error("{image}: not complete after {seconds} s (timeout_seconds of [[plugins.registry]])")]
    TimedOut { image: Image, seconds: u64 },
    #[error("{image}: the registry {} closed the connection during a response, try again: {cause}", image.host())]
    Interrupted { image: Image, cause: String },
    #[error(
        "{image}: the registry {} responds with status {code}, try again later or ask its operator{}",
        image.host(),
        message.as_ref().map(|message| format!(": {message}")).unwrap_or_default()
    )]
    Status { image: Image, code: u16, message: Option<String> },
    #[error(
        "{image}: the server at {} is not an OCI registry, check the name and the port: {cause}",
        image.host()
    )]
    NotARegistry { image: Image, cause: String },
    #[error("{image}: {cause}")]
    Other { image: Image, cause: String },
}
