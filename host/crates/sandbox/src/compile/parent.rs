//! The parent of the compiler process: starts the child, sends the plugin's bytes and kills the child at its limits.
//!
//! A limit is reached only by resources that the child had: processor time and memory. A refusal on other grounds would blame the plugin for a busy machine.

use std::fs;
use std::hint::black_box;
use std::io::{self, Read, Write as _};
use std::num::NonZero;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Signal, getrlimit};

use super::address_space::status_bytes;
use super::child::{COMPILED, REFUSED};
use super::cpu_time::busiest_thread;
use super::error::{CompileError, CompileRefusal, TransientCause};
use super::translate::Translation;
use crate::contract::InvalidPlugin;
use crate::limits::Limits;
use crate::stop::is_stopped;
use crate::text;

/// Threads for translating functions. More threads would not shorten the compilation of a plugin of usual size.
const THREADS: usize = 4;
/// Stack of each thread, in bytes.
const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;
/// Maximum bytes kept from the child's standard error.
const STDERR_BYTES: u64 = 16 * 1024;
/// Maximum bytes of standard error repeated in a message.
const SHOWN_STDERR_BYTES: usize = 300;
/// Maximum bytes of the output. A plugin in Python has 35 MB of code; the parent and the worker copy the code.
const CODE_BYTES: u64 = 128 << 20;
/// Addresses of the child for each byte of memory.
const ADDRESS_FACTOR: u64 = 4;
/// Pause between two readings of the child's processor time and memory.
const READING_PAUSE: Duration = Duration::from_millis(20);
/// Wall-clock seconds for each second of processor time, on a busy machine.
const BUSY_FACTOR: u64 = 4;
/// Least wall-clock seconds on a busy machine.
const BUSY_SECONDS: u64 = 30;

/// The program of the compiler.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compiler<'a> {
    pub(super) program: &'a Path,
    /// Compiles nothing if the kernel does not enforce the whole jail.
    pub(super) requires_jail: bool,
}

/// The limits of the parent on the compiler.
#[derive(Debug, Clone, Copy)]
struct CompilerLimit {
    /// Seconds of processor time of a single thread.
    processor: u64,
    /// Wall-clock seconds.
    wall: u64,
    /// Bytes of resident memory.
    memory: u64,
}

/// The end of a child process.
struct Exit {
    /// Standard output.
    output: io::Result<Vec<u8>>,
    status: ExitStatus,
    /// The start of standard error.
    errors: String,
}

/// Returns the translation of a plugin by a child process.
pub(super) fn translate_in_child(
    compiler: Compiler<'_>,
    limits: &Limits,
    bytes: &[u8],
    to: Translation,
) -> Result<Vec<u8>, CompileError> {
    let started = compiler.command(limits, to).spawn();
    let child = started.map_err(|error| TransientCause::NotStarted(error.to_string()))?;
    let Exit { output, status, errors } = exchange(child, limits, bytes)?;
    if !status.success() {
        return Err(exit_error(status, &errors, limits));
    }
    let mut output = output.map_err(|error| CompileError::compiler(format!("cannot be read from: {error}")))?;
    if output.len() as u64 >= CODE_BYTES {
        return Err(CompileRefusal::CodeSize(CODE_BYTES).into());
    }
    if output.starts_with(COMPILED) {
        output.drain(..COMPILED.len());
        return Ok(output);
    }
    match output.strip_prefix(REFUSED).map(serde_json::from_slice) {
        Some(Ok(InvalidPlugin::Invalid(text))) => Err(resource_error(&text, limits)
            .unwrap_or_else(|| CompileRefusal::Invalid(InvalidPlugin::Invalid(text)).into())),
        Some(Ok(invalid)) => Err(CompileRefusal::Invalid(invalid).into()),
        _ => Err(CompileError::compiler("returned neither code nor a reason: the program is not costwarden")),
    }
}

