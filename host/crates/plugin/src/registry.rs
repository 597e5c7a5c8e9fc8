//! OCI registries: a plugin is an image in the CNCF layout for WebAssembly, with a config
//! `application/vnd.wasm.config.v0+json` and a single layer `application/wasm`. The signature is an annotation of the
//! manifest.
//!
//! All answers of a registry are limited in time and size and checked against their digests. This module does not parse
//! a pulled plugin; a push parses the pusher's file.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol, ImageLayer, LayerDescriptor};
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};
use oci_wasm::{WASM_LAYER_MEDIA_TYPE, WASM_MANIFEST_CONFIG_MEDIA_TYPE, WasmClient, WasmConfig};
use wasmparser::Parser;

use super::signature::Signature;
use config_file::secret::Secret;
use model::image::Image;
use sandbox::Artifact;
use transport::causes::causes;

/// Connection options for a registry.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// `HOST` or `HOST:PORT`.
    pub host: String,
    /// User name and password; `None` for a registry without authentication.
    pub credentials: Option<(String, Secret)>,
    pub transport: Transport,
    /// Time limit of a whole push or pull.
    pub timeout: Duration,
}

/// Encryption of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Https,
    Http,
}

/// A plugin from a registry.
#[derive(Debug)]
pub struct Pulled {
    /// Image pinned to the manifest.
    pub image: Image,
    /// The plugin, not parsed.
    pub artifact: Artifact,
    /// The signature, not verified.
    pub signature: Option<Signature>,
}

