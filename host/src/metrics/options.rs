//! The table `[metrics]`.

use std::time::Duration;

use config_file::toml::Section;
use reqwest::Url;
use transport::endpoint;

use super::{MetricsOptions, OtlpOptions};

/// Reads the table `[metrics]`.
pub(crate) fn read(mut section: Section<'_, '_>) -> Option<MetricsOptions> {
    let has_textfile = section.has("textfile");
    let textfile = section.path("textfile");
    if textfile.as_ref().is_some_and(|path| path.extension() != Some("prom".as_ref())) {
        section.fail("textfile", "expected a file name with the suffix .prom: the node exporter reads no other file");
    }
    let transport = endpoint::transport(&mut section);
    let authority = endpoint::authority(&mut section);
    let timeout = section.whole("otlp_timeout_seconds", 1..=60);
    let has_otlp = section.has("otlp_endpoint");
    let url = endpoint::endpoint(&mut section, "otlp_endpoint", "", transport);
    section.finish();
    let otlp = if has_otlp {
        let timeout = Duration::from_secs(timeout.unwrap_or(5) as u64);
        Some(OtlpOptions { endpoint: Url::parse(&url?).ok()?, authority: authority?, timeout })
    } else {
        None
    };
    // An unusable textfile is an error, not a missing key.
    (textfile.is_some() || !has_textfile).then_some(MetricsOptions { textfile, otlp })
}
