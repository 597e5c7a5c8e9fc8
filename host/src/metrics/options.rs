//! The table `[metrics]`.

use std::time::Duration;

use config_file::toml::Section;
use reqwest::Url;
use transport::endpoint;

use super::{MetricsOptions, OtlpOptions};

const OTLP: &str = "The address of an OpenTelemetry collector: OTLP over HTTP in JSON, sent to /v1/metrics.";

/// Reads the table `[metrics]`.
pub(crate) fn read(mut section: Section<'_, '_>) -> Option<MetricsOptions> {
    let has_textfile = section.has("textfile");
    let textfile = section
        .key("textfile", "A file with the suffix .prom in the folder of the node exporter's textfile collector.")
        .pattern("\\.prom$")
        .path();
    if textfile.as_ref().is_some_and(|path| path.extension() != Some("prom".as_ref())) {
        section.fail("textfile", "expected a file name with the suffix .prom: the node exporter reads no other file");
    }
    let transport = endpoint::transport(&mut section);
    let authority = endpoint::authority(&mut section);
    let timeout = section.key("otlp_timeout_seconds", "The time limit of a push, in seconds.").whole_or(1..=60, 5);
    let has_otlp = section.has("otlp_endpoint");
    let url = endpoint::endpoint(section.key("otlp_endpoint", OTLP), "", transport);
    section.finish();
    let otlp = if has_otlp {
        let timeout = Duration::from_secs(timeout as u64);
        Some(OtlpOptions { endpoint: Url::parse(&url?).ok()?, authority: authority?, timeout })
    } else {
        None
    };
    // An unusable textfile is an error, not a missing key.
    (textfile.is_some() || !has_textfile).then_some(MetricsOptions { textfile, otlp })
}