/// Annotation with the signature's text in a JSON string. The manifest is written in canonical JSON without escapes, so
/// the text must not contain line breaks.
const SIGNATURE_ANNOTATION: &str = "costwarden.minisig";
const TITLE_ANNOTATION: &str = "org.opencontainers.image.title";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl RegistryOptions {
    /// Returns the options for a host: from the config if present, otherwise the defaults.
    pub fn of(host: &str, known: &[Self]) -> Self {
        known.iter().find(|registry| registry.host == host).cloned().unwrap_or_else(|| Self::new(host))
    }

    pub fn new(host: &str) -> Self {
        let timeout = Duration::from_secs(60);
        Self { host: host.to_owned(), credentials: None, transport: Transport::Https, timeout }
    }

    fn client(&self) -> Client {
        Client::new(ClientConfig {
            protocol: match self.transport {
                Transport::Https => ClientProtocol::Https,
                Transport::Http => ClientProtocol::Http,
            },
            // Without a resolver, an image index is an error: an index is not a plugin.
            platform_resolver: None,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(self.timeout),
            user_agent: concat!("costwarden/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        })
    }

    fn auth(&self) -> RegistryAuth {
        match &self.credentials {
            Some((username, password)) => RegistryAuth::Basic(username.clone(), password.expose().to_owned()),
            None => RegistryAuth::Anonymous,
        }
    }

    async fn in_time<T>(
        &self,
        image: &Image,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let late = || RegistryError::TimedOut { image: image.clone(), seconds: self.timeout.as_secs() };
        tokio::time::timeout(self.timeout, work).await.unwrap_or_else(|_| Err(late()))
    }
}

/// Pushes a plugin. The same plugin and signature always give the same image.
///
/// # Errors
/// Fails if the file is not WebAssembly or the registry does not accept the image.
pub async fn push(
    image: &Image,
    options: &RegistryOptions,
    artifact: &Artifact,
    signature: Option<&Signature>,
) -> Result<Image, RegistryError> {
    let (config, layer) = described(image, artifact)?;
    let mut annotations = BTreeMap::from([(TITLE_ANNOTATION.to_owned(), format!("{}.wasm", image.name()))]);
    if let Some(signature) = signature {
        annotations.insert(SIGNATURE_ANNOTATION.to_owned(), serde_json::json!(signature.text).to_string());
    }
    let client = WasmClient::new(options.client());
    options
        .in_time(image, async {
            let auth = options.auth();
            let failed = |error| failed(image, error);
            // Authenticate first: the library's push does not distinguish a refusal from other errors.
            client.auth(image.reference(), &auth, RegistryOperation::Push).await.map_err(failed)?;
            let pushed = client.push(image.reference(), &auth, layer, config, Some(annotations)).await;
            pushed.map_err(|error| match error.downcast::<OciDistributionError>() {
                Ok(error) => failed(error),
                Err(error) => RegistryError::Other { image: image.clone(), why: format!("{error:#}") },
            })?;
            let digest = client.fetch_manifest_digest(image.reference(), &auth).await.map_err(failed)?;
            Ok(image.pinned(&digest))
        })
        .await
}

/// Pulls a plugin of at most `limit_bytes` bytes.
///
/// # Errors
/// Fails if the registry does not deliver the image, or if the image is not a plugin, is too large, or does not match
/// the digest.
pub async fn pull(image: &Image, options: &RegistryOptions, limit_bytes: u64) -> Result<Pulled, RegistryError> {
    let client = options.client();
    options
        .in_time(image, async {
            let (auth, failed) = (options.auth(), |error| failed(image, error));
            client.auth(image.reference(), &auth, RegistryOperation::Pull).await.map_err(failed)?;
            let (manifest, digest) = client.pull_image_manifest(image.reference(), &auth).await.map_err(failed)?;
            let layer = layer(image, &manifest)?;
            let too_large = || RegistryError::TooLarge { image: image.clone(), limit: limit_bytes };
            if u64::try_from(layer.size).unwrap_or(0) > limit_bytes {
                return Err(too_large());
            }
            // A manifest may name other URLs of the layer; they are not followed.
            let layer = LayerDescriptor { digest: &layer.digest, urls: &None };
            let mut stream = client.pull_blob_stream(image.reference(), &layer).await.map_err(failed)?;
            let mut bytes = Vec::new();
            while let Some(chunk) = stream.try_next().await.map_err(|error| failed(error.into()))? {
                // A registry may send more bytes than the manifest declares.
                if bytes.len() as u64 + chunk.len() as u64 > limit_bytes {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&chunk);
            }
            let annotations = manifest.annotations.unwrap_or_default();
            let signature = annotations.get(SIGNATURE_ANNOTATION).map(|text| Signature {
                // An invalid string becomes an empty text, and the verification rejects an empty text.
                text: serde_json::from_str(text).unwrap_or_default(),
            });
            let image = image.pinned(&digest);
            let artifact = Artifact::new(image.to_string().as_ref(), bytes);
            Ok(Pulled { image, artifact, signature })
        })
        .await
}

/// Returns the config and the layer of a plugin.
fn described(image: &Image, artifact: &Artifact) -> Result<(WasmConfig, ImageLayer), RegistryError> {
    let bytes = artifact.bytes.clone();
    let described = if Parser::is_core_wasm(&bytes) {
        WasmConfig::from_raw_module(bytes, None)
    } else if Parser::is_component(&bytes) {
        WasmConfig::from_raw_component(bytes, None)
    } else {
        return Err(RegistryError::NotWasm { path: artifact.path.display().to_string() });
    };
    let other = |error| RegistryError::Other { image: image.clone(), why: format!("{error:#}") };
    let (mut config, layer) = described.map_err(other)?;
    // The library sets the current time; without the time, the same plugin gives the same image.
    config.created = Default::default();
    Ok((config, layer))
}

/// Returns the single layer of a plugin's image.
fn layer<'m>(image: &Image, manifest: &'m OciImageManifest) -> Result<&'m OciDescriptor, RegistryError> {
    let not = |why: String| RegistryError::NotAPlugin { image: image.clone(), why };
    if manifest.config.media_type != WASM_MANIFEST_CONFIG_MEDIA_TYPE {
        let found = &manifest.config.media_type;
        return Err(not(format!("its config is {found}, expected {WASM_MANIFEST_CONFIG_MEDIA_TYPE}")));
    }
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == WASM_LAYER_MEDIA_TYPE => Ok(layer),
        [layer] => Err(not(format!("its layer is {}, expected {WASM_LAYER_MEDIA_TYPE}", layer.media_type))),
        layers => Err(not(format!("it has {} layers, expected one of {WASM_LAYER_MEDIA_TYPE}", layers.len()))),
    }
}

