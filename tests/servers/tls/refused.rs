//! Every wrong certificate is an error, and the server receives no data.

use std::path::Path;

use super::certificates::{Certificates, Shown};
use super::servers::{self, BUCKET, Clients, KEY, SECRET};
use costwarden_tests::{Simulator, Workdir, service};

const EXPIRED: &str = "invalid peer certificate: Expired";
const OTHER_HOST: &str = "certificate not valid for name \"127.0.0.1\"";
const OTHER_AUTHORITY: &str = "UnknownIssuer";

/// Runs a failing command and returns its output.
fn refused(config: &str) -> String {
    let workdir = Workdir::new(config);
    let env = [Simulator::ENV, ("SUITE_SECRET", SECRET)];
    let run = workdir.run_with(&["backfill", "--from=2026-11-22", "--to=2026-11-22", "--json"], &env);
    assert!(run.code == 1 || run.code == 2, "{run:?}");
    let text = format!("{}{}", run.stdout, run.stderr);
    assert!(!text.contains(SECRET) && !text.contains("simulated-secret"), "{text}");
    text.replace("\\\"", "\"")
}

#[track_caller]
fn check(text: &str, place: &str, why: &str, hint: &str) {
    assert!(text.contains(place) && text.contains(why) && text.contains(hint), "expected {why}:\n{text}");
}

fn ca(file: Option<&Path>) -> String {
    file.map(|file| format!("ca_file = {file:?}\n")).unwrap_or_default()
}

