//! The jail of a worker and of the compiler: limits of the kernel on a process that reads or runs the bytes of a plugin.
//!
//! Code that escapes the engine finds an empty environment, no file, no network and no other process. Landlock refuses
//! files, TCP connections and, from version 6 on, signals. seccomp refuses every system call outside a short list. Where the kernel has
//! only one of them, the other still applies.

use std::collections::BTreeMap;
use std::io;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetStatus,
    Scope,
};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getpid, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};
use serde::{Deserialize, Serialize};

/// The parts of the jail that the kernel enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jail {
    /// Landlock of version 4 or later: no files, no TCP connections.
    pub landlock: bool,
    /// seccomp: no system calls outside the list.
    pub seccomp: bool,
}

impl Jail {
    /// Describes the missing parts of the jail; nothing for a whole jail.
    pub fn missing(self) -> Option<String> {
        let missing = match self {
            Self { landlock: true, seccomp: true } => return None,
            Self { landlock: false, seccomp: false } => "neither Landlock (version 4 or later) nor seccomp",
            Self { landlock: false, seccomp: true } => "no Landlock (version 4 or later)",
            Self { landlock: true, seccomp: false } => "no seccomp",
        };
        Some(format!(
            "the kernel has {missing} for the jail of detectors: use Linux 6.7 or later with both enabled; with `jail = \"required\"` under [plugins], no detector runs without both"
        ))
    }
}

/// The new threads that a jailed process may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    Refused,
    /// For the compiler, which translates functions in parallel.
    Allowed,
}

/// The Landlock version with every right that costwarden refuses. An older kernel refuses the rights that it knows.
const LANDLOCK: ABI = ABI::V6;
/// The least Landlock version that counts as a jail: files and network connections.
const LEAST_LANDLOCK: ABI = ABI::V4;

/// System calls for memory, for the open files and for the end of the process.
const SYSTEM_CALLS: [i64; 30] = [
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_memfd_create,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_write,
    libc::SYS_writev,
];
/// Further system calls of a process that starts threads.
const THREAD_CALLS: [i64; 4] =
    [libc::SYS_clone3, libc::SYS_rseq, libc::SYS_sched_getaffinity, libc::SYS_set_robust_list];

/// Closes every file but standard input, output and error. The process may have inherited open files, e.g. from a shell.
#[expect(unsafe_code, reason = "the standard library cannot close a file without an owner")]
pub(crate) fn close_files() -> io::Result<()> {
    const FIRST: libc::c_uint = 3;
    // SAFETY: the process has just started, and no code owns one of these files.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) };
    if closed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ends this process with its parent.
pub(crate) fn end_with_parent() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(Resource::Core, 0)
}

/// Hides the memory of this process from other processes of the user.
pub(crate) fn hide_memory() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Lowers a limit of this process for ever. A lower inherited limit is kept.
pub(crate) fn limit(resource: Resource, value: u64) -> io::Result<()> {
    limit_softly(resource, value, value)
}

/// Lowers a limit of this process. The process gets a signal at the soft limit, and is killed at the hard limit.
pub(crate) fn limit_softly(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let inherited = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    setrlimit(resource, Rlimit { current: Some(soft.min(inherited)), maximum: Some(hard.min(inherited)) })?;
    Ok(())
}

/// Refuses files, TCP connections and signals to this thread and the threads that it starts, as far as the kernel can.
/// Returns true if the kernel refuses at least files and connections.
pub(crate) fn refuse_files() -> bool {
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|rules| rules.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    restricted.is_ok_and(|status| match status.ruleset {
        RulesetStatus::FullyEnforced => true,
        RulesetStatus::PartiallyEnforced => is_at_least(status.landlock),
        RulesetStatus::NotEnforced => false,
    })
}

fn is_at_least(status: landlock::LandlockStatus) -> bool {
    matches!(status, landlock::LandlockStatus::Available { effective_abi, .. } if effective_abi >= LEAST_LANDLOCK)
}

/// Refuses all system calls outside the list to every thread of this process. A refused call fails with EPERM. Returns
/// true if the kernel enforces the list.
pub(crate) fn refuse_system_calls(threads: Threads) -> bool {
    let programs = match threads {
        Threads::Refused => vec![allow_list(threads)],
        // Without `clone3`, the C library starts a thread with `clone`, which shows its flags to seccomp. The list comes last,
        // because the list refuses further filters.
        Threads::Allowed => vec![without_clone3(), allow_list(threads)],
    };
    programs.into_iter().all(|program| program.is_some_and(|program| apply_filter_all_threads(&program).is_ok()))
}

fn allow_list(threads: Threads) -> Option<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = SYSTEM_CALLS.iter().map(|call| (*call, Vec::new())).collect();
    // `abort` sends a signal to its own process.
    let own = u64::from(getpid().as_raw_nonzero().get().unsigned_abs());
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, own)?]);
    if threads == Threads::Allowed {
        rules.extend(THREAD_CALLS.iter().map(|call| (*call, Vec::new())));
        let thread = libc::CLONE_THREAD.unsigned_abs().into();
        rules.insert(libc::SYS_clone, vec![rule(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    }
    compiled(rules, SeccompAction::Errno(libc::EPERM.unsigned_abs()), SeccompAction::Allow)
}

fn without_clone3() -> Option<BpfProgram> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    compiled(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.unsigned_abs()))
}

fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> Option<SeccompRule> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).ok()?;
    SeccompRule::new(vec![condition]).ok()
}

fn compiled(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matching: SeccompAction,
) -> Option<BpfProgram> {
    let architecture = std::env::consts::ARCH.try_into().ok()?;
    SeccompFilter::new(rules, otherwise, matching, architecture).ok()?.try_into().ok()
}
