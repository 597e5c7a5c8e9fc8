//! The commands `silences add`, `list` and `expire`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use model::silence::{NewSilence, Silence};
use serde_json::{Value, json};
use store::{Access, Store};

use super::args::{self, AsOf, Invocation, ScopeArgs};
use super::present::{self, Form};
use crate::config::StoreConfig;
use crate::pipeline::{self, Grade};

#[derive(Debug, Subcommand)]
pub(super) enum SilencesCommand {
    /// Silence incidents for a time: people are not notified. Incidents are still stored and counted.
    ///
    /// An open incident is notified by the first run after the end. An incident that began and ended in the silence is
    /// never notified.
    Add(Box<AddArgs>),
    /// List silences, oldest first.
    List(ListArgs),
    /// End a silence now.
    Expire(ExpireArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// End: a moment like 2026-11-23T10:10, or a day like 2026-11-23, in the bill's time zone. A day is included.
    #[arg(long, value_name = "TIME", value_parser = args::as_of)]
    until: AsOf,
    /// Reason, for later readers.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Author of the silence. Default: the user of the system.
    #[arg(long = "as", value_name = "NAME")]
    author: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Also list the silences that have ended.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExpireArgs {
    /// Id from `silences list`; the first characters suffice.
    #[arg(value_name = "ID")]
    id: String,
    /// Author of the end. Default: the user of the system.
    #[arg(long = "as", value_name = "NAME")]
    author: Option<String>,
}

pub(super) async fn silences(
    config: StoreConfig,
    command: SilencesCommand,
    invocation: Invocation,
) -> anyhow::Result<Grade> {
    let Invocation { form, run_id, now } = invocation;
    match command {
        SilencesCommand::Add(args) => {
            let silence = silence(*args, &config, now)?;
            pipeline::with_write_lease(&config, run_id, async |store| store.put_silence(&silence, now).await).await??;
            show(&[silence], &config, form, now);
        }
        SilencesCommand::List(ListArgs { all }) => {
            let store = Store::open(&config.store, Access::Read).await?;
            let mut silences = store.silences().await?;
            silences.retain(|silence| all || silence.is_active(now));
            show(&silences, &config, form, now);
        }
        SilencesCommand::Expire(args) => {
            let expired = pipeline::with_write_lease(&config, run_id, async |store| expire(store, args, now).await);
            show(&[expired.await??], &config, form, now);
        }
    }
    Ok(Grade::Done)
}

fn silence(args: AddArgs, config: &StoreConfig, now: Timestamp) -> anyhow::Result<Silence> {
    let AddArgs { scope, until, reason, author } = args;
    let until = until.in_zone(&config.zone)?;
    if until <= now {
        anyhow::bail!("--until {until} has passed: expected a later time");
    }
    let content = NewSilence { scope: scope.scope()?, reason, author: author.unwrap_or_else(args::system_user), until };
    Ok(Silence::new(content, now))
}

async fn expire(store: &Store, args: ExpireArgs, now: Timestamp) -> anyhow::Result<Silence> {
    let ExpireArgs { id, author } = args;
    let mut silences = store.silences().await?;
    silences.retain(|silence| silence.id.starts_with(&id));
    let mut silence = match silences.len() {
        0 => anyhow::bail!("there is no silence {id}: costwarden silences list --all names all silences"),
        1 => silences.remove(0),
        number => anyhow::bail!("{number} silences begin with {id}: give more characters of the id"),
    };
    if !silence.is_active(now) {
        anyhow::bail!("silence {} has ended at {}: there is nothing to expire", silence.id, silence.until);
    }
    silence.expire(&author.unwrap_or_else(args::system_user), now);
    store.put_silence(&silence, now).await?;
    Ok(silence)
}

fn show(silences: &[Silence], config: &StoreConfig, form: Form, now: Timestamp) {
    if form == Form::Json {
        return silences.iter().for_each(|silence| present::out(&json(silence, now).to_string()));
    }
    let language = config.language;
    let header = language.choose(
        ["ID", "상태", "종료", "범위", "작성자", "이유"],
        ["id", "state", "until", "scope", "author", "reason"],
    );
    let mut table = present::table(&header, &[]);
    (0..3).for_each(|column| table.keep_whole(column));
    for silence in silences {
        let state = match silence.is_active(now) {
            true => language.choose("적용 중", "active"),
            false => language.choose("끝남", "ended"),
        };
        table.add_row([
            silence.id.clone(),
            state.to_owned(),
            args::minute(silence.until, &config.zone),
            silence.scope.text(language),
            silence.author.clone(),
            silence.reason.clone(),
        ]);
    }
    present::out(&table.to_string());
}

fn json(silence: &Silence, now: Timestamp) -> Value {
    json!({
        "silence": silence.id,
        "active": silence.is_active(now),
        "scope": args::scope_json(&silence.scope),
        "reason": silence.reason,
        "author": silence.author,
        "createdAt": silence.created_at.to_string(),
        "until": silence.until.to_string(),
        "expiredBy": silence.expired_by,
    })
}
