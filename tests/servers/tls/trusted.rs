//! The right certificate: a whole run over TLS, and a server that requires client certificates.

use super::certificates::{Certificates, Shown};
use super::servers::{self, BUCKET, Clients, KEY, SECRET};
use costwarden_tests::{Simulator, Workdir, repository};

#[test]
fn a_run_reaches_every_server_by_an_authority_of_its_own() {
    let Some(certificates) = Certificates::new() else { return };
    let (Some(mongod), Some(storage)) =
        (servers::mongod(&certificates, Shown::Good, Clients::Anybody), servers::storage(&certificates, Shown::Good))
    else {
        return;
    };
    let simulator =
        Simulator::start(&["--now=2026-11-23T10:10:00+09:00", "--services=12", "--days=30", "--incidents=off"]);
    let api = servers::in_front_of(simulator.url.trim_start_matches("http://"), &certificates, Shown::Good);
    let ca = certificates.authority_file();
    let workdir = Workdir::new(&format!(
        r#"[source]
account = "suite"
kind = "kakao"
endpoint = "https://{api}"
ca_file = {ca:?}
credential_id = "kakao-secret:id"
credential_secret = "env:SIMULATED_SECRET"
[secrets]
iam_endpoint = "https://{api}"
endpoint = "https://localhost:{port}"
ca_file = {ca:?}
credential_id = "simulated-id"
credential_secret = "env:SIMULATED_SECRET"
[archive]
kind = "s3"
endpoint = "https://{storage}"
ca_file = {ca:?}
bucket = {BUCKET:?}
access_key = {KEY:?}
secret_key = "env:SUITE_SECRET"
[store]
kind = "mongodb"
uri = "mongodb://{mongod}"
ca_file = {ca:?}
[rules]
directory = {rules:?}
"#,
        api = api.address(),
        port = api.port,
        storage = storage.address(),
        mongod = mongod.address(),
        rules = repository().join("rules/tutorial"),
    ));
    simulator.send("PUT", "/simulate/secrets", r#"{"id":"simulated-id"}"#);
    let env = [Simulator::ENV, ("SUITE_SECRET", SECRET)];
    // The simulated API lives in another time, which is the one thing to be found fault with.
    let online = workdir.run_with(&["check", "--online"], &env).expect(2);
    let wrong: Vec<_> = online.stdout.lines().filter(|line| line.starts_with("error ")).collect();
    assert!(matches!(wrong[..], [line] if line.contains("clock")), "{online:?}");
    for part in ["ok       source", "ok       archive", "ok       store"] {
        assert!(online.stdout.contains(part), "{part}: {online:?}");
    }
    workdir.run_with(&["backfill", "--from=2026-10-25", "--to=2026-11-21"], &env).expect(0);
    let report = workdir.run_with(&["daily", "--date=2026-11-22", "--json"], &env).expect(0).report();
    assert_eq!((&report["outcome"], &report["counts"]["archived"]), (&"done".into(), &1.into()), "{report}");
    let object = "raw/year=2026/month=11/day=22/billing_20261122.json";
    assert!(storage.folder.path().join("buckets").join(BUCKET).join(object).is_file());
    let shown =
        workdir.run_with(&["series", "show", "--series=dom-01/prj-01/mysql", "--from=2026-11-22", "--json"], &env);
    assert_eq!(shown.expect(0).json().len(), 1);
}

#[test]
fn a_server_that_asks_for_a_certificate_is_shown_one() {
    let Some(certificates) = Certificates::new() else { return };
    let Some(mongod) = servers::mongod(&certificates, Shown::Good, Clients::Certified) else { return };
    let store = |more: &str| {
        format!(
            "[source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = \"bills\"\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n\
             [store]\nkind = \"mongodb\"\nuri = \"mongodb://{}/?serverSelectionTimeoutMS=5000\"\nca_file = {:?}\n{more}",
            mongod.address(),
            certificates.authority_file()
        )
    };
    let with = Workdir::new(&store(&format!("client_certificate_file = {:?}\n", certificates.client_file())));
    with.run(&["anomalies", "list"]).expect(0);
    let without = Workdir::new(&store("")).run(&["anomalies", "list"]).expect(2);
    assert!(without.stderr.contains(&format!("no MongoDB server answered at {}", mongod.address())), "{without:?}");

    // The key in it is a secret.
    let certificate = Workdir::new(&store("client_certificate_file = \"client.pem\"\n"));
    certificate.write("client.pem", "no certificate");
    let open = certificate.run(&["check"]).expect(0);
    assert!(
        open.stderr.contains("store.client_certificate_file: ") && open.stderr.contains("is accessible to other users"),
        "{open:?}"
    );
    costwarden_tests::write_private(&certificate.path().join("client.pem"), "no certificate");
    let other = certificate.run(&["check"]).expect(2);
    assert!(
        other.stderr.contains("does not contain a certificate and its private key; expected both in one PEM file"),
        "{other:?}"
    );
}
