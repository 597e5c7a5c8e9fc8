//! The push to a receiver of the suite. The receiver accepts the JSON encoding of OTLP and nothing else. (No registry
//! of the suites has a collector.)

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use serde::Deserialize;

use super::MonitoredBill;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceMetrics {
    resource: Resource,
    scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resource {
    attributes: Vec<KeyValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ScopeMetrics {
    scope: Scope,
    metrics: Vec<Metric>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    name: String,
    version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metric {
    name: String,
    description: String,
    unit: String,
    sum: Option<Sum>,
    gauge: Option<Gauge>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sum {
    data_points: Vec<Point>,
    aggregation_temporality: u8,
    is_monotonic: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Gauge {
    data_points: Vec<Point>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Point {
    attributes: Vec<KeyValue>,
    /// 64-bit numbers are texts.
    start_time_unix_nano: String,
    time_unix_nano: String,
    as_double: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    key: String,
    value: AnyValue,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnyValue {
    string_value: String,
}

/// Receives pushes on a free port, on a thread that ends with the process.
fn receive(answer: &'static str) -> (String, Receiver<(Option<String>, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (told, pushes) = channel();
    std::thread::spawn(move || {
        costwarden_tests::block_on(async move {
            let take = move |headers: HeaderMap, body: String| {
                let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
                let _ = told.send((kind, body));
                async move { answer }
            };
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, Router::new().route("/v1/metrics", post(take))).await.expect("served");
        });
    });
    (url, pushes)
}

fn monitored(url: &str, timeout_seconds: u32) -> MonitoredBill {
    MonitoredBill::learned(&format!("[metrics]\notlp_endpoint = {url:?}\notlp_timeout_seconds = {timeout_seconds}\n"))
}

fn labels(attributes: &[KeyValue]) -> BTreeMap<&str, &str> {
    attributes.iter().map(|one| (one.key.as_str(), one.value.string_value.as_str())).collect()
}

#[test]
fn a_collector_is_given_totals() {
    let (url, pushes) = receive("{}");
    let monitored = monitored(&url, 30);
    pushes.try_recv().expect("the backfill's");
    let mut starts = Vec::new();
    for runs in [1.0, 2.0] {
        let run = monitored.hourly().expect(0);
        assert_eq!(run.stderr, "");
        let (kind, body) = pushes.try_recv().expect("one push a run");
        assert_eq!(kind.as_deref(), Some("application/json"));
        let Request { resource_metrics } =
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let [ResourceMetrics { resource, scope_metrics }] = &resource_metrics[..] else { panic!("{body}") };
        let resource = labels(&resource.attributes);
        assert_eq!(resource["service.name"], "costwarden");
        assert!(resource.contains_key("service.version") && !resource["host.name"].is_empty());
        let [ScopeMetrics { scope, metrics }] = &scope_metrics[..] else { panic!("{body}") };
        assert_eq!((scope.name.as_str(), scope.version.as_str()), ("costwarden", resource["service.version"]));
        for Metric { name, description, unit, sum, gauge } in metrics {
            assert!(name.starts_with("costwarden_") && !name.ends_with("_total") && !description.is_empty(), "{name}");
            assert!(["", "s", "By"].contains(&unit.as_str()), "{name}");
            let points = match (sum, gauge) {
                (Some(sum), None) => {
                    assert!(sum.aggregation_temporality == 2 && sum.is_monotonic, "{name}: cumulative");
                    &sum.data_points
                }
                (None, Some(gauge)) => &gauge.data_points,
                _ => panic!("{name} is both or neither"),
            };
            assert!(!points.is_empty(), "{name}");
            for point in points {
                let time = |text: &str| text.parse::<u64>().expect("nanoseconds");
                assert!(time(&point.start_time_unix_nano) <= time(&point.time_unix_nano), "{name}");
                assert!(point.as_double.is_finite(), "{name}");
            }
        }
        let of_runs = metrics.iter().find(|metric| metric.name == "costwarden_runs").expect("runs");
        let points = &of_runs.sum.as_ref().expect("a counter").data_points;
        let done = BTreeMap::from([("job_name", "hourly"), ("outcome", "done")]);
        let point = points.iter().find(|point| labels(&point.attributes) == done).expect("hourly runs");
        assert_eq!(point.as_double, runs);
        starts.push(point.start_time_unix_nano.clone());
    }
    assert_eq!(starts[0], starts[1], "counting began with the first run");
}

#[test]
fn a_collector_that_is_away_or_takes_a_part_is_a_warning() {
    // Nobody listens there any more.
    let gone = format!("127.0.0.1:{}", costwarden_tests::free_port());
    // Takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (partial, _pushes) = receive(r#"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"too old"}}"#);
    let silent_url = format!("http://{}", silent.local_addr().expect("an address"));
    for (url, timeout_seconds, why) in [
        (format!("http://{gone}"), 30, "refused"),
        (silent_url, 1, "timed out"),
        (partial, 30, "the collector rejected 3 values: too old"),
    ] {
        let run = monitored(&url, timeout_seconds).hourly().expect(0);
        let line = run.stderr.lines().find(|line| line.contains("rejected the metrics")).expect("it is told");
        assert!(line.trim_start().starts_with("WARN "), "{line}");
        assert!(line.contains(&format!("{url}/v1/metrics")) && line.contains(why), "{line}");
    }
}
