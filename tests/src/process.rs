//! Time and memory of one run, measured from outside.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

/// Resource usage according to the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Time from start to exit.
    pub wall: Duration,
    /// CPU time on all cores, in user and kernel mode.
    pub cpu: Duration,
    /// Largest resident set.
    pub peak_bytes: u64,
}

#[derive(Deserialize)]
struct Usage {
    code: i32,
    seconds: f64,
    cpu: f64,
    peak_kib: u64,
}

/// A Python program: runs a command and prints its resource usage. The kernel reports the usage only to a parent, and a
/// child inherits the peak of its parent, so the parent is a small process.
const WAIT: &str = r#"
import json, os, sys, time
started = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.monotonic() - started
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "seconds": seconds,
                  "cpu": usage.ru_utime + usage.ru_stime, "peak_kib": usage.ru_maxrss}))
"#;

/// Runs the binary with `--json` among its arguments and returns its report. `prepare` sets folder and environment.
///
/// # Errors
///
/// The exit code is not 0.
pub fn measured(args: &[&str], prepare: impl FnOnce(&mut Command)) -> anyhow::Result<(Value, Process)> {
    measured_program(Path::new(crate::binary()), args, prepare)
}

/// As [`measured`], for another program.
///
/// # Errors
///
/// The exit code is not 0.
pub fn measured_program(
    program: &Path,
    args: &[&str],
    prepare: impl FnOnce(&mut Command),
) -> anyhow::Result<(Value, Process)> {
    let mut command = Command::new("python3");
    command.args(["-c", WAIT]).arg(program).args(args);
    prepare(&mut command);
    let output = command.stdin(Stdio::null()).output().context("python3 measures the process")?;
    let stdout = String::from_utf8(output.stdout)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let (report, usage) = stdout.trim_end().rsplit_once('\n').with_context(|| format!("{args:?}: {stderr}"))?;
    let Usage { code, seconds, cpu, peak_kib } = serde_json::from_str(usage)?;
    anyhow::ensure!(code == 0, "{args:?} ended with {code}:\n{report}\n{stderr}");
    let (wall, cpu) = (Duration::from_secs_f64(seconds), Duration::from_secs_f64(cpu));
    Ok((serde_json::from_str(report)?, Process { wall, cpu, peak_bytes: peak_kib * 1024 }))
}
