//! One run of a command, measured from outside.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// From start to exit.
    pub wall: Duration,
    /// On all cores, in user and kernel.
    pub cpu: Duration,
    pub peak_bytes: u64,
}

#[derive(Deserialize)]
struct Told {
    code: i32,
    seconds: f64,
    cpu: f64,
    peak_kib: u64,
}

/// Runs a command and then prints what the kernel says of it. Only a parent may ask that, and a process inherits the
/// peak of the one that starts it: this one is small.
const WAIT: &str = r#"
import json, os, sys, time
started = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.monotonic() - started
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "seconds": seconds,
                  "cpu": usage.ru_utime + usage.ru_stime, "peak_kib": usage.ru_maxrss}))
"#;

/// Runs the binary with `--json` among its arguments; `prepare` sets its folder and environment. Gives back its report.
///
/// # Errors
/// It ended with another code than 0.
pub fn measured(args: &[&str], prepare: impl FnOnce(&mut Command)) -> anyhow::Result<(Value, Process)> {
    let mut command = Command::new("python3");
    command.args(["-c", WAIT, crate::binary()]).args(args);
    prepare(&mut command);
    let output = command.stdin(Stdio::null()).output().context("python3 measures the process")?;
    let stdout = String::from_utf8(output.stdout)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let (report, told) = stdout.trim_end().rsplit_once('\n').with_context(|| format!("{args:?}: {stderr}"))?;
    let Told { code, seconds, cpu, peak_kib } = serde_json::from_str(told)?;
    anyhow::ensure!(code == 0, "{args:?} ended with {code}:\n{report}\n{stderr}");
    let (wall, cpu) = (Duration::from_secs_f64(seconds), Duration::from_secs_f64(cpu));
    Ok((serde_json::from_str(report)?, Process { wall, cpu, peak_bytes: peak_kib * 1024 }))
}
