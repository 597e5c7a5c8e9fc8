//! OCI registries: a plugin is an image in the CNCF layout for WebAssembly, with a config
//! `application/vnd.wasm.config.v0+json` and a single layer `application/wasm`. The signature is an annotation of the
//! manifest.
//!
//! All answers of a registry are limited in time and size and checked against their digests. This module does not parse
//! a pulled plugin; a push parses the pusher's file.

mod error;
mod layout;
mod options;

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use model::rule::image::Image;
use oci_client::RegistryOperation;
use oci_client::client::LayerDescriptor;
use oci_client::errors::OciDistributionError;
use oci_wasm::WasmClient;
use sandbox::Artifact;

use self::error::registry_error;
use self::layout::{config_and_layer, plugin_layer};
use super::signature::Signature;

pub use self::error::RegistryError;
pub use self::options::{Credentials, RegistryOptions, RegistryTransport};

/// A plugin from a registry.
#[derive(Debug)]
pub struct PulledPlugin {
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
    let (config, layer) = config_and_layer(image, artifact)?;
    let mut annotations = BTreeMap::from([(TITLE_ANNOTATION.to_owned(), format!("{}.wasm", image.name()))]);
    if let Some(signature) = signature {
        annotations.insert(SIGNATURE_ANNOTATION.to_owned(), serde_json::json!(signature.text).to_string());
    }
    let client = WasmClient::new(options.client());
    options
        .with_timeout(image, async {
            let auth = options.auth();
            let failed = |error| registry_error(image, error);
            // Authenticate first: the library's push does not distinguish a refusal from other errors.
            client.auth(image.reference(), &auth, RegistryOperation::Push).await.map_err(failed)?;
            let pushed = client.push(image.reference(), &auth, layer, config, Some(annotations)).await;
            pushed.map_err(|error| match error.downcast::<OciDistributionError>() {
                Ok(error) => failed(error),
                Err(error) => RegistryError::Other { image: image.clone(), cause: format!("{error:#}") },
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
pub async fn pull(image: &Image, options: &RegistryOptions, limit_bytes: u64) -> Result<PulledPlugin, RegistryError> {
    let client = options.client();
    options
        .with_timeout(image, async {
            let auth = options.auth();
            let failed = |error| registry_error(image, error);
            client.auth(image.reference(), &auth, RegistryOperation::Pull).await.map_err(failed)?;
            let (manifest, digest) = client.pull_image_manifest(image.reference(), &auth).await.map_err(failed)?;
            let layer = plugin_layer(image, &manifest)?;
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
            Ok(PulledPlugin { image, artifact, signature })
        })
        .await
}
