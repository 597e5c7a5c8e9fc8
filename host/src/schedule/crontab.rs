//! The crontab of a user: only a marked block belongs to costwarden, and every other byte stays unchanged.

use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;

use super::{Change, LOCK_SECONDS, Plan, REPORT_HOUR, Task, WeeklyReport, text, zone_name};

/// The marks around the block of an account.
struct Marks {
    begin: String,
    end: String,
}

impl Marks {
    fn of(account: &str) -> Self {
        Self { begin: format!("# BEGIN costwarden {account}"), end: format!("# END costwarden {account}") }
    }
}

/// Text before the path of the log in the command of a job; [`LOG_END`] is the text after.
const LOG: &str = " --json >>";
const LOG_END: &str = " 2>&1";

/// Minimum command length accepted by the cron daemons of Debian and Red Hat.
const LONGEST_COMMAND: usize = 990;

/// The program `crontab`, for the table of a user.
#[derive(Debug, Clone)]
pub(crate) struct Crontab {
    /// `None` means the current user.
    pub(crate) user: Option<String>,
}

impl Crontab {
    /// Returns the table; empty if the user has no table.
    ///
    /// # Errors
    /// The program cannot be run, or the answer is neither a table nor "no crontab".
    pub(crate) fn read(&self) -> Result<String, CrontabError> {
        let output = self.run(&["-l"], None)?;
        if output.status.success() {
            return String::from_utf8(output.stdout).map_err(|_| CrontabError::NotText { table: self.name() });
        }
        // Any other answer may hide a table, and writing would delete the table.
        if String::from_utf8_lossy(&output.stderr).trim_start().starts_with("no crontab for") {
            return Ok(String::new());
        }
        Err(self.refused("read", &output))
    }

    /// Replaces the block of an account in the table, or appends the block.
    ///
    /// # Errors
    /// The marks in the table are broken, or the program rejects the table.
    pub(crate) fn install(&self, account: &str, block: &str) -> Result<Change, CrontabError> {
        self.change(|table| with(table, account, block))
    }

    /// Removes the block of an account from the table.
    ///
    /// # Errors
    /// The same as for [`Crontab::install`].
    pub(crate) fn remove(&self, account: &str) -> Result<Change, CrontabError> {
        self.change(|table| without(table, account))
    }

    fn change(&self, edit: impl FnOnce(&str) -> Result<String, CrontabError>) -> Result<Change, CrontabError> {
        let before = self.read()?;
        let after = edit(&before)?;
        if after == before {
            return Ok(Change::Unchanged);
        }
        // `-r` for an empty table restores the state before the installation.
        let output = if after.is_empty() { self.run(&["-r"], None)? } else { self.run(&["-"], Some(&after))? };
        if !output.status.success() {
            return Err(self.refused("write", &output));
        }
        // Read back: another process may have written at the same time.
        if self.read()? == after { Ok(Change::Written) } else { Err(CrontabError::Other { table: self.name() }) }
    }

    fn run(&self, args: &[&str], input: Option<&str>) -> Result<Output, CrontabError> {
        let mut command = Command::new("crontab");
        if let Some(user) = &self.user {
            command.args(["-u", user]);
        }
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        // `read` matches an English message.
        command.args(args).env("LC_ALL", "C").stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |why: std::io::Error| CrontabError::Program { why };
        let mut child = command.spawn().map_err(failed)?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // A program that ends without reading reports the reason on standard error.
            drop(stdin.write_all(input.as_bytes()));
        }
        child.wait_with_output().map_err(failed)
    }

    fn name(&self) -> String {
        self.user.as_ref().map_or_else(|| "this user's crontab".to_owned(), |user| format!("the crontab of {user}"))
    }

    fn refused(&self, action: &'static str, output: &Output) -> CrontabError {
        let message = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        let message = if message.is_empty() { output.status.to_string() } else { message };
        CrontabError::Refused { action, table: self.name(), message }
    }
}

/// Returns the block for a plan.
///
/// # Errors
/// A path contains characters not allowed in a crontab, or a command is too long.
pub(crate) fn block(plan: &Plan, now: Timestamp) -> Result<String, CrontabError> {
    let marks = Marks::of(&plan.account);
    let mut lines = vec![
        marks.begin,
        "# Written by `costwarden schedule install`, which overwrites this block. All other lines stay unchanged."
            .to_owned(),
        format!(
            "# The bill's day begins at 00:00 {}; the minutes below are {}. A completed day or hour is not repeated.",
            zone_name(&plan.zone),
            zone_name(&plan.local)
        ),
    ];
    // A zone with a clock change of half an hour needs lines for each of two minutes. The daily job starts every hour,
    // because an outage or a late bill at midnight must not delay the day by 24 hours.
    for minute in plan.local_minutes(now) {
        for task in [Task::Daily, Task::Hourly] {
            lines.push(format!("{minute} * * * * {}", command(plan, task)?));
        }
    }
    lines.push(format!("*/5 * * * * {}", command(plan, Task::Health)?));
    if plan.weekly_report == WeeklyReport::Archived {
        lines.push(format!("{} {REPORT_HOUR} * * 1 {}", plan.minute, command(plan, Task::Report)?));
    }
    lines.push(marks.end);
    Ok(lines.join("\n") + "\n")
}

