//! Packed manifests: small plugins with a manifest, damaged, for `plugin inspect` and `plugin rule`.

use plugin::authoring::rule_template::rule_template;
use plugin::authoring::settings_schema::setting_rows;
use sandbox::inspection;
use sandbox::packed::{self, PackedManifest};

use crate::bundled;
use crate::damage::damaged;

/// Plugins without code, with the manifests of the bundled plugins.
pub(crate) struct Manifest {
    samples: Vec<Vec<u8>>,
}

impl Manifest {
    pub(crate) fn new() -> Result<Self, String> {
        let mut samples = Vec::new();
        for (name, bytes) in bundled()? {
            let manifest = packed::read(&bytes).map_err(|error| format!("{name}: {error}"))?;
            let manifest: PackedManifest = manifest.ok_or_else(|| format!("{name}: no packed manifest"))?;
            for header in [&b"\0asm\x01\0\0\0"[..], &b"\0asm\x0d\0\x01\0"[..]] {
                samples.push(packed::pack(header, &manifest).map_err(|error| format!("{name}: {error}"))?);
            }
        }
        Ok(Self { samples })
    }

    pub(crate) fn input(&self, entropy: &[u8]) -> Option<Vec<u8>> {
        damaged(&self.samples, entropy)
    }

    /// Reads the manifest, and writes the table of settings and a rule. A return is the only requirement.
    pub(crate) fn run(input: &[u8]) {
        let Ok(inspection) = inspection::inspect(input) else { return };
        if let Some(manifest) = &inspection.manifest {
            let _ = setting_rows(&manifest.settings_schema).len();
            let _ = rule_template(manifest, &inspection, "KRW").len();
        }
    }
}
