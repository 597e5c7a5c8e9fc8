//! The parent of the compiler process: starts the child, sends the plugin's bytes and kills the child on timeout.

use std::io::{self, Read, Write as _};
use std::num::NonZero;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::child::{COMPILED, REFUSED};
use super::error::{CompileError, CompileRefusal};
use crate::contract::InvalidPlugin;
use crate::limits::Limits;
use crate::text;

/// Threads for translating functions. More threads would not shorten the compilation of a plugin of usual size.
const THREADS: usize = 4;
/// Stack of each thread, in bytes.
const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;
/// Maximum bytes kept from the child's standard error.
const STDERR_BYTES: u64 = 16 * 1024;
/// Maximum bytes of standard error repeated in a message.
const SHOWN_STDERR_BYTES: usize = 300;

/// The end of a child process.
struct Exit {
    /// Standard output.
    output: io::Result<Vec<u8>>,
    status: ExitStatus,
    /// The start of standard error.
    errors: String,
}

/// Returns the code compiled by a child process.
pub(super) fn compile_in_child(program: &Path, limits: &Limits, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    let started = command(program, limits).spawn();
    let child = started.map_err(|error| CompileError::Compiler(format!("cannot be started: {error}")))?;
    let Exit { output, status, errors } = exchange(child, limits, bytes)?;
    if !status.success() {
        return Err(exit_error(status, &errors, limits));
    }
    let mut output = output.map_err(|error| CompileError::Compiler(format!("cannot be read from: {error}")))?;
    if output.starts_with(COMPILED) {
        output.drain(..COMPILED.len());
        return Ok(output);
    }
    match output.strip_prefix(REFUSED).map(serde_json::from_slice) {
        Some(Ok(InvalidPlugin::Invalid(text))) if is_out_of_memory(&text) => {
            Err(CompileRefusal::Memory(limits.compile_memory_bytes).into())
        }
        Some(Ok(invalid)) => Err(CompileRefusal::Invalid(invalid).into()),
        _ => {
            Err(CompileError::Compiler("returned neither code nor a reason: the program is not costwarden".to_owned()))
        }
    }
}

/// Sends the plugin to the child and waits for the end, at most `compile_seconds`.
fn exchange(mut child: Child, limits: &Limits, bytes: &[u8]) -> Result<Exit, CompileError> {
    let mut input = child.stdin.take().expect("piped");
    let output = child.stdout.take().expect("piped");
    let errors = child.stderr.take().expect("piped");
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        // The write fails if the child refuses the file after reading its start. The output tells the reason.
        scope.spawn(move || {
            let _ = input.write_all(bytes);
        });
        // The child holds its output in memory, so its memory limit also bounds the output.
        scope.spawn(move || {
            let mut bytes = Vec::new();
            let read = output.take(limits.compile_memory_bytes).read_to_end(&mut bytes);
            let _ = sender.send(read.map(|_| bytes));
        });
        let errors = scope.spawn(move || read_errors(errors));
        let output = receiver.recv_timeout(Duration::from_secs(limits.compile_seconds));
        if output.is_err() {
            child.kill().map_err(|error| CompileError::Compiler(format!("cannot be ended: {error}")))?;
        }
        let status = child.wait().map_err(|error| CompileError::Compiler(format!("cannot be waited for: {error}")))?;
        let errors = errors.join().unwrap_or_default();
        match output {
            Ok(output) => Ok(Exit { output, status, errors }),
            Err(_) => Err(CompileRefusal::Time(limits.compile_seconds).into()),
        }
    })
}

fn command(program: &Path, limits: &Limits) -> Command {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS);
    // CPU time adds up over the threads, so the limit is multiplied: the wall-clock limit comes first.
    let cpu_seconds = limits.compile_seconds.saturating_mul(threads as u64);
    let mut command = Command::new(program);
    command
        .arg("compile-plugin")
        .args(["--stack-bytes", &limits.stack_bytes.to_string()])
        .args(["--memory-bytes", &limits.compile_memory_bytes.to_string()])
        .args(["--cpu-seconds", &cpu_seconds.to_string()])
        .env_clear()
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env("RUST_MIN_STACK", THREAD_STACK_BYTES.to_string())
        // The memory limit counts addresses. By default, the allocator reserves a gibibyte before the first allocation.
        .env("MIMALLOC_DISALLOW_ARENA_ALLOC", "1")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Returns the start of standard error. Reads and drops the rest, so the child never blocks on a full pipe.
