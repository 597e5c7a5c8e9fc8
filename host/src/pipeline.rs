//! The stages of a job: the only module that depends on all the remaining modules. Each step of the data flow is a call
//! from here.
//!
//! [`jobs`] calls the stages [`ingest`], [`evaluate`] and [`notify`] on a [`run`]. [`rules`] prepares the rules of a
//! run.

mod causes;
mod evaluate;
mod explain;
mod ingest;
mod jobs;
mod notify;
mod rules;
mod run;
mod trials;

pub(crate) use self::causes::{ArchivedBills, CausesById, causes_of};
pub(crate) use self::evaluate::{NotReproducible, VerdictFigures, unreachable_rules_of_store};
pub(crate) use self::explain::{BandExplanation, Explainer, Explanation};
pub(crate) use self::jobs::{
    Backfill, Backtest, BacktestResult, Comparison, DailyDays, DayLabel, Difference, DifferenceKind, IncidentChange,
    Preview, RuleFigures, RuleScore, Share, VerifyResult, backfill, backtest, compare_incidents, daily, hourly,
    notifications, preview, rebuild, verify,
};
pub(crate) use self::notify::{notify_start_failure, undelivered};
pub(crate) use self::rules::{Admission, AdmittedPlugin, PreparedRules, PullPolicy, prepare_rules, read_only_sandbox};
pub(crate) use self::run::{
    BACKFILL, Count, Grade, Mode, Outcome, Remark, Repeat, Report, Services, publish_metrics, publish_report,
    with_write_lease,
};
pub(crate) use self::trials::{PageTrials, Trials};