/// Sends the plugin to the child and waits for the end, at most as long as [`wait`] allows.
fn exchange(mut child: Child, limits: &Limits, bytes: &[u8]) -> Result<Exit, CompileError> {
    let mut input = child.stdin.take().expect("piped");
    let output = child.stdout.take().expect("piped");
    let errors = child.stderr.take().expect("piped");
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        // The write fails if the child refuses the file after reading its start. The output tells the reason.
        let write = move || {
            let _ = input.write_all(bytes);
        };
        let read = move || {
            let mut bytes = Vec::new();
            let read = output.take(CODE_BYTES).read_to_end(&mut bytes);
            let _ = sender.send(read.map(|_| bytes));
        };
        let started = thread::Builder::new()
            .spawn_scoped(scope, write)
            .and_then(|_| thread::Builder::new().spawn_scoped(scope, read))
            .and_then(|_| thread::Builder::new().spawn_scoped(scope, move || read_errors(errors)));
        let output = match &started {
            Ok(_) => wait(&child, &receiver, CompilerLimit::new(limits)),
            Err(error) => Err(TransientCause::Thread(error.to_string()).into()),
        };
        if output.is_err() {
            child.kill().map_err(|error| CompileError::compiler(format!("cannot be ended: {error}")))?;
        }
        let status = child.wait().map_err(|error| CompileError::compiler(format!("cannot be waited for: {error}")))?;
        let errors = started.ok().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok(Exit { output: output?, status, errors })
    })
}

impl CompilerLimit {
    fn new(limits: &Limits) -> Self {
        let processor = limits.compile_seconds;
        let wall = processor.saturating_mul(BUSY_FACTOR).max(BUSY_SECONDS);
        Self { processor, wall, memory: limits.compile_memory_bytes }
    }
}

