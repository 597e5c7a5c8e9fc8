//! The manifest of an image: fetched with a limit, and checked against the digest of a pinned image.

use model::rule::image::Image;
use oci_client::manifest::OciImageManifest;
use oci_wasm::WASM_MANIFEST_MEDIA_TYPE;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

use super::answer;
use super::client::{Client, Part};
use super::error::RegistryError;

/// A manifest with the digest of the received bytes.
pub(super) struct FetchedManifest {
    pub(super) manifest: OciImageManifest,
    /// With the prefix `sha256:`.
    pub(super) digest: String,
}

/// The limit that the OCI distribution specification recommends to registries.
const MANIFEST: Part = Part { name: "manifest", limit_bytes: 4 << 20 };
/// Also indexes, for a precise error.
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// Fetches the manifest of an image.
pub(super) async fn fetch(client: &Client<'_>) -> Result<FetchedManifest, RegistryError> {
    let response = client.get(&format!("manifests/{}", client.version()), ACCEPTED).await?;
    let bytes = client.read(response, MANIFEST).await?;
    let digest = digest(&bytes);
    if let Some(pinned) = client.image.reference().digest()
        && pinned != digest
    {
        let cause = format!("the manifest is {digest}, expected {pinned}");
        return Err(RegistryError::Damaged { image: client.image.clone(), cause });
    }
    Ok(FetchedManifest { manifest: parse(client.image, &bytes)?, digest })
}

/// Puts a manifest, and returns the digest.
pub(super) async fn put(client: &Client<'_>, manifest: &OciImageManifest) -> Result<String, RegistryError> {
    let bytes = serde_json::to_vec(manifest)
        .map_err(|error| RegistryError::Other { image: client.image.clone(), cause: error.to_string() })?;
    let digest = digest(&bytes);
    client.put_manifest(WASM_MANIFEST_MEDIA_TYPE, bytes).await?;
    Ok(digest)
}

/// Returns `sha256:` and the digest in hex.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn parse(image: &Image, bytes: &[u8]) -> Result<OciImageManifest, RegistryError> {
    /// An index in contrast to a manifest.
    #[derive(Deserialize)]
    struct Index {
        #[serde(rename = "manifests")]
        _manifests: IgnoredAny,
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let image = image.clone();
        if serde_json::from_slice::<Index>(bytes).is_ok() {
            RegistryError::NotAPlugin { image, cause: "the image is an index of several images".to_owned() }
        } else {
            let cause = format!("the manifest cannot be read: {}", answer::single_line(&error.to_string()));
            RegistryError::NotARegistry { image, cause }
        }
    })
}
