//! The layout of a plugin's image.

use model::rule::image::{Image, is_sha256};
use oci_client::client::ImageLayer;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_wasm::{COMPONENT_OS, Component, WASM_LAYER_MEDIA_TYPE, WASM_MANIFEST_CONFIG_MEDIA_TYPE, WasmConfig};
use sandbox::inspection::Inspection;
use sandbox::{Artifact, Encoding};

use super::answer::single_line;
use super::error::RegistryError;

/// The interface that a plugin exports, without the version.
const DETECTOR: &str = "costwarden:detector/detector";

/// Returns the config and the layer of a plugin. The names of a component come from the inspection: the bytes are not
/// parsed here.
pub(super) fn config_and_layer(
    image: &Image,
    artifact: &Artifact,
    inspection: &Inspection,
) -> Result<(WasmConfig, ImageLayer), RegistryError> {
    let other = |error| RegistryError::Other { image: image.clone(), cause: format!("{error:#}") };
    let (mut config, layer) = WasmConfig::from_raw_module(artifact.bytes.clone(), None).map_err(other)?;
    if inspection.encoding == Encoding::Component {
        config.os = COMPONENT_OS.to_owned();
        config.component = Some(Component {
            exports: inspection.contract.iter().map(|version| format!("{DETECTOR}@{version}")).collect(),
            imports: inspection.imports.iter().map(|import| import.name.clone()).collect(),
            target: None,
        });
    }
    // The library sets the current time; without the time, the same plugin gives the same image.
    config.created = Default::default();
    Ok((config, layer))
}

/// Returns the single layer of a plugin's image.
pub(super) fn plugin_layer<'m>(
    image: &Image,
    manifest: &'m OciImageManifest,
) -> Result<&'m OciDescriptor, RegistryError> {
    let error = |cause: String| RegistryError::NotAPlugin { image: image.clone(), cause };
    if manifest.config.media_type != WASM_MANIFEST_CONFIG_MEDIA_TYPE {
        let media_type = single_line(&manifest.config.media_type);
        return Err(error(format!("the config is {media_type}, expected {WASM_MANIFEST_CONFIG_MEDIA_TYPE}")));
    }
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == WASM_LAYER_MEDIA_TYPE && is_sha256(&layer.digest) => Ok(layer),
        [layer] if layer.media_type == WASM_LAYER_MEDIA_TYPE => {
            let digest = single_line(&layer.digest);
            Err(error(format!("the digest of the layer is {digest}, expected sha256: and 64 digits in lower-case hex")))
        }
        [layer] => {
            let media_type = single_line(&layer.media_type);
            Err(error(format!("the layer is {media_type}, expected {WASM_LAYER_MEDIA_TYPE}")))
        }
        layers => {
            Err(error(format!("the image has {} layers, expected one layer of {WASM_LAYER_MEDIA_TYPE}", layers.len())))
        }
    }
}
