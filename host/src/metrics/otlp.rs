//! The metrics in OTLP over HTTP, in the JSON encoding, so costwarden needs no protobuf.
//!
//! Names lose the suffix `_total`, because the Prometheus exporter of a collector adds the suffix again; the names then
//! equal the names in the textfile. <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::family::{Family, Kind};
use super::tally::Labels;
use super::totals::Totals;
use super::{MetricsError, OtlpOptions};
use model::count::counted;
use transport::body;
use transport::causes::causes;
use transport::http;

/// `AggregationTemporality`: each value is the sum since the start.
const CUMULATIVE: u8 = 2;

/// Returns an `ExportMetricsServiceRequest`.
pub(super) fn body(totals: &Totals, host: &str, now: Timestamp) -> Value {
    let (start, time) = (nanoseconds(totals.since), nanoseconds(now));
    let metrics = totals.values.0.iter().map(|(metric, values)| {
        let Family { name, help, kind, labels } = metric.family();
        let point = |(given, value): (&Labels, &f64)| {
            let labels = labels.iter().zip(given).map(|(label, given)| attribute(label, given));
            json!({
                "attributes": labels.collect::<Vec<_>>(),
                "startTimeUnixNano": start,
                "timeUnixNano": time,
                "asDouble": value,
            })
        };
        let points: Vec<Value> = values.iter().map(point).collect();
        // Unit codes of UCUM, the convention of OpenTelemetry.
        let unit = if name.contains("_seconds") {
            "s"
        } else if name.contains("_bytes") {
            "By"
        } else {
            ""
        };
        let mut metric =
            json!({ "name": name.strip_suffix("_total").unwrap_or(name), "description": help, "unit": unit });
        match kind {
            Kind::Counter => {
                metric["sum"] =
                    json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE, "isMonotonic": true });
            }
            Kind::Gauge | Kind::Streak => metric["gauge"] = json!({ "dataPoints": points }),
        }
        metric
    });
    let version = env!("CARGO_PKG_VERSION");
    json!({ "resourceMetrics": [{
        "resource": { "attributes": [
            attribute("service.name", "costwarden"),
            attribute("service.version", version),
            attribute("host.name", host),
        ] },
        "scopeMetrics": [{
            "scope": { "name": "costwarden", "version": version },
            "metrics": metrics.collect::<Vec<_>>(),
        }],
    }] })
}

/// Limit of an answer: a status, or the number of rejected values.
const ANSWER_BYTES: u64 = 64 << 10;

/// Sends the request once, without a retry: the next push contains the same totals.
pub(super) async fn push(options: &OtlpOptions, body: &Value) -> Result<(), MetricsError> {
    let mut url = options.endpoint.clone();
    // The address may have a path prefix.
    url.set_path(&format!("{}/v1/metrics", url.path().trim_end_matches('/')));
    let failed = |why: String| MetricsError::Push { url: url.clone(), why };
    let client = http::client(&url, options.authority.as_ref(), options.timeout).build();
    let client = client.map_err(|error| failed(causes(&error)))?;
    let json = HeaderValue::from_static("application/json");
    let request = client.post(url.clone()).header(CONTENT_TYPE, json).body(body.to_string());
    let response = request.send().await.map_err(|error| failed(causes(&error)))?;
    let status = response.status();
    let answer = body::read(response, ANSWER_BYTES).await.map_err(|error| failed(causes(&error)))?;
    if !status.is_success() {
        // The answer comes from outside: shortened and escaped for the log.
        let beginning: String = String::from_utf8_lossy(&answer).chars().take(200).collect();
        let why = if beginning.is_empty() { "(an empty body)".into() } else { beginning.escape_debug().to_string() };
        return Err(failed(format!("it answered {}: {why}", status.as_u16())));
    }
    // A collector may accept a part only, with a successful status.
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedDataPoints"];
    match rejected.as_str().map_or_else(|| rejected.as_i64(), |text| text.parse().ok()) {
        None | Some(0) => Ok(()),
        Some(points) => {
            let why = answer["partialSuccess"]["errorMessage"].as_str().unwrap_or("no reason given");
            Err(failed(format!("the collector rejected {}: {}", counted(points, "value"), why.escape_debug())))
        }
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// Returns nanoseconds since 1970; the JSON encoding has 64-bit numbers in strings.
fn nanoseconds(time: Timestamp) -> String {
    time.as_nanosecond().max(0).to_string()
}