/// The config of the right authority, of another one, and of the public ones.
fn authorities(certificates: &Certificates) -> [(String, &'static str); 2] {
    [(ca(Some(&certificates.other_authority_file())), OTHER_AUTHORITY), (ca(None), OTHER_AUTHORITY)]
}

fn replayed(rest: &str) -> String {
    format!("[source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = \"bills\"\n{rest}")
}

fn kept(rest: &str) -> String {
    format!("{rest}[store]\nkind = \"embedded\"\n")
}

#[test]
fn a_database_with_a_wrong_certificate() {
    let Some(certificates) = Certificates::new() else { return };
    let (Some(good), Some(other_host), Some(clear)) = (
        servers::mongod(&certificates, Shown::Good, Clients::Anybody),
        servers::mongod(&certificates, Shown::OtherHost, Clients::Anybody),
        service("COSTWARDEN_TEST_MONGODB"),
    ) else {
        return;
    };
    // mongod itself does not start with a certificate that has expired.
    let expired = servers::in_front_of(clear.trim_start_matches("mongodb://"), &certificates, Shown::Expired);
    let store = |address: &str, more: &str| {
        let text = refused(&replayed(&format!(
            "[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"mongodb\"\n\
             uri = \"mongodb://{address}/?tls=true&serverSelectionTimeoutMS=3000\"\n{more}"
        )));
        (format!("the MongoDB server at {address} is not trusted"), text)
    };
    let hint = "check store.ca_file, and that the server's certificate is for that host and has not expired";
    for (ca, why) in authorities(&certificates) {
        let (place, text) = store(&good.address(), &ca);
        check(&text, &place, why, hint);
    }
    for (server, why) in [(&other_host, OTHER_HOST), (&expired, EXPIRED)] {
        let (place, text) = store(&server.address(), &ca(Some(&certificates.authority_file())));
        check(&text, &place, why, hint);
    }
}

#[test]
fn a_storage_with_a_wrong_certificate() {
    let Some(certificates) = Certificates::new() else { return };
    let shown = [Shown::Good, Shown::OtherHost, Shown::Expired];
    let [Some(good), Some(other_host), Some(expired)] = shown.map(|shown| servers::storage(&certificates, shown))
    else {
        return;
    };
    let archive = |address: &str, more: &str| {
        let workdir = Workdir::new(&kept(&format!(
            "[source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = \"bills\"\n[archive]\nkind = \"s3\"\nendpoint = \"https://{address}\"\n\
             bucket = {BUCKET:?}\naccess_key = {KEY:?}\nsecret_key = \"env:SUITE_SECRET\"\n{more}"
        )));
        let run = workdir.run_with(&["check", "--online"], &[("SUITE_SECRET", SECRET)]).expect(2);
        assert!(!format!("{run:?}").contains(SECRET), "{run:?}");
        (format!("bucket {BUCKET} at https://{address}: "), run.stderr)
    };
    let hint = "check archive.ca_file and the host in archive.endpoint";
    for (ca, why) in authorities(&certificates) {
        let (place, text) = archive(&good.address(), &ca);
        check(&text, &place, why, hint);
    }
    for (server, why) in [(&other_host, OTHER_HOST), (&expired, EXPIRED)] {
        let (place, text) = archive(&server.address(), &ca(Some(&certificates.authority_file())));
        check(&text, &place, why, hint);
    }
}

#[test]
fn an_api_with_a_wrong_certificate() {
    let Some(certificates) = Certificates::new() else { return };
    let simulator = Simulator::start(&["--now=2026-11-23T10:10:00+09:00", "--services=4", "--days=30"]);
    let api = simulator.url.trim_start_matches("http://");
    let [good, other_host, expired] =
        [Shown::Good, Shown::OtherHost, Shown::Expired].map(|shown| servers::in_front_of(api, &certificates, shown));
    let source = |address: &str, more: &str| {
        let text = refused(&kept(&format!(
            "[source]\naccount = \"suite\"\nkind = \"kakao\"\nendpoint = \"https://{address}\"\ncredential_id = \"simulated-id\"\n\
             credential_secret = \"env:SIMULATED_SECRET\"\n{more}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n"
        )));
        (format!("the billing API at https://{address}/"), text)
    };
    let hint = "check source.ca_file and the host in source.endpoint";
    for (ca, why) in authorities(&certificates) {
        let (place, text) = source(&good.address(), &ca);
        check(&text, &place, why, hint);
        assert!(!text.contains("trying the billing API again"), "{text}");
    }
    for (server, why) in [(&other_host, OTHER_HOST), (&expired, EXPIRED)] {
        let (place, text) = source(&server.address(), &ca(Some(&certificates.authority_file())));
        check(&text, &place, why, hint);
    }

    // And what gives secrets is held to the same.
    let workdir = Workdir::new(&kept(&format!(
        "[source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = \"bills\"\n[archive]\nkind = \"s3\"\nbucket = \"b\"\naccess_key = \"k\"\n\
         secret_key = \"kakao-secret:s3\"\n[secrets]\niam_endpoint = \"https://{0}\"\nendpoint = \"https://{0}\"\n\
         credential_id = \"simulated-id\"\ncredential_secret = \"env:SIMULATED_SECRET\"\n{1}",
        good.address(),
        ca(Some(&certificates.other_authority_file()))
    )));
    let run = workdir.run_with(&["daily"], &[Simulator::ENV]).expect(2);
    check(
        &run.stderr,
        "archive.secret_key: https://",
        OTHER_AUTHORITY,
        "check secrets.ca_file and the host in the endpoint",
    );
}

#[test]
fn an_address_that_trusts_anybody_or_speaks_in_the_clear() {
    let config = |uri: &str, archive: &str| {
        format!(
            "[source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = \"bills\"\n[archive]\nkind = \"s3\"\nbucket = \"b\"\naccess_key = \"k\"\n\
             secret_key = \"env:SUITE_SECRET\"\n{archive}[store]\nkind = \"mongodb\"\nuri = {uri:?}\n"
        )
    };
    let said = |config: &str| {
        let run = Workdir::new(config).run_with(&["check"], &[("SUITE_SECRET", SECRET)]);
        (run.code, run.stderr)
    };
    for option in ["tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"] {
        let (code, text) = said(&config(&format!("mongodb://127.0.0.1/?tls=true&{option}=true"), ""));
        assert!(
            code == 2 && text.contains(&format!("store.uri: {option} turns off the check of the server's certificate")),
            "{text}"
        );
    }
    let plain = "endpoint = \"http://storage.example.com\"\n";
    let (code, text) = said(&config("mongodb://127.0.0.1", plain));
    assert!(
        code == 2 && text.contains("archive.endpoint: plain http sends requests and credentials over the network"),
        "{text}"
    );
    let (code, text) = said(&config("mongodb://127.0.0.1", &format!("{plain}transport = \"insecure-http\"\n")));
    assert_eq!(code, 0, "{text}");
}
