//! Tests with real limits of a process: few addresses, no room for threads, no memory. Each test starts itself again in
//! a child process, because a limit applies to all tests of a process.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use wasmparser::{Parser, Payload};

use super::{
    Artifact, CallError, Failure, Grants, Isolation, Limits, LoadFault, Misbehaving, Prospect, Sandbox, SandboxError,
    Window, artifact, context, series,
};

/// The variable that marks a child process.
const CHILD: &str = "COSTWARDEN_TEST_CHILD";
/// Prefix of the lines in which a child reports results.
const RESULT: &str = "reported by the child: ";
const GIB: u64 = 1 << 30;

/// Runs a test of this module in a child process after the given shell command. Returns the reported results.
fn run_child(test: &str, limit: &str) -> Vec<String> {
    let program = std::env::current_exe().expect("the test program");
    let script = format!("{limit}\nexec \"$0\" --exact tests::resources::{test} --nocapture --test-threads 1");
    let child = Command::new("sh").args(["-c", &script]).arg(program).env(CHILD, "1").output().expect("started");
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{output}{}", String::from_utf8_lossy(&child.stderr));
    output.lines().filter_map(|line| Some(line.split_once(RESULT)?.1.to_owned())).collect()
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

fn report(result: impl std::fmt::Display) {
    writeln!(std::io::stdout(), "{RESULT}{result}").expect("written");
}

/// Returns a shell command that limits the addresses.
fn addresses(bytes: u64) -> String {
    format!("ulimit -v {}", bytes / 1024)
}

/// Sets the soft limit of a resource for this process to the given bytes above the use reported under `key`.
fn leave(resource: Resource, key: &str, bytes: u64) {
    let status = std::fs::read_to_string("/proc/self/status").expect("readable");
    let used = status.lines().find_map(|line| line.strip_prefix(key)).expect("reported");
    let used: u64 = used.trim().strip_suffix(" kB").and_then(|used| used.parse().ok()).expect("a number");
    setrlimit(resource, Rlimit { current: Some(used * 1024 + bytes), ..getrlimit(resource) }).expect("set");
}

fn unlimit(resource: Resource) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current: maximum, maximum }).expect("set");
}

/// Returns the bits of all results of a detector over many series, in several batches.
fn judged_bits(sandbox: &Sandbox) -> String {
    let plugin = artifact("plugins/dist/seasonal-mad.wasm");
    let detector = sandbox.load("seasonal-mad", &plugin, &Grants::default()).expect("loads");
    let history: Vec<_> = (0..600).map(|index| series(&format!("d/p/{index}"), 90)).collect();
    let fit = detector.fit(&context("{}"), &history);
    let states = fit.results.into_iter().map(|fitted| fitted.expect("fits").state);
    let windows: Vec<_> =
        history.into_iter().zip(states).map(|(series, state)| Window { series, state, judge_from: 85 }).collect();
    let judge = detector.judge(&context("{}"), &windows);
    let verdicts = judge.results.into_iter().flat_map(|verdicts| verdicts.expect("judges"));
    let bits = |verdict: super::Verdict| {
        let numbers = [verdict.score, verdict.expected, verdict.lower, verdict.upper].map(f64::to_bits);
        format!("{} {numbers:x?} {}", verdict.index, verdict.reason)
    };
    let text: Vec<_> = verdicts.map(bits).collect();
    let digest = Artifact::new(Path::new("verdicts"), text.join("\n").into_bytes()).digest;
    format!("{} verdicts {digest} {:?} {:?}", text.len(), fit.usage, judge.usage)
}

#[test]
fn a_smaller_pool_gives_the_same_results() {
    if is_child() {
        let sandbox = super::sandbox(Limits::default());
        report(judged_bits(&sandbox));
        return;
    }
    let full = run_child("a_smaller_pool_gives_the_same_results", "true");
    for bytes in [20 * GIB, 11 * GIB, 7 * GIB] {
        let small = run_child("a_smaller_pool_gives_the_same_results", &addresses(bytes));
        assert_eq!(small, full, "{bytes} bytes");
    }
}

#[test]
fn too_few_addresses_are_a_typed_error() {
    if is_child() {
        let opened = Sandbox::new(Limits::default(), None, Isolation::InProcess);
        let Err(error) = opened else { return report(judged_bits(&opened.expect("opened"))) };
        let SandboxError::AddressSpace { limit, needed } = error else { panic!("{error}") };
        report(limit);
        report(needed);
        return report(error);
    }
    let limit = 3 * GIB;
    let test = |limit| run_child("too_few_addresses_are_a_typed_error", &addresses(limit));
    let refused = test(limit);
    assert_eq!(refused[0], limit.to_string());
    let needed: u64 = refused[1].parse().expect("a number");
    assert!((6 * GIB..8 * GIB).contains(&needed), "{needed}");
    let message = refused[2].replace(&needed.to_string(), "NEEDED").replace(&needed.div_ceil(1024).to_string(), "KIB");
    insta::assert_snapshot!(message, @"plugins cannot be run: the process may use 3221225472 bytes of addresses (RLIMIT_AS), and the sandbox needs a limit of NEEDED bytes: raise the limit (`ulimit -v KIB` or unlimited; LimitAS= in systemd)");
    assert!(test(needed)[0].contains("verdicts"));
}

