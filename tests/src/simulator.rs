//! The simulated billing API.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::{binary, block_on};

/// A running `costwarden simulate`. The process ends with the value.
pub struct Simulator {
    child: Child,
    /// The base URL.
    pub url: String,
}

impl Simulator {
    /// The environment variable that [`Simulator::source`] refers to.
    pub const ENV: (&'static str, &'static str) = ("SIMULATED_SECRET", "simulated-secret");

    /// Starts the process on a free port and waits for its address.
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args(["simulate", "--port", "0"]).args(args).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("piped");
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url).expect("the address");
        Self { child, url: url.trim().to_owned() }
    }

    /// The `[source]` table for this API, with short pauses between attempts.
    pub fn source(&self) -> String {
        format!(
            "[source]\naccount = \"suite\"\nkind = \"kakao\"\nendpoint = {:?}\ncredential_id = \"simulated-id\"\n\
             credential_secret = \"env:SIMULATED_SECRET\"\nbackoff_ms = 1\n",
            self.url
        )
    }

    /// Sets the clock of the API.
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