fn read_errors(mut errors: ChildStderr) -> String {
    let mut start = Vec::new();
    let _ = errors.by_ref().take(STDERR_BYTES).read_to_end(&mut start);
    let _ = io::copy(&mut errors, &mut io::sink());
    String::from_utf8_lossy(&start).into_owned()
}

/// Returns the error for a compiler that ended without success.
fn exit_error(status: ExitStatus, errors: &str, limits: &Limits) -> CompileError {
    let signal = status.signal();
    if signal == Some(Signal::XCPU.as_raw()) {
        return CompileRefusal::Time(limits.compile_seconds).into();
    }
    if is_out_of_memory(errors) {
        return CompileRefusal::Memory(limits.compile_memory_bytes).into();
    }
    let end = signal.map_or_else(
        || format!("ended with exit code {}", status.code().unwrap_or_default()),
        |signal| format!("was ended by signal {signal}"),
    );
    let errors = text::single_line(text::truncated(errors.trim().to_owned(), SHOWN_STDERR_BYTES));
    CompileError::Compiler(if errors.is_empty() { end } else { format!("{end}: {errors}") })
}

/// Returns true if a text reports exhausted memory. Covers the message of a failed allocation before an abort, the
/// compiler's error, and the system's error for a thread without room.
fn is_out_of_memory(text: &str) -> bool {
    ["memory allocation of", "out of memory", "Cannot allocate memory", "Resource temporarily unavailable"]
        .iter()
        .any(|report| text.contains(report))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{Artifact, Compiler, Grants, Sandbox};

    /// Returns the load error with a shell script in place of the compiler.
    fn load_error(script: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("compiler");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
        let limits = Limits { compile_seconds: 1, ..Limits::default() };
        let sandbox = Sandbox::new(limits, None, Compiler::ChildProcess(program)).expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), b"\0asm\x01\0\0\0".to_vec());
        sandbox.load("plugin", &plugin, &Grants::default()).err().expect("not compiled").to_string()
    }

    #[test]
    fn another_program_is_reported() {
        insta::assert_snapshot!(load_error("cat > /dev/null"), @"plugin.wasm: cannot be compiled: the compiler returned neither code nor a reason: the program is not costwarden");
        insta::assert_snapshot!(load_error("cat > /dev/null; echo 'costwarden compiled a plugin'; echo nonsense"), @"plugin.wasm: cannot be compiled: the compiler returned unusable code: failed to parse precompiled artifact as an ELF: Invalid ELF header size or alignment");
        insta::assert_snapshot!(load_error("cat > /dev/null; echo 'costwarden refuses a plugin'; echo nonsense"), @"plugin.wasm: cannot be compiled: the compiler returned neither code nor a reason: the program is not costwarden");
        let absent = compile_in_child(Path::new("/nonexistent"), &Limits::default(), b"");
        insta::assert_snapshot!(absent.expect_err("no such program"), @"cannot be compiled: the compiler cannot be started: No such file or directory (os error 2)");
    }

    #[test]
    fn a_failed_compiler_is_reported() {
        insta::assert_snapshot!(load_error("echo some error >&2; exit 3"), @"plugin.wasm: cannot be compiled: the compiler ended with exit code 3: some error");
        insta::assert_snapshot!(load_error("kill -SEGV $$"), @"plugin.wasm: cannot be compiled: the compiler was ended by signal 11");
        insta::assert_snapshot!(load_error("kill -XCPU $$"), @"plugin.wasm: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)");
        insta::assert_snapshot!(load_error("echo memory allocation of 123 bytes failed >&2; kill -ABRT $$"), @"plugin.wasm: needs more memory than 2147483648 bytes to compile (plugins.limits.compile_memory_bytes)");
    }

    #[test]
    fn a_hanging_compiler_is_killed() {
        insta::assert_snapshot!(load_error("exec sleep 1000"), @"plugin.wasm: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)");
    }

    /// The parent reads all of standard error, so the child never blocks. The message repeats only the start.
    #[test]
    fn endless_standard_error_is_cut() {
        let error = load_error("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1");
        assert!(
            error.starts_with("plugin.wasm: cannot be compiled: the compiler ended with exit code 1: xxx"),
            "{error}"
        );
        assert!(error.ends_with("x…") && error.len() < 400, "{error}");
    }
}
