//! The parent of the compiler process: starts the child, sends the plugin's bytes and kills the child on timeout.

use std::io::{self, Read, Write as _};
use std::num::NonZero;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::child::{COMPILED, UNFIT};
use crate::contract::Unfit;
use crate::loading::Fault;
use crate::{Limits, output};

/// Threads for translating functions. More threads would not shorten the compilation of a plugin of usual size.
const THREADS: usize = 4;
/// Stack of each thread, in bytes.
const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;
/// Maximum bytes kept from the child's standard error.
const LAST_WORDS_BYTES: u64 = 16 * 1024;
/// Maximum bytes of standard error repeated in a message.
const TOLD_BYTES: usize = 300;

/// Returns the code compiled by a child process.
pub(super) fn ask(program: &Path, limits: &Limits, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let started = command(program, limits).spawn();
    let mut child = started.map_err(|error| Fault::Compiler(format!("cannot be started: {error}")))?;
    let (mut input, output, errors) =
        (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (sender, answer) = mpsc::channel();
    let ended = thread::scope(|scope| {
        // The write fails if the child refuses the file after reading its start. The answer tells the reason.
        scope.spawn(move || {
            let _ = input.write_all(bytes);
        });
        // The child holds its output in memory, so its memory limit also bounds the output.
        scope.spawn(move || {
            let mut answer = Vec::new();
            let read = output.take(limits.compile_memory_bytes).read_to_end(&mut answer);
            let _ = sender.send(read.map(|_| answer));
        });
        let errors = scope.spawn(move || last_words(errors));
        let answer = answer.recv_timeout(Duration::from_secs(limits.compile_seconds));
        if answer.is_err() {
            child.kill().map_err(|error| Fault::Compiler(format!("cannot be ended: {error}")))?;
        }
        let status = child.wait().map_err(|error| Fault::Compiler(format!("cannot be waited for: {error}")))?;
        let errors = errors.join().unwrap_or_default();
        match answer {
            Ok(answer) => Ok((answer, status, errors)),
            Err(_) => Err(Fault::CompileTime(limits.compile_seconds)),
        }
    });
    let (answer, status, errors) = ended?;
    if !status.success() {
        return Err(death(status, &errors, limits));
    }
    let mut answer = answer.map_err(|error| Fault::Compiler(format!("cannot be read from: {error}")))?;
    if answer.starts_with(COMPILED) {
        answer.drain(..COMPILED.len());
        return Ok(answer);
    }
    match answer.strip_prefix(UNFIT).map(serde_json::from_slice) {
        Some(Ok(Unfit::Invalid(words))) if tells_of_memory(&words) => {
            Err(Fault::CompileMemory(limits.compile_memory_bytes))
        }
        Some(Ok(unfit)) => Err(Fault::Unfit(unfit)),
        _ => Err(Fault::Compiler("gave neither code nor a reason: it is not this program".to_owned())),
    }
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
fn last_words(mut errors: ChildStderr) -> String {
    let mut words = Vec::new();
    let _ = errors.by_ref().take(LAST_WORDS_BYTES).read_to_end(&mut words);
    let _ = io::copy(&mut errors, &mut io::sink());
    String::from_utf8_lossy(&words).into_owned()
}

/// Returns the fault for a compiler that ended without success.
fn death(status: ExitStatus, words: &str, limits: &Limits) -> Fault {
    let signal = status.signal();
    if signal == Some(Signal::XCPU.as_raw()) {
        return Fault::CompileTime(limits.compile_seconds);
    }
    if tells_of_memory(words) {
        return Fault::CompileMemory(limits.compile_memory_bytes);
    }
    let how = signal.map_or_else(
        || format!("ended with exit code {}", status.code().unwrap_or_default()),
        |signal| format!("was ended by signal {signal}"),
    );
    let words = output::plain(output::shortened(words.trim().to_owned(), TOLD_BYTES));
    Fault::Compiler(if words.is_empty() { how } else { format!("{how}: {words}") })
}

/// Returns true if a text reports exhausted memory. Covers the message of a failed allocation before an abort, the
/// compiler's error, and the system's error for a thread without room.
fn tells_of_memory(words: &str) -> bool {
    ["memory allocation of", "out of memory", "Cannot allocate memory", "Resource temporarily unavailable"]
        .iter()
        .any(|said| words.contains(said))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{Artifact, Compiler, Grants, Sandbox};

    /// Returns the load error with a shell script in place of the compiler.
    fn told(script: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("compiler");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
        let limits = Limits { compile_seconds: 1, ..Limits::default() };
        let sandbox = Sandbox::new(limits, None, Compiler::Child(program)).expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), b"\0asm\x01\0\0\0".to_vec());
        sandbox.load("plugin", &plugin, &Grants::default()).err().expect("not compiled").to_string()
    }

    #[test]
    fn a_compiler_that_is_none_is_told() {
        insta::assert_snapshot!(told("cat > /dev/null"), @"plugin.wasm: cannot be compiled: the compiler gave neither code nor a reason: it is not this program");
        insta::assert_snapshot!(told("cat > /dev/null; echo 'costwarden compiled a plugin'; echo nonsense"), @"plugin.wasm: cannot be compiled: the compiler gave no code: failed to parse precompiled artifact as an ELF: Invalid ELF header size or alignment");
        insta::assert_snapshot!(told("cat > /dev/null; echo 'costwarden refuses a plugin'; echo nonsense"), @"plugin.wasm: cannot be compiled: the compiler gave neither code nor a reason: it is not this program");
        let nowhere = ask(Path::new("/nonexistent"), &Limits::default(), b"");
        insta::assert_snapshot!(nowhere.expect_err("no such program"), @"cannot be compiled: the compiler cannot be started: No such file or directory (os error 2)");
    }

    #[test]
    fn a_compiler_that_dies_is_told() {
        insta::assert_snapshot!(told("echo some last words >&2; exit 3"), @"plugin.wasm: cannot be compiled: the compiler ended with exit code 3: some last words");
        insta::assert_snapshot!(told("kill -SEGV $$"), @"plugin.wasm: cannot be compiled: the compiler was ended by signal 11");
        insta::assert_snapshot!(told("kill -XCPU $$"), @"plugin.wasm: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)");
        insta::assert_snapshot!(told("echo memory allocation of 123 bytes failed >&2; kill -ABRT $$"), @"plugin.wasm: takes more memory than 2147483648 bytes to compile (plugins.limits.compile_memory_bytes)");
    }

    #[test]
    fn a_compiler_that_hangs_is_ended() {
        insta::assert_snapshot!(told("exec sleep 1000"), @"plugin.wasm: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)");
    }

    /// The parent reads all of standard error, so the child never blocks. The message repeats only the start.
    #[test]
    fn words_without_end_are_cut() {
        let told = told("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1");
        assert!(
            told.starts_with("plugin.wasm: cannot be compiled: the compiler ended with exit code 1: xxx"),
            "{told}"
        );
        assert!(told.ends_with("x…") && told.len() < 400, "{told}");
    }
}
