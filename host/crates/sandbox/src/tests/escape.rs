//! A rehearsed escape: native code in a worker tries to leave the jail. The worker is this test program, started again.

use std::env;
use std::fs::{self, Permissions};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
use text_plugin::Plugin;

use super::{Artifact, Grants, Isolation, Limits, Sandbox, context, series};
use crate::jail::Jail;
use crate::worker::{WorkerOptions, serve_in_jail};

/// The variables of a worker in a test: the files of the rehearsal, an inherited file, the address of a server, and the behaviour
/// after a success.
const FOLDER: &str = "COSTWARDEN_TEST_FOLDER";
const INHERITED: &str = "COSTWARDEN_TEST_INHERITED";
const ADDRESS: &str = "COSTWARDEN_TEST_ADDRESS";
const STRICT: &str = "COSTWARDEN_TEST_STRICT";
/// Exit code of a worker in which an attempt succeeded, and of a worker that only shows that it runs the rehearsal.
const ESCAPED: i32 = 77;
const REHEARSED: i32 = 78;

/// The targets of the attempts, written by the test.
struct Targets {
    folder: PathBuf,
    inherited: RawFd,
    address: String,
}

/// A way out of the jail.
struct Attempt {
    name: &'static str,
    succeeds: fn(&Targets) -> bool,
}

const ATTEMPTS: [Attempt; 13] = [
    Attempt { name: "read a secret file", succeeds: |targets| fs::read(targets.folder.join("secret")).is_ok() },
    Attempt { name: "write a file", succeeds: |targets| fs::write(targets.folder.join("written"), "x").is_ok() },
    Attempt { name: "list a folder", succeeds: |targets| fs::read_dir(&targets.folder).is_ok() },
    Attempt { name: "remove a file", succeeds: |targets| fs::remove_file(targets.folder.join("removable")).is_ok() },
    Attempt {
        name: "read the memory of the parent",
        succeeds: |targets| fs::File::open(format!("/proc/{}/mem", targets.parent())).is_ok(),
    },
    Attempt { name: "read the memory of the parent by a system call", succeeds: Targets::can_read_memory },
    Attempt {
        name: "read the environment of costwarden",
        // Cargo sets the variable for the test, and the test sets no variable for the worker.
        succeeds: |targets| {
            env::var_os("CARGO_MANIFEST_DIR").is_some()
                || fs::read(format!("/proc/{}/environ", targets.parent())).is_ok()
        },
    },
    Attempt { name: "use a file that costwarden has open", succeeds: Targets::can_use_inherited_file },
    Attempt {
        name: "take a file of the parent",
        succeeds: |targets| pidfd_open(targets.parent_id(), PidfdFlags::empty()).is_ok(),
    },
    Attempt { name: "signal the parent", succeeds: |targets| test_kill_process(targets.parent_id()).is_ok() },
    Attempt { name: "connect to a server", succeeds: |targets| TcpStream::connect(&targets.address).is_ok() },
    Attempt { name: "open a socket", succeeds: |_| UnixDatagram::unbound().is_ok() },
    Attempt { name: "start a process", succeeds: |_| Command::new("/bin/true").spawn().is_ok() },
];

impl Targets {
    /// Returns whether the system call is allowed. The address may be unknown to the parent.
    #[expect(unsafe_code, reason = "the attempt of native code")]
    fn can_read_memory(&self) -> bool {
        let mut byte = 0_u8;
        let local = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let remote = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        // SAFETY: both lists have one element, and the local element is a byte of this function.
        let read = unsafe { libc::process_vm_readv(self.parent(), &raw const local, 1, &raw const remote, 1, 0) };
        read == 1 || io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
    }

    #[expect(unsafe_code, reason = "the attempt of native code")]
    fn can_use_inherited_file(&self) -> bool {
        // SAFETY: the call reads the flags of a number, and a closed number gives an error.
        unsafe { libc::fcntl(self.inherited, libc::F_GETFD) != -1 }
    }

    fn parent_id(&self) -> Pid {
        let id = self.folder.file_name().and_then(|name| name.to_str()?.parse().ok());
        id.and_then(Pid::from_raw).expect("the folder has the name of the process")
    }

    fn parent(&self) -> i32 {
        self.parent_id().as_raw_nonzero().get()
    }

    /// Returns the names of the attempts that succeed.
    fn successes(&self) -> Vec<&'static str> {
        ATTEMPTS.iter().filter(|attempt| (attempt.succeeds)(self)).map(|attempt| attempt.name).collect()
    }
}

