//! OCI registries: a plugin is an image in the CNCF layout for WebAssembly, with a config
//! `application/vnd.wasm.config.v0+json` and a single layer `application/wasm`. The signature is an annotation of the
//! manifest.
//!
//! All answers of a registry are limited in time and size, and checked against their digests. The requests are made here,
//! because the client of the crate `oci-client` reads every answer whole and sends credentials to any realm. This module
//! does not parse a pulled plugin; a push parses the pusher's file.

mod answer;
mod client;
mod error;
mod layout;
mod manifest;
mod options;
mod token;

use std::collections::BTreeMap;

use model::rule::image::Image;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_wasm::{ToConfig as _, WASM_MANIFEST_MEDIA_TYPE};
use reqwest::Response;
use sandbox::Artifact;
use sandbox::inspection::Inspection;
use transport::body::{self, BodyError};

use self::client::Client;
use self::layout::{config_and_layer, plugin_layer};
use self::manifest::FetchedManifest;
use self::token::Access;
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

/// Annotation with the signature's text in a JSON string.
const SIGNATURE_ANNOTATION: &str = "costwarden.minisig";
const TITLE_ANNOTATION: &str = "org.opencontainers.image.title";

/// A plugin to push, with the names of its imports.
#[derive(Debug, Clone, Copy)]
pub struct InspectedPlugin<'a> {
    pub artifact: &'a Artifact,
    pub inspection: &'a Inspection,
}

/// Pushes a plugin. The same plugin and signature always give the same image.
///
/// # Errors
/// Fails if the registry does not accept the image.
pub async fn push(
    image: &Image,
    options: &RegistryOptions,
    plugin: InspectedPlugin<'_>,
    signature: Option<&Signature>,
) -> Result<Image, RegistryError> {
    let (config, layer) = config_and_layer(image, plugin.artifact, plugin.inspection)?;
    let other = |error: anyhow::Error| RegistryError::Other { image: image.clone(), cause: format!("{error:#}") };
    let config = config.to_config().map_err(other)?;
    let mut annotations = BTreeMap::from([(TITLE_ANNOTATION.to_owned(), format!("{}.wasm", image.name()))]);
    if let Some(signature) = signature {
        annotations.insert(SIGNATURE_ANNOTATION.to_owned(), serde_json::json!(signature.text).to_string());
    }
    let mut manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, Some(annotations));
    manifest.media_type = Some(WASM_MANIFEST_MEDIA_TYPE.to_owned());
    options
        .with_timeout(image, async {
            let client = Client::connect(image, options, Access::Push).await?;
            client.upload(&layer.sha256_digest(), layer.data).await?;
            client.upload(&config.sha256_digest(), config.data).await?;
            Ok(image.pinned(&manifest::put(&client, &manifest).await?))
        })
        .await
}

/// Pulls a plugin of at most `limit_bytes` bytes.
///
/// # Errors
/// Fails if the registry does not deliver the image, or if the image is not a plugin, is too large, or does not match
/// the digest.
pub async fn pull(image: &Image, options: &RegistryOptions, limit_bytes: u64) -> Result<PulledPlugin, RegistryError> {
    options
        .with_timeout(image, async {
            let client = Client::connect(image, options, Access::Pull).await?;
            let FetchedManifest { manifest, digest } = manifest::fetch(&client).await?;
            let layer = plugin_layer(image, &manifest)?;
            if u64::try_from(layer.size).unwrap_or(0) > limit_bytes {
                return Err(RegistryError::TooLarge { image: image.clone(), limit: limit_bytes });
            }
            // A manifest may name other URLs of the layer; they are not followed.
            let response = client.get(&format!("blobs/{}", layer.digest), "*/*").await?;
            let bytes = read_layer(image, response, layer).await?;
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

/// Returns the digest of the manifest that the registry has under the tag or digest of an image.
///
/// # Errors
/// Fails if the registry does not deliver the manifest.
pub(super) async fn current_digest(image: &Image, options: &RegistryOptions) -> Result<String, RegistryError> {
    let fetched = async {
        let client = Client::connect(image, options, Access::Pull).await?;
        Ok(manifest::fetch(&client).await?.digest)
    };
    options.with_timeout(image, fetched).await
}

/// Reads a layer, at most as long as the manifest declares, and checks the digest.
async fn read_layer(image: &Image, response: Response, layer: &OciDescriptor) -> Result<Vec<u8>, RegistryError> {
    let damaged = |cause: String| RegistryError::Damaged { image: image.clone(), cause };
    let declared = u64::try_from(layer.size).unwrap_or(0);
    let bytes = body::read(response, declared).await.map_err(|error| match error {
        BodyError::TooLarge(limit) => {
            damaged(format!("the plugin is larger than {limit} bytes, the size in the manifest"))
        }
        BodyError::Interrupted(error) => answer::failure(image, error),
    })?;
    let digest = manifest::digest(&bytes);
    if digest != layer.digest {
        return Err(damaged(format!("the plugin is {digest}, expected {}", layer.digest)));
    }
    Ok(bytes)
}
