//! A registry behind OpenSSL: push and pull with the right authority, and the refusal of every other certificate.

use std::path::Path;

use costwarden_tests::plugin_files::configure;
use costwarden_tests::three_services::workdir;
use costwarden_tests::{Run, Workdir, service};

use super::certificates::{Certificates, Shown};
use super::servers::{self, TlsServer};

/// Runs `plugin push` or `plugin pull` on an image of the registry.
fn exchange(workdir: &Workdir, registry: &TlsServer, ca_file: Option<&Path>, args: &[&str]) -> Run {
    let user = std::env::var("COSTWARDEN_TEST_REGISTRY_USER").expect("set beside the registry");
    let ca_file = ca_file.map(|file| format!("ca_file = {file:?}\n")).unwrap_or_default();
    let name = workdir.path().file_name().and_then(|name| name.to_str()).expect("a name");
    let image = format!("{}/{}/tutorial:1.0", registry.address(), name.trim_start_matches('.').to_lowercase());
    workdir.write("costwarden.toml", costwarden_tests::three_services::MINIMAL);
    configure(
        workdir,
        &format!(
            "[[plugins.registry]]\nhost = {:?}\nusername = {user:?}\n\
             password = \"env:COSTWARDEN_TEST_REGISTRY_PASSWORD\"\n{ca_file}",
            registry.address()
        ),
    );
    workdir.run(&[&["plugin"], args, &[&image]].concat())
}

#[test]
fn a_registry_with_an_authority_of_its_own() {
    let (Some(certificates), Some(registry)) = (Certificates::new(), service("COSTWARDEN_TEST_REGISTRY")) else {
        return;
    };
    let workdir = workdir();
    let good = servers::in_front_of(&registry, &certificates, Shown::Good);
    let ca = certificates.authority_file();
    exchange(&workdir, &good, Some(&ca), &["push", "plugins/tutorial.wasm"]).expect(0);
    exchange(&workdir, &good, Some(&ca), &["pull", "--output", "got.wasm"]).expect(0);
    let bytes = |name: &str| std::fs::read(workdir.path().join(name)).expect("a file");
    assert_eq!(bytes("got.wasm"), bytes("plugins/tutorial.wasm"));
}

#[test]
fn a_registry_with_a_wrong_certificate() {
    let (Some(certificates), Some(registry)) = (Certificates::new(), service("COSTWARDEN_TEST_REGISTRY")) else {
        return;
    };
    let workdir = workdir();
    let refused = |shown: Shown, ca_file: Option<&Path>, cause: &str| {
        let server = servers::in_front_of(&registry, &certificates, shown);
        let text = exchange(&workdir, &server, ca_file, &["pull"]).expect(2).stderr;
        let place = format!("the registry {} is not trusted: ", server.address());
        assert!(text.contains(&place) && text.contains(cause) && text.contains("check `ca_file` under"), "{text}");
    };
    let ca = certificates.authority_file();
    refused(Shown::Good, None, "UnknownIssuer");
    refused(Shown::Good, Some(&certificates.other_authority_file()), "UnknownIssuer");
    refused(Shown::OtherHost, Some(&ca), "certificate not valid for name \"127.0.0.1\"");
    refused(Shown::Expired, Some(&ca), "invalid peer certificate: Expired");
}
