//! The commands `plugin bundle` and `plugin unbundle`: carry plugins to a closed network in one file.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use model::count::counted;
use plugin::bundle::{self, BundleCounts};
use serde_json::json;

use super::{BundleArgs, UnbundleArgs};
use crate::cli::present::{self, Form};
use crate::config::Config;
use crate::pipeline::Grade;

pub(super) fn bundle(args: &BundleArgs, config: &Config, form: Form) -> anyhow::Result<Grade> {
    let bundle = bundle::collect(&config.plugins, &config.state_dir)?;
    let bytes = bundle::to_bytes(&bundle, &args.file)?;
    write(&args.file, &bytes).with_context(|| format!("{} cannot be written", args.file.display()))?;
    report("bundled", &args.file, bundle.counts(), form);
    Ok(Grade::Done)
}

pub(super) fn unbundle(args: &UnbundleArgs, config: &Config, form: Form) -> anyhow::Result<Grade> {
    let bundle = bundle::read(&args.file)?;
    let counts = bundle.counts();
    bundle::install(bundle, &args.file, &config.plugins, &config.state_dir)?;
    report("installed", &args.file, counts, form);
    Ok(Grade::Done)
}

/// Writes a file that another process sees complete or not at all.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(bytes)?;
    draft.as_file().sync_all()?;
    draft.persist(path)?;
    Ok(())
}

fn report(action: &str, file: &Path, counts: BundleCounts, form: Form) {
    let BundleCounts { plugins, signatures, reference_files } = counts;
    present::out(&match form {
        Form::Text => format!(
            "{}: {action} {}, {} and {} of reference data",
            file.display(),
            counted(plugins, "plugin"),
            counted(signatures, "signature"),
            counted(reference_files, "file")
        ),
        Form::Json => json!({"file": file, "plugins": plugins, "signatures": signatures,
                             "referenceFiles": reference_files})
        .to_string(),
    });
}
