//! The Debian package: reproducible, and installed, run, removed and purged in a clean Debian. `make test-release`
//! provides the package and the Debian.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use costwarden_tests::{Run, Simulator, run, service};

/// A copy of a clean Debian.
struct Debian {
    folder: tempfile::TempDir,
}

/// Runs a command with the first argument as root folder and a separate `/proc`.
const ENTER: &str = r#"mount -t proc proc "$0/proc" && exec chroot "$0" "$@""#;

/// Variables for the references in the shipped config.
const SECRETS: [(&str, &str); 5] = [
    ("KAKAO_CREDENTIAL_ID", "simulated-id"),
    ("KAKAO_CREDENTIAL_SECRET", "simulated-secret"),
    ("S3_ACCESS_KEY", "id"),
    ("S3_SECRET_KEY", "secret"),
    ("MONGODB_URI", "mongodb://127.0.0.1:27017"),
];

impl Debian {
    /// A copy with the package in it; `None` without a Debian.
    fn new() -> Option<Self> {
        let (package, clean) = (service("COSTWARDEN_TEST_DEB")?, service("COSTWARDEN_TEST_DEBIAN")?);
        let folder = tempfile::tempdir().expect("a folder");
        let debian = Self { folder };
        run(Command::new("cp").args(["-a", "--"]).arg(clean).arg(debian.root())).expect(0);
        std::fs::copy(package, debian.root().join("costwarden.deb")).expect("the package");
        Some(debian)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("debian")
    }

    fn run(&self, args: &[&str]) -> Run {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c", ENTER]).arg(self.root());
        command.args(args).env_clear().envs(SECRETS).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C");
        run(command.stdin(Stdio::null()).current_dir("/"))
    }

    /// Runs costwarden as the user of the package.
    fn costwarden(&self, args: &[&str]) -> Run {
        self.run(&[&["runuser", "-u", "costwarden", "--", "costwarden"], args].concat())
    }

    /// All files with the program's name.
    fn named(&self) -> Vec<String> {
        let found = self.run(&["find", "/", "-xdev", "-name", "*costwarden*", "-not", "-name", "costwarden.deb"]);
        let mut found: Vec<_> = found.expect(0).stdout.lines().map(str::to_owned).collect();
        found.sort();
        found
    }

    fn exists(&self, path: &str) -> bool {
        self.root().join(path).symlink_metadata().is_ok()
    }

    fn knows_the_user(&self) -> bool {
        let passwd = std::fs::read_to_string(self.root().join("etc/passwd")).expect("users");
        passwd.lines().any(|line| line.starts_with("costwarden:"))
    }
}

#[test]
fn two_builds_are_the_same_bytes() {
    let (Some(one), Some(other)) = (service("COSTWARDEN_TEST_DEB"), service("COSTWARDEN_TEST_DEB_TWIN")) else {
        return;
    };
    assert_ne!(one, other);
    assert!(std::fs::read(one).expect("a package") == std::fs::read(other).expect("its twin"));
}

