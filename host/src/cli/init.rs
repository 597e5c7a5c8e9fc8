//! The command `init`: writes a first config with a rule set, after a trial of the billing API, the archive and the
//! store.
//!
//! The values come from flags, from the settings of the replaced pipeline, or from answers to questions. Nothing is
//! overwritten, and nothing is written before every trial has succeeded.

mod answers;
mod bill;
mod files;
mod questions;
mod replaced_settings;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use jiff::{Timestamp, ToSpan as _};

use self::answers::Answers;
use self::files::Files;
use self::questions::{Group, Questions};
use super::check::{CheckState, Item, online};
use super::present::{self, Form};
use super::{BackfillArgs, demo, environment, jobs, schedule};
use crate::config::{self, Config};
use crate::pipeline::Grade;
use config_file::secret::SecretUse;
use config_file::toml::Diagnostic;
use model::language::Language;
use model::run_id::RunId;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Folder of the new files. No file there is overwritten.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Ask for each value. The default without any other option, if standard input is a terminal.
    #[arg(long)]
    ask: bool,
    /// Take the values from settings.yaml of the replaced pipeline. The secrets go into the file `environment`.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Load this number of past days after the files are written.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3660))]
    backfill: Option<u16>,
    /// Install the jobs in the crontab of this user. The variables of the env: references go into the file `environment`.
    #[arg(long)]
    schedule: bool,
    /// Folder with the bundled plugins.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    #[command(flatten)]
    values: answers::ValueArgs,
}

pub(super) async fn init(args: InitArgs, form: Form, run: RunId, now: Timestamp) -> anyhow::Result<Grade> {
    let folder = std::path::absolute(&args.folder)?;
    let files = Files::new(folder);
    files.check_free()?;
    let plugins = demo::plugins(args.plugins.as_deref())?;
    let asks = args.ask || (args.from.is_none() && args.values.is_empty() && std::io::stdin().is_terminal());
    let mut answers = match &args.from {
        Some(file) => replaced_settings::read(file)?,
        None => Answers::default(),
    };
    answers.apply(args.values);

    let mut questions = asks.then(Questions::new);
    let trial = Trial { files: &files, plugins: &plugins, now };
    for group in Group::ALL {
        if let Some(questions) = &mut questions {
            questions.ask(group, &mut answers)?;
        }
        while let Err(error) = trial.group(group, &answers).await {
            let Some(questions) = &mut questions else { return Err(error) };
            present::complaint(tracing::Level::ERROR, &format!("error: {error:#}"));
            questions.ask(group, &mut answers)?;
        }
    }
    let config = trial.config(&answers).await?;
    let bill = bill::newest(&config, now).await?;
    let language = config.language;
    present::out(&bill.text(language));
    let next = match &questions {
        Some(questions) => questions.next(Next { backfill_days: args.backfill, schedule: args.schedule }, language)?,
        None => Next { backfill_days: args.backfill, schedule: args.schedule },
    };
    if next.schedule {
        answers.keep_variables(environment);
    }
    files.write(&answers, &plugins, &bill)?;
    for file in files.written(&answers) {
        present::out(&format!("{}  {}", language.choose("만든 파일", "written"), file.display()));
    }

    let grade = match next.backfill_days {
        Some(days) => backfill(config, days, form, run, now).await?,
        None => Grade::Done,
    };
    if next.schedule {
        schedule::install_for_this_user(&files.config(), files.log(), now)
            .context("the files are written, but the jobs are not in the crontab")?;
    }
    next_steps(&files.config(), &next, language);
    Ok(grade)
}

/// The steps after the files are written.
#[derive(Debug, Clone, Copy)]
struct Next {
    /// Number of past days to load. `None` for none.
    backfill_days: Option<u16>,
    /// Whether the jobs are installed in the crontab.
    schedule: bool,
}

/// A config that is not written yet.
struct Trial<'a> {
    files: &'a Files,
    plugins: &'a Path,
    now: Timestamp,
}

impl Trial<'_> {
    /// Tries the service of a group of values.
    async fn group(&self, group: Group, answers: &Answers) -> anyhow::Result<()> {
        let config = self.config(answers).await?;
        let items = match group {
            Group::Bill => online::source(&config, self.now).await,
            Group::Archive => vec![online::archive(&config).await],
            Group::Store => vec![online::store(&config).await],
        };
        for item in items {
            let Item { name, state, message } = &item;
            anyhow::ensure!(*state != CheckState::Failed, "{name}: {}", message.english());
            present::out(&item.line(answers.spoken()));
        }
        Ok(())
    }

    /// Parses the config of the answers, with the secrets of the answers and of the environment.
    async fn config(&self, answers: &Answers) -> anyhow::Result<Config> {
        // The file with the variables is not written yet; `env` below has the same values.
        let text = files::config_text(answers, self.plugins).replace(files::ENV_FILE, "");
        let env = |name: &str| {
            let own = answers.secrets.iter().find(|secret| secret.name == name);
            environment(name).or_else(|| own.map(|secret| secret.value.clone()))
        };
        let draft = config::parse(&self.files.config(), &text, &env).map_err(together)?;
        draft.resolve(SecretUse::All).await.map_err(together)
    }
}

/// Joins errors about values. The errors name no file: the config is not written yet.
fn together(errors: Vec<Diagnostic>) -> anyhow::Error {
    let error = |Diagnostic { key, message, .. }: Diagnostic| match key.is_empty() {
        true => message,
        false => format!("{key}: {message}"),
    };
    let lines: Vec<String> = errors.into_iter().map(error).collect();
    anyhow::anyhow!("nothing was written, because a value is wrong: {}", lines.join("\n"))
}

async fn backfill(config: Config, days: u16, form: Form, run: RunId, now: Timestamp) -> anyhow::Result<Grade> {
    let today = now.to_zoned(config.zone.clone()).date();
    let from = today.checked_sub(i32::from(days).days()).context("the first day of the backfill is out of range")?;
    let args = BackfillArgs { from, to: None, alert: false, dry_run: false };
    jobs::backfill(config, &args, form, run, now).await
}

fn next_steps(config: &Path, next: &Next, language: Language) {
    let config = config.display();
    let step = |command: &str, korean, english| {
        let purpose = language.choose(korean, english);
        present::out(&format!("costwarden --config {config} {command:<22} # {purpose}"));
    };
    present::out(language.choose("\n다음 단계:", "\nThe next steps:"));
    if next.backfill_days.is_none() {
        step(
            "backfill --from DAY",
            "과거 데이터를 불러옵니다. 월 단위 요금에는 75일이 필요합니다",
            "load the history; daily-level needs 75 days for monthly charges",
        );
    }
    step("anomalies list", "불러온 날의 이상 징후", "the anomalies of the loaded days");
    step("check --online", "가동 전 점검", "the go-live checklist");
    if !next.schedule {
        step("schedule install", "작업을 매시간 시작합니다", "start the jobs every hour");
    }
}
