//! What the suites share: a folder of their own, the real binary, the simulated API as a process of its own, and the
//! real servers that `tests/services.sh` brings.
//!
//! A suite whose servers are absent says so and passes over: `make test` brings them all. With `COSTWARDEN_TEST_ALL=1`
//! it fails instead.
#![allow(dead_code, unreachable_pub, reason = "each suite uses its part")]

pub mod bucket;
pub mod process;
pub mod replay;
pub mod rules;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A folder with a config in it, in which the binary is run.
pub struct Lab {
    folder: tempfile::TempDir,
}

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The simulated API, ended when it is dropped.
pub struct Simulator {
    child: Child,
    pub url: String,
}

impl Lab {
    /// A lab with the given tables, and with plugins and rules of this repository where the text does not name others.
    pub fn new(config: &str) -> Self {
        let lab = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let mut text = config.to_owned();
        if !config.contains("[plugins]") {
            text.push_str(&format!("\n[plugins]\ndirectory = {:?}\n", plugins()));
        }
        if !config.contains("[rules]") {
            text.push_str(&format!("\n[rules]\ndirectory = {:?}\n", repository().join("rules/default")));
        }
        lab.write("costwarden.toml", &text);
        lab
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("below the lab")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// Runs the binary with the lab's config.
    pub fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, &[])
    }

    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        run(&mut self.command(args, env))
    }

    /// The command that [`Lab::run`] runs, for suites that end it early.
    pub fn command(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).current_dir(self.path()).env("COSTWARDEN_CONFIG", self.path().join("costwarden.toml"));
        command.env("XDG_CACHE_HOME", self.path().join("cache"));
        // Without the line that sums up a run, which is another every time.
        command.env("COSTWARDEN_LOG", "error,costwarden=warn,costwarden::run=off").env("COSTWARDEN_LOG_FORMAT", "text");
        command.envs(env.iter().copied()).stdin(Stdio::null());
        command
    }

    /// One JSON value a line of standard output.
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        let run = self.run(args);
        assert!(run.code < 2, "{args:?}: {run:?}");
        run.json()
    }
}

impl Run {
    /// Asserts the exit code, showing everything where it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// One JSON value a line of standard output.
    pub fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// What a job printed with `--json`.
    #[track_caller]
    pub fn report(&self) -> Value {
        let mut values = self.json();
        assert_eq!(values.len(), 1, "{self:?}");
        values.remove(0)
    }
}

impl Simulator {
    /// Starts `costwarden simulate` on a free port; it has printed its address when this returns.
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["simulate", "--port", "0"]).args(args).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("piped");
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).expect("the address");
        Self { child, url: url.trim().to_owned() }
    }

    /// The `[source]` table that asks it, with short waits between tries.
    pub fn source(&self) -> String {
        format!(
            "[source]\nkind = \"kakao\"\nendpoint = {:?}\ncredential_id = \"simulated-id\"\n\
             credential_secret = \"env:SIMULATED_SECRET\"\nbackoff_ms = 1\n",
            self.url
        )
    }

    /// What [`Simulator::source`] expects in the environment.
    pub const ENV: (&'static str, &'static str) = ("SIMULATED_SECRET", "simulated-secret");

    pub fn set_now(&self, now: &str) {
        self.send("PUT", "/simulate/now", &format!("{{\"now\":{now:?}}}"));
    }

    /// Sends JSON to a control endpoint.
    pub fn send(&self, method: &str, path: &str, body: &str) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client")
            .request(method, format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let status = block_on(request.send()).expect("an answer").status();
        assert!(status.is_success(), "{path} {body}: {status}");
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.child.kill().expect("ours to end");
        self.child.wait().expect("ended");
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

pub fn run(command: &mut Command) -> Run {
    let output = command.output().expect("the binary starts");
    Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Writes a file that nobody but its owner can read.
pub fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, owner_only).expect("permissions");
}

pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_costwarden")
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host is in the repository").to_owned()
}

/// The bundled plugins, which `make build` builds.
pub fn plugins() -> PathBuf {
    let folder = repository().join("plugins/dist");
    assert!(folder.join("tutorial.wasm").exists(), "{} has no plugins: run make build first", folder.display());
    folder
}

/// A server's address out of the environment; none, said aloud, where `tests/services.sh` does not run.
pub fn service(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        skipped(&format!("{variable} is not set; run the suites with tests/services.sh run -- or make test"));
    }
    value
}

/// Says what a test passes over; where `COSTWARDEN_TEST_ALL` is 1, it fails instead.
#[track_caller]
pub fn skipped(why: &str) {
    let all = std::env::var_os("COSTWARDEN_TEST_ALL").is_some_and(|all| all == "1");
    assert!(!all, "COSTWARDEN_TEST_ALL is 1, but {why}");
    eprintln!("skipped: {why}");
}

/// Real input beside the repository; none, said aloud, where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = repository().parent()?.join("shared").join(path);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("{} is absent", path.display()));
    None
}