/// Returns the command of a task. A job waits for the lock, so the daily and the hourly job of the same minute run one
/// after another. The health check has no lock; a change of the health goes to the system log.
fn command(plan: &Plan, task: Task) -> Result<String, CrontabError> {
    let quoted = |path: PathBuf| match text(&path) {
        Some(text) => Ok(quote(text)),
        None => Err(CrontabError::Path { path }),
    };
    let costwarden = format!("{} --config {}", quoted(plan.program.clone())?, quoted(plan.config.clone())?);
    let arguments = match task {
        Task::Report => "report --archive --causes --try incidents",
        _ => task.as_str(),
    };
    let command = match task {
        Task::Daily | Task::Hourly | Task::Report => {
            let (lock, log) = (quoted(plan.lock())?, quoted(plan.log_dir.join("costwarden.log"))?);
            format!("flock -F -w {LOCK_SECONDS} {lock} {costwarden} {arguments}{LOG}{log}{LOG_END}")
        }
        Task::Health => {
            format!(
                "s=$({costwarden} health --brief --changes 2>&1); [ -z \"$s\" ] || logger -t costwarden -p user.err -- \"$s\""
            )
        }
    };
    // A bare `%` ends the command in a crontab.
    let command = command.replace('%', "\\%");
    if command.len() > LONGEST_COMMAND {
        return Err(CrontabError::Long { task: task.as_str(), length: command.len() });
    }
    Ok(command)
}

/// Quotes an argument for the shell, if necessary.
fn quote(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Returns the block of an account in a table.
///
/// # Errors
/// The marks of the block are broken.
pub(crate) fn installed<'t>(table: &'t str, account: &str) -> Result<Option<&'t str>, CrontabError> {
    Ok(find(table, account)?.map(|range| &table[range]))
}

/// Returns the path of the log in a block.
pub(crate) fn log_file(block: &str) -> Option<PathBuf> {
    let (_, rest) = block.split_once(LOG)?;
    let (path, _) = rest.split_once(LOG_END)?;
    let path = path.replace("\\%", "%");
    let quoted = path.strip_prefix('\'').and_then(|path| path.strip_suffix('\''));
    Some(quoted.map_or_else(|| path.clone(), |path| path.replace(r"'\''", "'")).into())
}

fn with(table: &str, account: &str, block: &str) -> Result<String, CrontabError> {
    if let Some(range) = find(table, account)? {
        return Ok(format!("{}{block}{}", &table[..range.start], &table[range.end..]));
    }
    // The block must not continue a last line without a line break.
    let gap = if table.is_empty() || table.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{table}{gap}{block}"))
}

fn without(table: &str, account: &str) -> Result<String, CrontabError> {
    Ok(match find(table, account)? {
        Some(range) => format!("{}{}", &table[..range.start], &table[range.end..]),
        None => table.to_owned(),
    })
}

/// Returns the byte range of the block with both marks. Ambiguous marks are an error.
fn find(table: &str, account: &str) -> Result<Option<Range<usize>>, CrontabError> {
    let Marks { begin, end } = Marks::of(account);
    let marks = |line, found: &str, missing: &str| {
        Err(CrontabError::Marks { line, found: found.to_owned(), missing: missing.to_owned() })
    };
    let mut begun = None;
    let mut found = None;
    let mut offset = 0;
    for (index, line) in table.split_inclusive('\n').enumerate() {
        let (number, start) = (index + 1, offset);
        offset += line.len();
        let line = line.trim();
        match begun {
            Some((first, _)) if line == begin => return marks(first, &begin, &end),
            None if line == begin && found.is_some() => return Err(CrontabError::Twice { line: number }),
            None if line == begin => begun = Some((number, start)),
            None if line == end => return marks(number, &end, &begin),
            Some((_, first)) if line == end => (found, begun) = (Some(first..offset), None),
            _ => {}
        }
    }
    match begun {
        Some((line, _)) => marks(line, &begin, &end),
        None => Ok(found),
    }
}

/// An error of reading or changing a crontab. The crontab is unchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CrontabError {
    #[error("cannot run `crontab` ({why}): install cron, or use --systemd")]
    Program { why: std::io::Error },
    #[error("`crontab` did not {action} {table}: {message}")]
    Refused { action: &'static str, table: String, message: String },
    #[error("{table} is not UTF-8: nothing was changed; see `crontab -l`")]
    NotText { table: String },
    #[error(
        "{table} differs from the written text: another process changed the crontab at the same time; see `crontab -l`, and try again"
    )]
    Other { table: String },
    #[error(
        "line {line} of the crontab is `{found}` without the matching `{missing}`: nothing was changed; restore the line, or remove the rest of the block, with `crontab -e`"
    )]
    Marks { line: usize, found: String, missing: String },
    #[error(
        "line {line} of the crontab begins a second block of the account: nothing was changed; remove one of the two blocks with `crontab -e`"
    )]
    Twice { line: usize },
    #[error("{path:?} is invalid in a crontab: expected UTF-8 without control characters")]
    Path { path: PathBuf },
    #[error("the command of {task} would have {length} characters, cron takes {LONGEST_COMMAND}: use shorter paths")]
    Long { task: &'static str, length: usize },
}

#[cfg(test)]
pub(in crate::schedule) mod tests;
