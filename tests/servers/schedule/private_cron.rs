//! A private `/var/spool/cron` for cron's programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use costwarden_tests::{Run, Workdir, binary, repository, run, service, skipped};

/// A working directory, and a spool of crontabs visible to its commands only.
pub(crate) struct PrivateCron {
    pub(crate) workdir: Workdir,
    programs: PathBuf,
}

/// Runs a command with the first argument mounted at `/var/spool/cron`.
const ENTER: &str =
    r#"mount -t tmpfs tmpfs /var/spool && mkdir /var/spool/cron && mount --bind "$0" /var/spool/cron && exec "$@""#;

pub(crate) const CONFIG: &str = "state_dir = \"state\"\n[source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = \"bills\"\n[archive]\n\
                                 kind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n";

impl PrivateCron {
    /// An empty spool; `None` without cron's programs or without the right to mount.
    pub(crate) fn new() -> Option<Self> {
        let programs = PathBuf::from(service("COSTWARDEN_TEST_CRON")?);
        let mut may = Command::new("unshare");
        may.args(["--mount", "--propagation", "private", "true"]).stderr(Stdio::null());
        if !may.status().is_ok_and(|status| status.success()) {
            skipped("a mount namespace of one's own needs root");
            return None;
        }
        let workdir = Workdir::new(CONFIG);
        std::fs::create_dir_all(workdir.path().join("spool/crontabs")).expect("a folder");
        Some(Self { workdir, programs })
    }

    /// A command with cron's programs first on `PATH`.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.programs.join("usr/bin").display());
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", ENTER]).arg(self.workdir.path().join("spool"));
        command.arg(program).args(args).env("PATH", path).current_dir(self.workdir.path()).stdin(Stdio::null());
        command.env("COSTWARDEN_CONFIG", self.workdir.path().join("costwarden.toml")).env("TZ", "UTC");
        command
    }

    pub(crate) fn schedule(&self, args: &[&str]) -> Run {
        run(&mut self.command(binary(), &[&["schedule"], args].concat()))
    }

    pub(crate) fn install(&self, args: &[&str]) -> Run {
        self.schedule(&[&["install", "--log-dir", "log"], args].concat())
    }

    /// The crontab of the user, as `crontab -l` prints it.
    pub(crate) fn table(&self) -> Option<String> {
        let run = run(&mut self.command("crontab", &["-l"]));
        (run.code == 0).then_some(run.stdout)
    }

    pub(crate) fn write_table(&self, table: &str) {
        self.workdir.write("table", table);
        let file = self.workdir.path().join("table").display().to_string();
        run(&mut self.command("crontab", &[&file])).expect(0);
    }

    /// cron's daemon in the foreground.
    pub(crate) fn daemon(&self) -> Command {
        let cron = self.programs.join("usr/sbin/cron").display().to_string();
        self.command(&cron, &["-f", "-L", "0"])
    }
}

/// A shipped systemd unit.
pub(crate) fn shipped(name: &str) -> String {
    let path = repository().join("config/deploy/systemd").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
