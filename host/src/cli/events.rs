//! The commands `events add` and `list`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use model::money;
use model::planned_event::{Plan, PlannedEvent};
use model::scope::Scope;
use notify::Locale;
use serde_json::{Value, json};
use store::{Access, Store};

use super::args::{self, Invocation, ScopeArgs};
use super::present::{self, Form};
use crate::config::StoreConfig;
use crate::pipeline::{self, Grade};

#[derive(Debug, Subcommand)]
pub(super) enum EventsCommand {
    /// Plan a change of cost: people are not notified of incidents that the plan explains.
    ///
    /// The plan explains incidents of the scope and the direction, up to renotify_factor times the planned difference per
    /// day. After the last day, one notification compares the plan with the bill.
    Add(Box<AddArgs>),
    /// List planned events, oldest first.
    List,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Name of the event, for the notification.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    scope: ScopeArgs,
    /// First day.
    #[arg(long, value_parser = args::day)]
    from: Date,
    /// Last day.
    #[arg(long, value_parser = args::day)]
    to: Date,
    /// Expected difference per day in the currency of the bill, like 150000 or -20000.
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    daily_effect: f64,
    /// Person or team that plans the event.
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// Author of the entry. Default: the user of the system.
    #[arg(long = "as", value_name = "NAME")]
    author: Option<String>,
}

pub(super) async fn events(
    config: StoreConfig,
    command: EventsCommand,
    invocation: Invocation,
) -> anyhow::Result<Grade> {
    let Invocation { form, run_id, now } = invocation;
    match command {
        EventsCommand::Add(args) => {
            let event = event(*args, now)?;
            pipeline::with_write_lease(&config, run_id, async |store| store.put_planned_event(&event, now).await)
                .await??;
            show(&[event], config.locale(), form);
        }
        EventsCommand::List => {
            let store = Store::open(&config.store, Access::Read).await?;
            show(&store.planned_events().await?, config.locale(), form);
        }
    }
    Ok(Grade::Done)
}

fn event(args: AddArgs, now: Timestamp) -> anyhow::Result<PlannedEvent> {
    let AddArgs { name, scope, from, to, daily_effect, owner, author } = args;
    if to < from {
        anyhow::bail!("--from {from} is after --to {to}: expected a first day up to the last day");
    }
    if daily_effect == 0.0 || !daily_effect.is_finite() {
        anyhow::bail!("--daily-effect is {daily_effect}: expected an amount per day, like 150000 or -20000");
    }
    let scope = scope.scope()?;
    if (Scope { rule: None, ..scope.clone() }).is_empty() {
        anyhow::bail!(
            "no series: expected at least one of --account, --project and --service, to compare plan and bill"
        );
    }
    let plan = Plan { name, scope, from, to, daily_effect, owner };
    Ok(PlannedEvent::new(plan, author.unwrap_or_else(args::system_user), now))
}

fn show(events: &[PlannedEvent], locale: Locale<'_>, form: Form) {
    if form == Form::Json {
        return events.iter().for_each(|event| present::out(&json(event).to_string()));
    }
    let language = locale.language;
    let effect = language.choose(present::with_unit("하루 차액", locale), format!("{} per day", locale.currency));
    let header = language
        .choose(["ID", "기간", &effect, "이름", "범위", "담당"], ["id", "days", &effect, "name", "scope", "owner"]);
    let mut table = present::table(&header, &[2]);
    for PlannedEvent { id, plan, .. } in events {
        table.add_row([
            id.clone(),
            format!("{}{}{}", plan.from, language.choose("~", " to "), plan.to),
            money::signed_amount(plan.daily_effect, locale.currency),
            plan.name.clone(),
            plan.scope.text(language),
            plan.owner.clone(),
        ]);
    }
    present::out(&table.to_string());
}

fn json(event: &PlannedEvent) -> Value {
    let PlannedEvent { id, plan, author, created_at, delivered } = event;
    json!({
        "event": id,
        "name": plan.name,
        "scope": args::scope_json(&plan.scope),
        "from": plan.from.to_string(),
        "to": plan.to.to_string(),
        "dailyEffect": plan.daily_effect,
        "owner": plan.owner,
        "author": author,
        "createdAt": created_at.to_string(),
        "delivered": delivered,
    })
}