fn failed(image: &Image, error: OciDistributionError) -> RegistryError {
    let image = image.clone();
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            RegistryError::Unauthorized { image }
        }
        OciDistributionError::ServerError { code: 401 | 403, .. } => RegistryError::Unauthorized { image },
        OciDistributionError::ImageManifestNotFoundError(_) | OciDistributionError::ServerError { code: 404, .. } => {
            RegistryError::NotThere { image }
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let is = |codes: &[OciErrorCode]| envelope.errors.iter().any(|error| codes.contains(&error.code));
            if is(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                RegistryError::Unauthorized { image }
            } else if is(&[OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound]) {
                RegistryError::NotThere { image }
            } else {
                RegistryError::Other { image, why: plain(&envelope.to_string()) }
            }
        }
        OciDistributionError::ServerError { code, message, .. } => {
            RegistryError::Status { image, code, said: Some(plain(&message)).filter(|said| !said.is_empty()) }
        }
        OciDistributionError::RequestError(error) if error.is_connect() || error.is_timeout() => {
            let why = causes(&error.without_url());
            // The TLS library reports `InvalidContentType` if the answer is not TLS.
            if why.contains("InvalidContentType") {
                RegistryError::NotTls { image }
            } else {
                RegistryError::Unreachable { image, why }
            }
        }
        OciDistributionError::RequestError(error) => match error.status() {
            Some(status) => RegistryError::Status { image, code: status.as_u16(), said: None },
            None => RegistryError::BrokenOff { image, why: innermost(&error) },
        },
        OciDistributionError::ImageIndexParsingNoPlatformResolverError => {
            RegistryError::NotAPlugin { image, why: "it is an index of several images".to_owned() }
        }
        OciDistributionError::DigestError(error) => RegistryError::Damaged { image, why: error.to_string() },
        // The stream wraps a wrong digest in an I/O error.
        OciDistributionError::IoError(error) if matches!(error.get_ref(), Some(inner) if inner.is::<DigestError>()) => {
            RegistryError::Damaged { image, why: error.to_string() }
        }
        OciDistributionError::IoError(error) => RegistryError::BrokenOff { image, why: innermost(&error) },
        OciDistributionError::JsonError(_)
        | OciDistributionError::ManifestEncodingError(_)
        | OciDistributionError::ManifestParsingError(_)
        | OciDistributionError::VersionedParsingError(_)
        | OciDistributionError::RegistryTokenDecodeError(_)
        | OciDistributionError::RegistryNoDigestError
        | OciDistributionError::RegistryNoLocationError
        | OciDistributionError::SpecViolationError(_) => {
            RegistryError::NoRegistry { image, why: plain(&error.to_string()) }
        }
        error => RegistryError::Other { image, why: plain(&causes(&error)) },
    }
}

/// Returns the root cause without the layers of the client.
fn innermost(mut error: &dyn Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    plain(&error.to_string())
}

/// Makes a registry's text safe for a single line in a terminal or log; at most 200 characters.
fn plain(text: &str) -> String {
    let line = text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(200);
    line.collect::<String>().trim_end().to_owned()
}

/// Errors of pushing or pulling a plugin.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{image}: the registry {} cannot be reached, look at its name and port: {why}", image.host())]
    Unreachable { image: Image, why: String },
    #[error(
        "{image}: the registry {0} does not speak https: where it is meant to speak plain http, say so by `transport = \"http\"` (beyond loopback: \"insecure-http\") under [[plugins.registry]] with host = {0:?}",
        image.host()
    )]
    NotTls { image: Image },
    #[error(
        "{image}: the registry {0} refuses: expected `username` and `password` that it accepts, under [[plugins.registry]] with host = {0:?}",
        image.host()
    )]
    Unauthorized { image: Image },
    #[error("{image}: the registry has no such image: look at the tag, or push it with `costwarden plugin push`")]
    NotThere { image: Image },
    #[error("{image}: larger than {limit} bytes (plugins.limits.module_bytes)")]
    TooLarge { image: Image, limit: u64 },
    #[error("{image}: damaged in the registry or on the way, push it again: {why}")]
    Damaged { image: Image, why: String },
    #[error("{image}: no plugin: {why}")]
    NotAPlugin { image: Image, why: String },
    #[error("{image}: not done after {seconds} s (timeout_seconds of [[plugins.registry]])")]
    TimedOut { image: Image, seconds: u64 },
    #[error("{image}: the registry {} broke off in the middle of an answer, try again: {why}", image.host())]
    BrokenOff { image: Image, why: String },
    #[error(
        "{image}: the registry {} answers with the status {code}, try again later or ask who runs it{}",
        image.host(),
        said.as_ref().map(|said| format!(": {said}")).unwrap_or_default()
    )]
    Status { image: Image, code: u16, said: Option<String> },
    #[error(
        "{image}: what answers at {} does not speak as an OCI registry does, look at its name and port: {why}",
        image.host()
    )]
    NoRegistry { image: Image, why: String },
    #[error("{path}: not WebAssembly, expected a .wasm core module or component")]
    NotWasm { path: String },
    #[error("{image}: {why}")]
    Other { image: Image, why: String },
}