/// The worker: does nothing unless the other test starts it.
#[test]
fn worker() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let is_strict = env::var_os(STRICT).is_some();
    let text = |name| env::var(name).expect("set by the script");
    let inherited = text(INHERITED).parse().expect("a number");
    let targets = Targets { folder: folder.into(), inherited, address: text(ADDRESS) };
    let options = WorkerOptions { stack_bytes: Limits::default().stack_bytes, data_bytes: 1 << 30 };
    let rehearsal = move || {
        let successes = targets.successes();
        if !successes.is_empty() {
            process::exit(ESCAPED);
        }
        if is_strict {
            process::exit(REHEARSED);
        }
    };
    // The parent closes the socket at the end of its test.
    let _ = serve_in_jail(options, rehearsal);
    process::exit(0);
}

/// Returns a script that starts this test program as a worker.
fn worker_script(targets: &Targets, strict: &str) -> PathBuf {
    let program = env::current_exe().expect("the test program");
    let Targets { folder, inherited, address } = targets;
    let script = folder.join(format!("worker{strict}"));
    let variables = format!("{FOLDER}={} {INHERITED}={inherited} {ADDRESS}={address} {strict}", folder.display());
    let program = program.display();
    let text = format!(
        "#!/bin/sh\nexec env {variables} {program} --exact tests::escape::worker --nocapture --test-threads 1\n"
    );
    fs::write(&script, text).expect("written");
    fs::set_permissions(&script, Permissions::from_mode(0o700)).expect("set");
    script
}

#[test]
fn code_that_escapes_the_engine_stays_in_the_jail() {
    if env::var_os(FOLDER).is_some() {
        return;
    }
    let parent = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let open_file = fs::File::open("/dev/null").expect("opened");
    // As a shell or a service manager may leave a file open for all processes.
    fcntl_setfd(&open_file, FdFlags::empty()).expect("inherited by processes");
    let targets = Targets {
        folder: parent.path().join(process::id().to_string()),
        inherited: open_file.as_raw_fd(),
        address: listener.local_addr().expect("bound").to_string(),
    };
    let prepare = || {
        fs::create_dir_all(&targets.folder).expect("created");
        fs::write(targets.folder.join("secret"), "secret").expect("written");
        fs::write(targets.folder.join("removable"), "x").expect("written");
    };
    prepare();
    let names: Vec<_> = ATTEMPTS.iter().map(|attempt| attempt.name).collect();
    assert_eq!(targets.successes(), names, "every attempt succeeds outside a jail");
    prepare();
    fs::remove_file(targets.folder.join("written")).expect("removed");

    let plugin = Artifact::new(Path::new("plugin.wasm"), Plugin::default().core());
    let fits = |isolation: Isolation| {
        let compiled = parent.path().join("compiled");
        // The library compiles in this process, so that the program needs to be only a worker.
        let cached = Sandbox::new(Limits::default(), Some(compiled.clone()), Isolation::InProcess).expect("a sandbox");
        cached.load("hostile", &plugin, &Grants::default()).expect("loads");
        let sandbox = Sandbox::new(Limits::default(), Some(compiled), isolation).expect("a sandbox");
        let detector = sandbox.load("hostile", &plugin, &Grants::default()).expect("loads from the cache");
        let outcome = detector.fit(&context("{}"), &[series("d/p/s", 9)]);
        (sandbox.jail(), format!("{outcome:?}"))
    };
    let jailed = |strict: &str| Isolation::Processes { program: worker_script(&targets, strict), requires_jail: false };
    let (_, rehearsed) = fits(jailed(&format!("{STRICT}=1")));
    assert!(rehearsed.contains(&format!("ended with exit code {REHEARSED}")), "{rehearsed}");
    let (jail, outcome) = fits(jailed(""));
    assert_eq!(jail, Some(Jail { landlock: true, seccomp: true }));
    assert_eq!(outcome, fits(Isolation::InProcess).1, "no attempt succeeds, and the result is the same");
    assert!(!targets.folder.join("written").exists() && targets.folder.join("removable").exists());
}

/// The worker reports that the kernel has seccomp only.
#[test]
fn a_required_jail_refuses_a_kernel_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("worker");
    fs::write(&program, "#!/bin/sh\nprintf '\\2\\0\\0\\0\\0\\1' >&0\nexec cat\n").expect("written");
    fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("set");
    let plugin = Artifact::new(Path::new("plugin.wasm"), Plugin::default().core());
    let load = |isolation| {
        let compiled = Some(folder.path().join("compiled"));
        let sandbox = Sandbox::new(Limits::default(), compiled, isolation).expect("a sandbox");
        sandbox.load("hostile", &plugin, &Grants::default()).map(drop).map_err(|error| error.to_string())
    };
    load(Isolation::InProcess).expect("compiles");
    let refused = load(Isolation::Processes { program, requires_jail: true }).expect_err("refused");
    insta::assert_snapshot!(refused, @r#"plugin.wasm: cannot be run: the kernel has no Landlock (version 4 or later) for the jail of detectors: use Linux 6.7 or later with both enabled; with `jail = "required"` under [plugins], no detector runs without both (temporary failure; the next run tries again)"#);
    let whole = Jail { landlock: true, seccomp: true };
    assert_eq!(whole.missing(), None);
}
