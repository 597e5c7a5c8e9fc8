//! Certificates from the program `openssl`, new for each test.

use std::path::{Path, PathBuf};
use std::process::Command;

use costwarden_tests::{run, skipped};

/// A certificate authority and its certificates.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
}

/// The certificate of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Good,
    /// Valid for another host.
    OtherHost,
    Expired,
}

impl Certificates {
    /// New certificates; `None` without openssl.
    pub(crate) fn new() -> Option<Self> {
        if !Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success()) {
            skipped("the program openssl makes the certificates, and is not there");
            return None;
        }
        let certificates = Self { folder: tempfile::tempdir().expect("a folder") };
        certificates.authority("ca");
        certificates.authority("other-ca");
        certificates.sign("good", "subjectAltName=IP:127.0.0.1,DNS:localhost\n", "3650");
        certificates.sign("other-host", "subjectAltName=DNS:elsewhere.example\n", "3650");
        certificates.sign("expired", "subjectAltName=IP:127.0.0.1,DNS:localhost\n", "-1");
        certificates.sign("client", "extendedKeyUsage=clientAuth\n", "3650");
        Some(certificates)
    }

    /// The authority of all certificates.
    pub(crate) fn authority_file(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// An authority without certificates.
    pub(crate) fn other_authority_file(&self) -> PathBuf {
        self.path("other-ca.pem")
    }

    /// Certificate and key of a client in one file with mode 600.
    pub(crate) fn client_file(&self) -> PathBuf {
        self.path("client.both.pem")
    }

    pub(crate) fn certificate(&self, shown: Shown) -> PathBuf {
        self.path(&format!("{}.pem", shown.name()))
    }

    pub(crate) fn key(&self, shown: Shown) -> PathBuf {
        self.path(&format!("{}.key", shown.name()))
    }

    pub(crate) fn both(&self, shown: Shown) -> PathBuf {
        self.path(&format!("{}.both.pem", shown.name()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn authority(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 {KEY} -keyout {name}.key -out {name}.pem -days 3650 -subj /CN={name} \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
        ));
    }

    fn sign(&self, name: &str, extensions: &str, days: &str) {
        std::fs::write(self.path("extensions"), extensions).expect("written");
        self.openssl(&format!("req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days {days} -extfile extensions"
        ));
        let read = |path: &Path| std::fs::read_to_string(path).expect("what openssl wrote");
        let (certificate, key) = (read(&self.path(&format!("{name}.pem"))), read(&self.path(&format!("{name}.key"))));
        costwarden_tests::write_private(&self.path(&format!("{name}.both.pem")), &format!("{certificate}{key}"));
    }

    fn openssl(&self, args: &str) {
        let told = run(Command::new("openssl").args(args.split_ascii_whitespace()).current_dir(self.folder.path()));
        assert_eq!(told.code, 0, "openssl {args}: {told:?}");
    }
}

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

impl Shown {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::OtherHost => "other-host",
            Self::Expired => "expired",
        }
    }
}
