//! A real Prometheus scrapes a real node exporter with the textfile of real runs: every query of the dashboard and of
//! the alerts has an answer.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{MonitoredBill, TEXTFILE, tools};
use costwarden_tests::{PATIENCE, block_on, free_port, repository, until};

/// A server on loopback, stopped with the value.
struct PrometheusServer {
    child: Child,
    url: String,
}

impl PrometheusServer {
    /// Starts a server on a free port and waits for an answer at `path`.
    fn start(path: &str, command: impl Fn(&str) -> Command) -> Self {
        for _ in 0..3 {
            let address = format!("127.0.0.1:{}", free_port());
            let child = command(&address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let mut server = Self { child: child.expect("it starts"), url: format!("http://{address}") };
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline && server.child.try_wait().expect("ours").is_none() {
                if server.get(path, &[]).is_some() {
                    return server;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("it does not answer at {path}");
    }

    /// The body of a successful answer.
    fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.url)).expect("a URL");
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        block_on(async { client.get(url).send().await.ok()?.error_for_status().ok()?.text().await.ok() })
    }

    /// Prometheus's answer to a query.
    #[track_caller]
    fn query(&self, expression: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/query", &[("query", expression)]);
        let answer = answer.unwrap_or_else(|| panic!("refused: {expression}"));
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["status"], "success", "{expression}");
        answer["data"]["result"].as_array().expect("a result").clone()
    }

    /// Waits for a non-empty answer to a query.
    #[track_caller]
    fn await_answer(&self, expression: &str) {
        until(expression, || !self.query(expression).is_empty());
    }
}

impl Drop for PrometheusServer {
    fn drop(&mut self) {
        self.child.kill().expect("ours to end");
        self.child.wait().expect("ended");
    }
}

/// Every query of the dashboard, for any host.
fn queries() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(repository().join("config/deploy/grafana/costwarden.json")).expect("a file");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().expect("a title").to_owned();
            let expression = target["expr"].as_str().expect("an expression").replace("$instance", ".*");
            assert!(!expression.contains('$'), "{title}: an unknown variable in {expression}");
            queries.push((title, expression));
        }
    }
    queries
}

fn alerts() -> Vec<String> {
    let text =
        std::fs::read_to_string(repository().join("config/deploy/prometheus/costwarden.rules.yml")).expect("a file");
    let names = text.split_whitespace().flat_map(|word| word.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')));
    let mut names: Vec<String> = names.filter(|word| word.starts_with("costwarden_")).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn every_query_of_the_dashboard_is_answered() {
    let Some(folder) = tools::folder() else { return };
    let monitored = MonitoredBill::embedded(TEXTFILE);
    let prom = monitored.workdir.path().join("prom");
    let exporter = PrometheusServer::start("/metrics", |address| {
        let mut exporter = tools::program(&folder, "usr/bin/prometheus-node-exporter");
        exporter.args(["--collector.disable-defaults", "--collector.textfile"]);
        // What the dashboard shows of the machine, wherever its root is.
        exporter.args(["cpu", "meminfo", "filesystem", "netdev"].map(|name| format!("--collector.{name}")));
        exporter.arg("--collector.filesystem.fs-types-exclude=^proc$");
        exporter.arg(format!("--collector.textfile.directory={}", prom.display()));
        exporter.arg(format!("--web.listen-address={address}"));
        exporter
    });
    let prometheus = prometheus(&folder, monitored.workdir.path(), &exporter);

    monitored.run(&["backfill", "--from", "2026-10-01", "--to", "2026-11-21"]).expect(0);
    prometheus.await_answer("costwarden_runs_total{job_name=\"backfill\",outcome=\"done\"} == 1");
    for run in [monitored.daily(), monitored.hourly(), monitored.hourly()] {
        run.expect(0);
    }
    prometheus.await_answer("costwarden_runs_total{job_name=\"hourly\",outcome=\"done\"} == 2");
    // Counters that go up while they are looked at, which is what their queries are about.
    prometheus.await_answer("increase(costwarden_detector_fuel_total{rule=\"service-daily\"}[1d]) > 0");
    prometheus.await_answer("rate(node_cpu_seconds_total{mode=\"idle\"}[5m])");
    assert_eq!(prometheus.query("node_textfile_scrape_error == 0").len(), 1);

    let queries = queries();
    assert!(queries.len() > 30, "{}", queries.len());
    for (title, expression) in &queries {
        assert!(!prometheus.query(expression).is_empty(), "{title}: nothing for {expression}");
    }
    for name in alerts() {
        assert!(!prometheus.query(&name).is_empty(), "an alert asks for {name}");
    }
    let told = prometheus.query("costwarden_daily_cost");
    let [series] = &told[..] else { panic!("{told:?}") };
    assert_eq!(series["metric"]["currency"], "KRW");
    let shown: f64 = series["value"][1].as_str().expect("a text").parse().expect("a number");
    assert_eq!(shown, monitored.figure("costwarden_daily_cost{currency=\"KRW\"}"));
}

fn prometheus(folder: &Path, workdir: &Path, exporter: &PrometheusServer) -> PrometheusServer {
    let config = workdir.join("prometheus.yml");
    let target = exporter.url.trim_start_matches("http://");
    let rules = repository().join("config/deploy/prometheus/costwarden.rules.yml");
    let text = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{rules:?}]\n\
         scrape_configs: [{{ job_name: node, static_configs: [{{ targets: [{target:?}] }}] }}]\n"
    );
    std::fs::write(&config, text).expect("written");
    PrometheusServer::start("/-/ready", |address| {
        let mut prometheus = tools::program(folder, "usr/bin/prometheus");
        prometheus.arg(format!("--config.file={}", config.display()));
        prometheus.arg(format!("--storage.tsdb.path={}", workdir.join("tsdb").display()));
        prometheus.arg(format!("--web.listen-address={address}"));
        prometheus
    })
}
