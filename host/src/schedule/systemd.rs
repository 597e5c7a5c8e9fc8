//! Services and timers of systemd. The units are written to a folder here; the operator enables and starts the units.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Change, LOCK_SECONDS, Plan, REPORT_HOUR, Task, text, zone_name};

/// First line of every unit written by costwarden. Only files with the line are replaced.
const MARK: &str =
    "# Written by `costwarden schedule install --systemd`, which overwrites this file; put changes into a drop-in.\n";

/// A unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Returns a service and a timer for each task.
///
/// # Errors
/// A path contains characters not allowed in a unit.
pub(crate) fn units(plan: &Plan) -> Result<Vec<Unit>, UnitError> {
    let mut units = Vec::new();
    for task in plan.tasks() {
        let name = |kind| unit_name(&plan.account, task, kind);
        units.push(Unit { name: name(UnitKind::Service), text: service(plan, task)? });
        units.push(Unit { name: name(UnitKind::Timer), text: timer(plan, task) });
    }
    Ok(units)
}

/// The kind of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitKind {
    Service,
    Timer,
}

/// Returns the name of a unit. Only another account than `default` is part of the name.
pub(crate) fn unit_name(account: &str, task: Task, kind: UnitKind) -> String {
    let extension = match kind {
        UnitKind::Service => "service",
        UnitKind::Timer => "timer",
    };
    let account = if account == "default" { String::new() } else { format!("{account}-") };
    format!("costwarden-{account}{}.{extension}", task.as_str())
}