/// Returns the component of a plugin with a second memory, in a module of its own.
fn with_second_memory() -> Vec<u8> {
    let core = Artifact::new(Path::new("plugin.wasm"), text_plugin::Plugin::default().core());
    let mut component = super::sandbox(Limits::default()).componentize(&core).expect("a component");
    let payloads = Parser::new(0).parse_all(&component).map(|payload| payload.expect("valid"));
    let modules = payloads.filter(|payload| matches!(payload, Payload::ModuleSection { .. })).count();
    let module = wat::parse_str("(module (memory 1))").expect("right");
    let instance = [1, 0, u8::try_from(modules).expect("few"), 0];
    for (id, section) in [(1, &module[..]), (2, &instance)] {
        component.extend([id, u8::try_from(section.len()).expect("short")]);
        component.extend(section);
    }
    component
}

#[test]
fn a_plugin_with_more_memories_than_the_pool_cannot_be_run_on_this_host() {
    if is_child() {
        let plugin = Artifact::new(Path::new("plugin.wasm"), with_second_memory());
        let loaded = super::sandbox(Limits::default()).load("hostile", &plugin, &Grants::default());
        return report(loaded.map_or_else(|error| error.to_string(), |detector| detector.manifest.name));
    }
    let test =
        |limit| run_child("a_plugin_with_more_memories_than_the_pool_cannot_be_run_on_this_host", &addresses(limit));
    assert_eq!(test(11 * GIB), ["hostile"]);
    insta::assert_snapshot!(test(7 * GIB).join("\n"), @"plugin.wasm: `describe` failed: cannot be run: the process may use too few addresses (RLIMIT_AS) for all memories of the plugin: raise the limit (`ulimit -v`; LimitAS= in systemd) (temporary failure; the next run tries again)");
}

#[test]
fn a_load_without_a_thread_is_tried_again() {
    if is_child() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Some(directory.path().join("compiled"));
        let sandbox = Sandbox::new(Limits::default(), cache, Isolation::InProcess).expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), text_plugin::Plugin::default().core());
        // Less than the stack of the thread.
        leave(Resource::As, "VmSize:", 8 << 20);
        let error = sandbox.load("hostile", &plugin, &Grants::default()).err().expect("no thread");
        unlimit(Resource::As);
        assert!(error.is_transient());
        report(error);
        let prospect = sandbox.prospect("hostile", &plugin);
        let Prospect::Retried(failure) = &prospect else { panic!("{prospect:?}") };
        report(prospect.to_string().replace(&format!("{:.0}", failure.at), "TIME"));
        assert!(sandbox.load("hostile", &plugin, &Grants::default()).is_ok());
        assert_eq!(sandbox.prospect("hostile", &plugin), Prospect::Runs);
        return;
    }
    let results = run_child("a_load_without_a_thread_is_tried_again", "true");
    insta::assert_snapshot!(results.join("\n"), @"
    plugin.wasm: cannot be compiled: a thread cannot be started (Resource temporarily unavailable (os error 11)): raise the limit of threads (`ulimit -u`, pids.max), or stop other processes (temporary failure; the next run tries again)
    the last run could not load the plugin (cannot be compiled: a thread cannot be started (Resource temporarily unavailable (os error 11)): raise the limit of threads (`ulimit -u`, pids.max), or stop other processes; at TIME): the next run tries again
    ");
}

/// A plugin that continued with less memory would return another result than on a machine with memory.
#[test]
fn memory_refused_by_the_system_is_not_a_fault_of_the_plugin() {
    if is_child() {
        let detector = Misbehaving::new().load(Limits::default());
        leave(Resource::Data, "VmData:", 40 << 20);
        let outcome = detector.fit(&context(r#"{"mode": "memory-growth", "phase": "fit"}"#), &[series("d/p/s", 30)]);
        unlimit(Resource::Data);
        let failure = outcome.results.into_iter().next().expect("one result").expect_err("no memory");
        assert!(matches!(failure, Failure::Call { error: CallError::Host(_), .. }), "{failure}");
        assert!(failure.is_transient());
        return report(failure);
    }
    let results = run_child("memory_refused_by_the_system_is_not_a_fault_of_the_plugin", "true");
    insta::assert_snapshot!(results.join("\n"), @"plugin `misbehaving`, rule `watch`, series `d/p/s`: cannot be run: Cannot allocate memory (os error 12): free memory, or raise the limits of the process (`ulimit -a`)");
}

#[test]
fn a_compiler_without_memory_is_not_a_fault_of_the_plugin() {
    if is_child() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("compiler");
        let script = "#!/bin/sh\ncat > /dev/null\necho memory allocation of 9 bytes failed >&2\nkill -ABRT $$\n";
        std::fs::write(&program, script).expect("written");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("set");
        let limits = Limits { compile_memory_bytes: 16 * GIB, ..Limits::default() };
        let sandbox =
            Sandbox::new(limits, None, Isolation::Processes { program, requires_jail: false }).expect("a sandbox");
        let plugin = Artifact::new(Path::new("plugin.wasm"), text_plugin::Plugin::default().core());
        let error = sandbox.load("hostile", &plugin, &Grants::default()).err().expect("no memory");
        assert!(matches!(error.fault, LoadFault::Compile(_)) && error.is_transient());
        return report(error);
    }
    let results = run_child("a_compiler_without_memory_is_not_a_fault_of_the_plugin", &addresses(8 * GIB));
    insta::assert_snapshot!(results.join("\n"), @"plugin.wasm: cannot be compiled: memory ran out, and the machine has no room for the 17179869184 bytes of plugins.limits.compile_memory_bytes: free memory, or raise the limit of addresses (`ulimit -v`) (temporary failure; the next run tries again)");
}
