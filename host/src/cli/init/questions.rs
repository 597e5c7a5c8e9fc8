//! The questions for the values of a new config.

use std::io::{BufRead as _, Write as _};

use super::Next;
use super::answers::Answers;

/// The values of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Bill,
    Archive,
    Store,
}

impl Group {
    pub(super) const ALL: [Self; 3] = [Self::Bill, Self::Archive, Self::Store];
}

/// A person at standard input. A question has a default, which an empty line selects.
pub(super) struct Questions {
    /// Whether the introduction is printed.
    introduced: bool,
}

impl Questions {
    pub(super) fn new() -> Self {
        Self { introduced: false }
    }

    /// Asks for the values of a group.
    ///
    /// # Errors
    /// The end of standard input.
    pub(super) fn ask(&mut self, group: Group, answers: &mut Answers) -> anyhow::Result<()> {
        if !std::mem::replace(&mut self.introduced, true) {
            line(
                "An empty line selects the value in brackets. A secret is a reference: env:NAME names an environment",
            )?;
            line("variable, file:PATH a file with mode 600, kakao-secret:ID a secret of Secrets Manager.\n")?;
        }
        match group {
            Group::Bill => {
                question("Name of the billing account", &mut answers.account)?;
                question("Currency of the bill", &mut answers.currency)?;
                question("Language of notifications, ko or en", &mut answers.language)?;
                optional("Address of the billing API", "the API of Kakao Cloud", &mut answers.endpoint)?;
                question("Id of the IAM access key", &mut answers.credential_id)?;
                question("Secret of the IAM access key", &mut answers.credential_secret)
            }
            Group::Archive => {
                optional("Bucket of the archive", "a folder", &mut answers.bucket)?;
                if answers.bucket.is_none() {
                    return Ok(());
                }
                optional("Address of the S3 storage", "Kakao Cloud", &mut answers.s3_endpoint)?;
                question("S3 access key", &mut answers.access_key)?;
                question("Secret of the S3 access key", &mut answers.secret_key)
            }
            Group::Store => {
                optional("Connection string of MongoDB", "an embedded store", &mut answers.mongodb_uri)?;
                if answers.mongodb_uri.is_some() {
                    question("Database", &mut answers.database)?;
                }
                optional("Path of the syslog socket", "standard output", &mut answers.syslog)
            }
        }
    }

    /// Asks for the steps after the files are written. A step on the command line is not asked for.
    pub(super) fn next(&self, backfill: Option<u16>, schedule: bool) -> anyhow::Result<Next> {
        let backfill_days = match backfill {
            None => backfill_days()?,
            days => days,
        };
        Ok(Next { backfill_days, schedule: schedule || is_scheduled()? })
    }
}

/// Asks for the number of past days to load. `None` for none.
fn backfill_days() -> anyhow::Result<Option<u16>> {
    let mut days = "90".to_owned();
    loop {
        question("Number of past days to load now, 0 for none", &mut days)?;
        match days.parse::<u16>() {
            Ok(0) => return Ok(None),
            Ok(parsed) if parsed <= 3660 => return Ok(Some(parsed)),
            _ => line("expected a whole number from 0 to 3660")?,
        }
    }
}

/// Asks for the installation of the jobs.
fn is_scheduled() -> anyhow::Result<bool> {
    line(
        "\nThe jobs start every hour. cron does not know the variables of this shell, so that the values of the env:",
    )?;
    line("references go into the file environment with mode 600.")?;
    let mut answer = "no".to_owned();
    loop {
        question("Install the jobs in the crontab of this user, yes or no", &mut answer)?;
        match answer.as_str() {
            "yes" => return Ok(true),
            "no" => return Ok(false),
            _ => line("expected yes or no")?,
        }
        answer = "no".to_owned();
    }
}

fn question(text: &str, answer: &mut String) -> anyhow::Result<()> {
    if let Some(given) = prompt(text, answer)? {
        *answer = given;
    }
    Ok(())
}

/// Asks for a value that may be missing. `default` describes the effect of a missing value. A `-` removes the value.
fn optional(text: &str, default: &str, answer: &mut Option<String>) -> anyhow::Result<()> {
    let shown = answer.clone().unwrap_or_else(|| default.to_owned());
    match prompt(text, &shown)?.as_deref() {
        None => {}
        Some("-") => *answer = None,
        Some(given) => *answer = Some(given.to_owned()),
    }
    Ok(())
}

/// Prints a question and reads a line. `None` for an empty line.
fn prompt(text: &str, default: &str) -> anyhow::Result<Option<String>> {
    let mut stdout = std::io::stdout();
    write!(stdout, "{text} [{default}]: ")?;
    stdout.flush()?;
    let mut given = String::new();
    let read = std::io::stdin().lock().read_line(&mut given)?;
    anyhow::ensure!(read > 0, "standard input ended before the question {text:?} had an answer; nothing is written");
    let given = given.trim();
    Ok((!given.is_empty()).then(|| given.to_owned()))
}

fn line(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