#[test]
fn the_package_installs_runs_as_a_separate_user_and_purges_completely() {
    let Some(debian) = Debian::new() else { return };
    assert_eq!(debian.named(), [] as [&str; 0]);
    debian.run(&["dpkg", "--install", "/costwarden.deb"]).expect(0);
    debian.run(&["dpkg", "--verify", "costwarden"]).expect(0);

    let version = debian.costwarden(&["--version"]).expect(0).stdout;
    assert_eq!(version, concat!("costwarden ", env!("CARGO_PKG_VERSION"), "\n"));
    let check = debian.costwarden(&["check"]).expect(0);
    assert!(check.stdout.ends_with("/etc/costwarden/costwarden.toml: 규칙 5개 실행 가능, 오류 0건\n"), "{check:?}");
    let page = debian.run(&["zcat", "/usr/share/man/man1/costwarden-health.1.gz"]).expect(0).stdout;
    assert!(page.contains("\n.SH NAME\ncostwarden\\-health \\- Report the health of "), "{page}");
    let completes = debian.run(&["sh", "-c", "bash -n /usr/share/bash-completion/completions/costwarden"]).expect(0);
    assert_eq!(completes.stderr, "");
    // What holds secrets is read by the jobs' user, and by nobody else.
    debian.costwarden(&["health"]).expect(2);
    let about = debian.run(&["stat", "-c", "%a %U %G", "/etc/costwarden/environment", "/var/lib/costwarden"]).expect(0);
    assert_eq!(about.stdout, "640 root costwarden\n750 costwarden costwarden\n");

    a_simulated_day(&debian);

    // An administrator's config survives an upgrade, and a removal that is no purge.
    let config = debian.root().join("etc/costwarden/costwarden.toml");
    let text = std::fs::read_to_string(&config).expect("the config").replace("language = \"ko\"", "language = \"en\"");
    std::fs::write(&config, &text).expect("written");
    debian.run(&["dpkg", "--install", "/costwarden.deb"]).expect(0);
    assert_eq!(std::fs::read_to_string(&config).expect("the config"), text);
    debian.run(&["dpkg", "--remove", "costwarden"]).expect(0);
    assert!(config.exists() && debian.exists("var/lib/costwarden/costwarden.redb") && debian.knows_the_user());
    assert!(!debian.exists("usr/bin/costwarden") && !debian.exists("lib/systemd/system/costwarden-daily.timer"));

    std::fs::remove_file(debian.root().join("etc/costwarden/simulated.toml")).expect("the test's own");
    debian.run(&["dpkg", "--purge", "costwarden"]).expect(0);
    assert_eq!(debian.named(), [] as [&str; 0]);
    assert!(!debian.knows_the_user());
}

/// Runs a backfill and a daily job over a simulated bill, with the shipped config except its servers.
fn a_simulated_day(debian: &Debian) {
    let bill = Simulator::start(&[
        "--services",
        "6",
        "--days",
        "90",
        "--incidents",
        "off",
        "--now",
        "2026-11-23T00:10:00+09:00",
    ]);
    let shipped = std::fs::read_to_string(debian.root().join("etc/costwarden/costwarden.toml")).expect("the config");
    let config = with(
        &shipped,
        "[source]",
        &format!(
            "kind = \"kakao\"\naccount = \"default\"\nendpoint = {:?}\ncredential_id = \"env:KAKAO_CREDENTIAL_ID\"\ncredential_secret = \"env:KAKAO_CREDENTIAL_SECRET\"\n",
            bill.url
        ),
    );
    let config = with(&config, "[archive]", "kind = \"directory\"\ndirectory = \"/var/lib/costwarden/archive\"\n");
    let config = with(&config, "[archive.lifecycle]", "");
    let config = with(&config, "[store]", "kind = \"embedded\"\n");
    let config = with(&config, "[[receiver]]", "kind = \"stdout\"\n");
    write(&debian.root().join("etc/costwarden/simulated.toml"), &config);
    let simulated =
        |args: &[&str]| debian.costwarden(&[&["--config", "/etc/costwarden/simulated.toml"], args].concat());
    simulated(&["backfill", "--from", "2026-10-01", "--to", "2026-11-21"]).expect(0);
    let told = simulated(&["daily", "--date", "2026-11-22"]).expect(0).stdout;
    assert!(told.contains("[BILLING_DAILY_TOTAL] [2026-11-22]"), "{told}");
    assert!(told.contains("daily 20261122 정상: 행 16개, 시리즈 6개, 규칙 5개, "), "{told}");
    let owned = debian.run(&["find", "/var/lib/costwarden", "!", "-user", "costwarden"]).expect(0);
    assert_eq!(owned.stdout, "");
}

/// Replaces a table of the config, including the comment before the next table.
fn with(config: &str, header: &str, table: &str) -> String {
    let Some(start) = config.find(&format!("\n{header}\n")) else { return config.to_owned() };
    let start = start + 1;
    let end = config[start..].find("\n[").map_or(config.len(), |end| start + end + 1);
    format!(
        "{}{}{}",
        &config[..start],
        if table.is_empty() { String::new() } else { format!("{header}\n{table}") },
        &config[end..]
    )
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}