/// Returns the paths of the installed units of an account in a folder.
///
/// # Errors
/// A unit cannot be read, or was not written by costwarden.
pub(crate) fn written(folder: &Path, account: &str) -> Result<Vec<PathBuf>, UnitError> {
    let mut found = Vec::new();
    for task in Task::ALL {
        for kind in [UnitKind::Service, UnitKind::Timer] {
            let path = folder.join(unit_name(account, task, kind));
            if ours(&path)?.is_some() {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// Writes missing and changed units, and removes further units of the account. Nothing is written if any unit is foreign.
///
/// # Errors
/// A unit was not written by costwarden, or cannot be written.
pub(crate) fn write(folder: &Path, account: &str, units: &[Unit]) -> Result<Change, UnitError> {
    let mut further = written(folder, account)?;
    further.retain(|path| !units.iter().any(|unit| path.ends_with(&unit.name)));
    // Every unit is checked before the first is written.
    let mut due = Vec::new();
    for unit in units {
        let path = folder.join(&unit.name);
        if ours(&path)?.as_ref() != Some(&unit.text) {
            due.push((path, &unit.text));
        }
    }
    for (path, text) in &due {
        let failed = |why| UnitError::File { action: "write", path: path.clone(), why };
        // Atomic: systemd may read the file at any time.
        let mut file = tempfile::Builder::new().permissions(mode()).tempfile_in(folder).map_err(failed)?;
        io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
    }
    for path in &further {
        fs::remove_file(path).map_err(|why| UnitError::File { action: "remove", path: path.clone(), why })?;
    }
    Ok(if due.is_empty() && further.is_empty() { Change::Unchanged } else { Change::Written })
}

/// Removes the units.
///
/// # Errors
/// A unit was not written by costwarden, or cannot be removed.
pub(crate) fn remove(folder: &Path, account: &str) -> Result<Change, UnitError> {
    let found = written(folder, account)?;
    for path in &found {
        fs::remove_file(path).map_err(|why| UnitError::File { action: "remove", path: path.clone(), why })?;
    }
    Ok(if found.is_empty() { Change::Unchanged } else { Change::Written })
}

fn mode() -> fs::Permissions {
    // Temporary files have mode 0600; units are readable by all users.
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

/// Returns the text of a unit written by costwarden; `None` without a file.
fn ours(path: &Path) -> Result<Option<String>, UnitError> {
    match fs::read_to_string(path) {
        Ok(text) if text.starts_with(MARK) => Ok(Some(text)),
        Ok(_) => Err(UnitError::Foreign { path: path.to_owned() }),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(UnitError::File { action: "read", path: path.to_owned(), why }),
    }
}

fn timer(plan: &Plan, task: Task) -> String {
    let (minute, zone) = (plan.minute, zone_name(&plan.zone));
    // `Persistent`: systemd starts a missed job after boot. A missed health check needs no repetition.
    let when = match task {
        Task::Daily | Task::Hourly => format!("OnCalendar=*-*-* *:{minute:02}:00 {zone}\nPersistent=true\n"),
        Task::Health => "OnCalendar=*:0/5\n".to_owned(),
        Task::Report => format!("OnCalendar=Mon *-*-* {REPORT_HOUR:02}:{minute:02}:00 {zone}\nPersistent=true\n"),
    };
    let description = match task {
        Task::Daily => "Start costwarden daily every hour; a completed day is not repeated",
        Task::Hourly => "Start costwarden hourly",
        Task::Health => "Check the health of costwarden every five minutes",
        Task::Report => "Store the weekly cost report in the archive",
    };
    format!(
        "{MARK}[Unit]\nDescription={description}\nDocumentation=man:costwarden(1)\n\n[Timer]\n{when}AccuracySec=5s\n\n\
         [Install]\nWantedBy=timers.target\n"
    )
}

fn service(plan: &Plan, task: Task) -> Result<String, UnitError> {
    let quoted = |path: PathBuf| match text(&path) {
        Some(text) => Ok(quote(text)),
        None => Err(UnitError::Path { path }),
    };
    let program = format!("{} --config {}", quoted(plan.program.clone())?, quoted(plan.config.clone())?);
    let lock = quoted(plan.lock())?;
    let (description, start, timeout) = match task {
        Task::Daily => ("Ingest and evaluate finished days of the bill, and notify", "daily --json", "6h"),
        Task::Hourly => ("Ingest and evaluate the bill of today so far", "hourly --json", "2h"),
        Task::Health => ("Check the health of costwarden", "health --brief --changes", "4min"),
        Task::Report => (
            "Store the cost report of the last 90 days in the archive",
            "report --archive --causes --try incidents --json",
            "1h",
        ),
    };
    // With `-F` no flock process stands between systemd and the job.
    let start = match task {
        Task::Health => format!("{program} {start}"),
        Task::Daily | Task::Hourly | Task::Report => {
            format!("/usr/bin/flock -F -w {LOCK_SECONDS} {lock} {program} {start}")
        }
    };
    // systemd creates the folder, with the unit's user as the owner.
    let state = match plan.state_dir.strip_prefix("/var/lib").ok().and_then(text) {
        Some(state) if !state.is_empty() => format!("StateDirectory={}\n", quote(state)),
        _ => String::new(),
    };
    let mut writable = vec![plan.state_dir.clone()];
    // A folder below the state directory is writable already.
    writable.extend(plan.writable.iter().filter(|path| !path.starts_with(&plan.state_dir)).cloned());
    writable.dedup();
    // `-` accepts a folder that does not exist yet.
    let writable = writable.into_iter().map(|path| Ok(format!("ReadWritePaths=-{}\n", quoted(path)?)));
    let writable = writable.collect::<Result<String, UnitError>>()?;
    // `ProtectHome=yes` would hide a program, a config or a folder below a home.
    let is_home = |path: &PathBuf| ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home));
    let paths = [&plan.program, &plan.config, &plan.state_dir].into_iter().chain(&plan.writable);
    let home = if paths.into_iter().any(is_home) { "read-only" } else { "yes" };
    let user = &plan.user;
    Ok(format!(
        "{MARK}[Unit]\nDescription={description}\nDocumentation=man:costwarden(1)\nWants=network-online.target\n\
         After=network-online.target\n\n[Service]\nType=oneshot\nUser={user}\nExecStart={start}\n\
         TimeoutStartSec={timeout}\nTimeoutStopSec=5min\nSyslogIdentifier=costwarden\nUMask=0027\n\n{state}{writable}\
         ProtectHome={home}\n{HARDENING}"
    ))
}

const HARDENING: &str = "\
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
# The jail of detectors.
SystemCallFilter=landlock_create_ruleset landlock_restrict_self seccomp
SystemCallErrorNumber=EPERM
# MemoryDenyWriteExecute must stay off: detectors are compiled to machine code, which is executable after it was written.
";

/// Quotes an argument for systemd: specifiers, variables and blanks stay literal.
fn quote(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    if text.contains([' ', '\'', '"', '\\', ';']) { format!("\"{text}\"") } else { text }
}

/// An error of writing or reading units.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnitError {
    #[error(
        "cannot {action} {path}: {why}; check that the folder exists and is writable, or name another folder with --dir"
    )]
    File { action: &'static str, path: PathBuf, why: io::Error },
    #[error(
        "{path} was not written by `costwarden schedule`: nothing was changed; move the file away first, or name another folder with --dir"
    )]
    Foreign { path: PathBuf },
    #[error("{path:?} is invalid in a unit: expected UTF-8 without control characters")]
    Path { path: PathBuf },
}

#[cfg(test)]
mod tests;