/// Waits for the output of the child.
///
/// # Errors
/// A thread of the child used all of its processor time: a machine without other work would not compile in less time. Or
/// the child did not get this time, because the machine is busy. Or the child uses more memory than its limit.
fn wait(
    child: &Child,
    receiver: &Receiver<io::Result<Vec<u8>>>,
    limit: CompilerLimit,
) -> Result<io::Result<Vec<u8>>, CompileError> {
    let started = Instant::now();
    loop {
        match receiver.recv_timeout(READING_PAUSE) {
            Ok(output) => return Ok(output),
            Err(RecvTimeoutError::Disconnected) => return Err(CompileError::compiler("cannot be read from")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if is_stopped() {
            return Err(TransientCause::Stopped.into());
        }
        if busiest_thread(child.id()) >= Duration::from_secs(limit.processor) {
            return Err(CompileRefusal::Time(limit.processor).into());
        }
        if resident_bytes(child.id()).is_some_and(|bytes| bytes > limit.memory) {
            return Err(CompileRefusal::Memory(limit.memory).into());
        }
        if started.elapsed() >= Duration::from_secs(limit.wall) {
            return Err(TransientCause::Busy { seconds: limit.processor, waited: limit.wall }.into());
        }
    }
}

impl Compiler<'_> {
    fn command(self, limits: &Limits, to: Translation) -> Command {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS);
        // CPU time adds up over the threads, so the limit is multiplied: the limit on a single thread comes first.
        let cpu_seconds = limits.compile_seconds.saturating_mul(threads as u64);
        let mut command = Command::new(self.program);
        command
            .arg("compile-plugin")
            .args((to == Translation::Component).then_some("--component"))
            .args(self.requires_jail.then_some("--requires-jail"))
            .args(["--stack-bytes", &limits.stack_bytes.to_string()])
            .args(["--address-bytes", &address_bytes(limits).to_string()])
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
}

/// Returns the limit of addresses of the child: a backstop behind the watched memory, because an allocator reserves more
/// addresses than it uses.
fn address_bytes(limits: &Limits) -> u64 {
    limits.compile_memory_bytes.saturating_mul(ADDRESS_FACTOR)
}

/// Returns the resident memory of a process, or nothing without a readable `/proc`.
fn resident_bytes(process: u32) -> Option<u64> {
    status_bytes(&fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmRSS:")
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
    // A limit inherited by this process would be lower than the limit of the child, and would prove nothing.
    if signal == Some(Signal::XCPU.as_raw()) && getrlimit(Resource::Cpu).maximum.is_none() {
        return CompileRefusal::Time(limits.compile_seconds).into();
    }
    if let Some(error) = resource_error(errors, limits) {
        return error;
    }
    let end = match signal {
        Some(signal) if signal == Signal::KILL.as_raw() => {
            "was killed by signal 9, e.g. because the machine has no memory left".to_owned()
        }
        Some(signal) => format!("was ended by signal {signal}"),
        None => format!("ended with exit code {}", status.code().unwrap_or_default()),
    };
    let errors = text::single_line(text::truncated(errors.trim().to_owned(), SHOWN_STDERR_BYTES));
    CompileError::compiler(if errors.is_empty() { end } else { format!("{end}: {errors}") })
}

/// Returns the error for a text of the compiler that reports missing threads or exhausted memory.
fn resource_error(text: &str, limits: &Limits) -> Option<CompileError> {
    const THREAD: &str = "Resource temporarily unavailable";
    // The message of a failed allocation before an abort, and the error of the compiler.
    const MEMORY: [&str; 3] = ["memory allocation of", "out of memory", "Cannot allocate memory"];
    let limit = limits.compile_memory_bytes;
    let addresses = address_bytes(limits);
    if text.contains(THREAD) {
        // The system reports a missing thread and a missing stack in the same way.
        return Some(TransientCause::Thread(THREAD.to_owned()).into());
    }
    MEMORY.iter().any(|report| text.contains(report)).then(|| {
        if has_room(addresses) { CompileRefusal::Memory(limit).into() } else { TransientCause::Memory(limit).into() }
    })
}

/// Returns true if this process can reserve the given memory, e.g. because neither the limit of addresses nor the
/// commit limit of the system is lower. The memory is not touched and is returned at once.
fn has_room(bytes: u64) -> bool {
    let mut probe = Vec::<u8>::new();
    let reserved = usize::try_from(bytes).is_ok_and(|bytes| probe.try_reserve_exact(bytes).is_ok());
    // Without a use of the address, the optimizer may remove the allocation and report success.
    black_box(probe.as_ptr());
    reserved
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{Artifact, Grants, Isolation, Sandbox};

    /// Returns the load error with a shell script in place of the compiler.
    fn load_error(script: &str) -> String {
        load_error_within(&Limits { compile_seconds: 1, ..Limits::default() }, script)
    }

    fn load_error_within(limits: &Limits, script: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("compiler");
        fs::write(&program, format!("#!/bin/sh\n[ $1 = compile-plugin ] || exit 9\n{script}\n")).expect("written");
        fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
        let sandbox = Sandbox::new(limits.clone(), None, Isolation::Processes { program, requires_jail: false })
            .expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), b"\0asm\x01\0\0\0".to_vec());
        sandbox.load("plugin", &plugin, &Grants::default()).err().expect("not compiled").to_string()
    }

    #[test]
    fn another_program_is_reported() {
        insta::assert_snapshot!(load_error("cat > /dev/null"), @"plugin.wasm: cannot be compiled: the compiler returned neither code nor a reason: the program is not costwarden (temporary failure; the next run tries again)");
        insta::assert_snapshot!(load_error("cat > /dev/null; echo 'costwarden compiled a plugin'; echo nonsense"), @"plugin.wasm: cannot be run: the worker process ended with exit code 9 (temporary failure; the next run tries again)");
        insta::assert_snapshot!(load_error("cat > /dev/null; echo 'costwarden refuses a plugin'; echo nonsense"), @"plugin.wasm: cannot be compiled: the compiler returned neither code nor a reason: the program is not costwarden (temporary failure; the next run tries again)");
        let compiler = Compiler { program: Path::new("/nonexistent"), requires_jail: false };
        let absent = translate_in_child(compiler, &Limits::default(), b"", Translation::MachineCode);
        insta::assert_snapshot!(absent.expect_err("no such program"), @"cannot be compiled: the compiler cannot be started: No such file or directory (os error 2)");
    }

    #[test]
    fn a_failed_compiler_is_reported() {
        insta::assert_snapshot!(load_error("echo some error >&2; exit 3"), @"plugin.wasm: cannot be compiled: the compiler ended with exit code 3: some error (temporary failure; the next run tries again)");
        insta::assert_snapshot!(load_error("kill -SEGV $$"), @"plugin.wasm: cannot be compiled: the compiler was ended by signal 11 (temporary failure; the next run tries again)");
        insta::assert_snapshot!(load_error("kill -KILL $$"), @"plugin.wasm: cannot be compiled: the compiler was killed by signal 9, e.g. because the machine has no memory left (temporary failure; the next run tries again)");
        insta::assert_snapshot!(load_error("kill -XCPU $$"), @"plugin.wasm: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)");
        insta::assert_snapshot!(load_error("echo memory allocation of 123 bytes failed >&2; kill -ABRT $$"), @"plugin.wasm: needs more memory than 603979776 bytes to compile (plugins.limits.compile_memory_bytes)");
        insta::assert_snapshot!(load_error("echo Resource temporarily unavailable >&2; exit 101"), @"plugin.wasm: cannot be compiled: a thread cannot be started (Resource temporarily unavailable): raise the limit of threads (`ulimit -u`, pids.max), or stop other processes (temporary failure; the next run tries again)");
    }

    /// A limit in processor time is the same on a busy machine.
    #[test]
    fn a_compiler_at_work_is_killed_at_the_limit() {
        insta::assert_snapshot!(load_error("while :; do :; done"), @"plugin.wasm: takes longer than 1 seconds to compile (plugins.limits.compile_seconds)");
    }

    /// `tail` keeps a line without an end.
    #[test]
    fn a_compiler_with_too_much_memory_is_killed() {
        let limits = Limits { compile_memory_bytes: 64 << 20, ..Limits::default() };
        let error = load_error_within(&limits, "exec tail /dev/zero");
        insta::assert_snapshot!(error, @"plugin.wasm: needs more memory than 67108864 bytes to compile (plugins.limits.compile_memory_bytes)");
    }

    #[test]
    fn a_compiler_without_processor_time_proves_nothing() {
        let wall = |compile_seconds| CompilerLimit::new(&Limits { compile_seconds, ..Limits::default() }).wall;
        assert_eq!((wall(60), wall(1)), (240, 30));
        let mut child = Command::new("sleep").arg("1000").spawn().expect("started");
        let (_sender, receiver) = mpsc::channel();
        let error =
            wait(&child, &receiver, CompilerLimit { processor: 1, wall: 1, memory: u64::MAX }).expect_err("no output");
        child.kill().and_then(|()| child.wait()).expect("ended");
        assert!(matches!(error, CompileError::Transient(TransientCause::Busy { .. })));
        insta::assert_snapshot!(error, @"cannot be compiled: the machine is too busy: the compiler did not get 1 seconds of processor time (plugins.limits.compile_seconds) within 1 seconds: stop other processes, or give the machine more cores");
    }

    #[test]
    fn a_machine_without_room_proves_nothing() {
        assert!(has_room(1 << 20) && !has_room(1 << 62));
        let limits = Limits { compile_memory_bytes: 1 << 60, ..Limits::default() };
        let error = resource_error("memory allocation of 9 bytes failed", &limits).expect("an error");
        assert!(matches!(error, CompileError::Transient(TransientCause::Memory(_))), "{error}");
        assert!(resource_error("some error", &limits).is_none());
    }

    /// The parent reads all of standard error, so the child never blocks. The message repeats only the start.
    #[test]
    fn endless_standard_error_is_cut() {
        let error = load_error("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1");
        assert!(
            error.starts_with("plugin.wasm: cannot be compiled: the compiler ended with exit code 1: xxx"),
            "{error}"
        );
        assert!(error.contains("x… (temporary failure") && error.len() < 500, "{error}");
    }
}
