//! Errors of pushing or pulling a plugin, and the conversion of the client's errors.

use std::error::Error;

use model::rule::image::Image;
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use transport::causes::causes;

/// Errors of pushing or pulling a plugin.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{image}: the registry {} cannot be reached, check the name and the port: {cause}", image.host())]
    Unreachable { image: Image, cause: String },
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
        "{image}: the registry does not have this image: check the tag, or push the plugin with `costwarden plugin push`"
    )]
    NoImage { image: Image },
    #[error("{image}: larger than {limit} bytes (plugins.limits.module_bytes)")]
    TooLarge { image: Image, limit: u64 },
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
    #[error("{path}: not WebAssembly, expected a .wasm core module or component")]
    NotWasm { path: String },
    #[error("{image}: {cause}")]
    Other { image: Image, cause: String },
}

/// Converts an error of the client.
pub(super) fn registry_error(image: &Image, error: OciDistributionError) -> RegistryError {
    let image = image.clone();
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            RegistryError::Unauthorized { image }
        }
        OciDistributionError::ServerError { code: 401 | 403, .. } => RegistryError::Unauthorized { image },
        OciDistributionError::ImageManifestNotFoundError(_) | OciDistributionError::ServerError { code: 404, .. } => {
            RegistryError::NoImage { image }
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let is = |codes: &[OciErrorCode]| envelope.errors.iter().any(|error| codes.contains(&error.code));
            if is(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                RegistryError::Unauthorized { image }
            } else if is(&[OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound]) {
                RegistryError::NoImage { image }
            } else {
                RegistryError::Other { image, cause: single_line(&envelope.to_string()) }
            }
        }
        OciDistributionError::ServerError { code, message, .. } => RegistryError::Status {
            image,
            code,
            message: Some(single_line(&message)).filter(|message| !message.is_empty()),
        },
        OciDistributionError::RequestError(error) if error.is_connect() || error.is_timeout() => {
            let cause = causes(&error.without_url());
            // The TLS library reports `InvalidContentType` if the answer is not TLS.
            if cause.contains("InvalidContentType") {
                RegistryError::NotTls { image }
            } else {
                RegistryError::Unreachable { image, cause }
            }
        }
        OciDistributionError::RequestError(error) => match error.status() {
            Some(status) => RegistryError::Status { image, code: status.as_u16(), message: None },
            None => RegistryError::Interrupted { image, cause: root_cause(&error) },
        },
        OciDistributionError::ImageIndexParsingNoPlatformResolverError => {
            RegistryError::NotAPlugin { image, cause: "the image is an index of several images".to_owned() }
        }
        OciDistributionError::DigestError(error) => RegistryError::Damaged { image, cause: error.to_string() },
        // The stream wraps a wrong digest in an I/O error.
        OciDistributionError::IoError(error) if matches!(error.get_ref(), Some(inner) if inner.is::<DigestError>()) => {
            RegistryError::Damaged { image, cause: error.to_string() }
        }
        OciDistributionError::IoError(error) => RegistryError::Interrupted { image, cause: root_cause(&error) },
        OciDistributionError::JsonError(_)
        | OciDistributionError::ManifestEncodingError(_)
        | OciDistributionError::ManifestParsingError(_)
        | OciDistributionError::VersionedParsingError(_)
        | OciDistributionError::RegistryTokenDecodeError(_)
        | OciDistributionError::RegistryNoDigestError
        | OciDistributionError::RegistryNoLocationError
        | OciDistributionError::SpecViolationError(_) => {
            RegistryError::NotARegistry { image, cause: single_line(&error.to_string()) }
        }
        error => RegistryError::Other { image, cause: single_line(&causes(&error)) },
    }
}

/// Returns the root cause without the layers of the client.
fn root_cause(mut error: &dyn Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    single_line(&error.to_string())
}

/// Makes a registry's text safe for a single line in a terminal or log; at most 200 characters.
fn single_line(text: &str) -> String {
    let line = text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(200);
    line.collect::<String>().trim_end().to_owned()
}
