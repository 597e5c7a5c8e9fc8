//! The messages. costwarden sends a [`Setup`], then a [`Request`] for each call. The worker answers each of them with
//! [`Message`]s; the last is [`Message::Ready`], [`Message::Inspected`],
//! [`Message::CoreModule`] or [`Message::Finished`].

use std::borrow::Cow;
use std::ops::Range;

use model::series::{Series, Window};
use serde::{Deserialize, Serialize};

use super::numbers;
use crate::bounded::at_most;
use crate::call::{CallContext, Issue};
use crate::contract::InvalidPlugin;
use crate::core_module::NoCoreModule;
use crate::failure::CallError;
use crate::inspection::InspectedFile;
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::manifest::packed::PackedError;

/// Maximum number of reported issues with settings. Each issue is a line for people.
const MAX_ISSUES: usize = 50;

/// The work of a worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum Setup<'a> {
    /// Serves the calls of a plugin.
    #[serde(borrow)]
    Serve(PluginSetup<'a>),
    /// Inspects the bytes of a plugin file, and ends.
    #[serde(with = "serde_bytes")]
    Inspect(&'a [u8]),
    /// Searches the core module in the bytes of a plugin file, and ends.
    #[serde(with = "serde_bytes")]
    CoreModule(&'a [u8]),
}

/// The plugin of a worker.
#[derive(Serialize, Deserialize)]
pub(crate) struct PluginSetup<'a> {
    pub(crate) limits: Limits,
    /// Machine code of the plugin.
    #[serde(with = "serde_bytes")]
    pub(crate) code: &'a [u8],
}

/// A call of the plugin, with the budgets of the call.
#[derive(Serialize, Deserialize)]
pub(crate) struct Request<'a> {
    pub(crate) fuel: u64,
    pub(crate) log: LogBudget,
    #[serde(borrow)]
    pub(crate) call: Call<'a>,
}

/// The lines that a call may still log.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct LogBudget {
    pub(crate) lines: usize,
    pub(crate) bytes: usize,
}

/// A function of the contract and its input.
#[derive(Serialize, Deserialize)]
pub(crate) enum Call<'a> {
    Describe,
    CheckSettings(&'a str),
    Fit {
        #[serde(borrow)]
        context: InputContext<'a>,
        series: Vec<SeriesInput<'a>>,
    },
    Judge {
        #[serde(borrow)]
        context: InputContext<'a>,
        windows: Vec<WindowInput<'a>>,
    },
}

/// The `context` record of a call.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct InputContext<'a> {
    pub(crate) settings: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) locale: &'a str,
}

/// A series in a call.
#[derive(Serialize, Deserialize)]
pub(crate) struct SeriesInput<'a> {
    pub(crate) id: &'a str,
    pub(crate) start: i64,
    pub(crate) utc_offset: i32,
    pub(crate) step: u32,
    #[serde(with = "numbers")]
    pub(crate) values: Cow<'a, [f64]>,
    pub(crate) excluded: Cow<'a, [u32]>,
}

/// A window in a call.
#[derive(Serialize, Deserialize)]
pub(crate) struct WindowInput<'a> {
    #[serde(borrow)]
    pub(crate) series: SeriesInput<'a>,
    #[serde(with = "serde_bytes")]
    pub(crate) state: &'a [u8],
    pub(crate) judge_from: u32,
}

/// A message of a worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum Message {
    /// The plugin is loaded, or cannot be loaded.
    Ready(Result<LoadedPlugin, SetupFault>),
    /// The end of an inspection.
    Inspected(Result<InspectedFile, PackedError>),
    /// A line that the plugin logs.
    Log { level: LogLevel, line: String },
    /// The plugin reads reference data. The worker waits for a [`ReferenceAnswer`].
    ReadReference(String),
    /// The end of a call. The results of `fit` or `judge` follow in the same payload.
    Finished(Finished),
    /// The place of the core module in the file.
    CoreModule(Result<Range<usize>, NoCoreModule>),
}

/// The properties of a loaded plugin.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct LoadedPlugin {
    pub(crate) imports_reference: bool,
}

/// The reason of a worker for not loading a plugin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum SetupFault {
    /// The system has too few resources for the worker.
    Host(String),
    /// The machine code needs more than an instance can have.
    InstanceSize,
    /// The machine code declares more memories, tables or instances than the pool holds.
    TooLarge(String),
    /// The machine code was made by another engine, or is damaged.
    UnusableCode(String),
    Invalid(InvalidPlugin),
}

/// The level of a logged line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// The content of a file of reference data, or an error text for the plugin.
#[derive(Serialize, Deserialize)]
pub(crate) struct ReferenceAnswer(pub(crate) Result<serde_bytes::ByteBuf, String>);

/// The end and the cost of a call.
#[derive(Serialize, Deserialize)]
pub(crate) struct Finished {
    pub(crate) result: Result<Output, CallError>,
    pub(crate) fuel: u64,
    /// Peak total of the instance's memories, in bytes.
    pub(crate) memory_bytes: usize,
    /// Logged lines beyond the budget.
    pub(crate) dropped_lines: u64,
}

/// The value that a function returned.
#[derive(Serialize, Deserialize)]
pub(crate) enum Output {
    Manifest(Manifest),
    Issues(IssueList),
    /// The number of results that follow the message.
    Results(usize),
}

/// The first issues with settings.
#[derive(Serialize, Deserialize)]
pub(crate) struct IssueList {
    #[serde(deserialize_with = "at_most::<_, _, MAX_ISSUES>")]
    pub(crate) first: Vec<Issue>,
    /// Number of further issues.
    pub(crate) more: usize,
}

/// The reason of a plugin for no result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    Learning(u32),
    Failed(String),
}

impl<'a> Call<'a> {
    pub(crate) fn fit(context: CallContext<'a>, history: &'a [Series]) -> Self {
        Self::Fit { context: context.into(), series: history.iter().map(SeriesInput::from).collect() }
    }

    pub(crate) fn judge(context: CallContext<'a>, windows: &'a [Window]) -> Self {
        Self::Judge { context: context.into(), windows: windows.iter().map(WindowInput::from).collect() }
    }
}

impl IssueList {
    pub(crate) fn of(mut issues: Vec<Issue>) -> Self {
        let more = issues.len().saturating_sub(MAX_ISSUES);
        issues.truncate(MAX_ISSUES);
        Self { first: issues, more }
    }
}

impl<'a> From<CallContext<'a>> for InputContext<'a> {
    fn from(context: CallContext<'a>) -> Self {
        Self { settings: context.settings, unit: context.unit, locale: context.locale }
    }
}

impl<'a> From<&'a Series> for SeriesInput<'a> {
    fn from(series: &'a Series) -> Self {
        Self {
            id: &series.id,
            start: series.start,
            utc_offset: series.utc_offset,
            step: series.step,
            values: Cow::Borrowed(&series.values),
            excluded: Cow::Borrowed(&series.excluded),
        }
    }
}

impl<'a> From<&'a Window> for WindowInput<'a> {
    fn from(window: &'a Window) -> Self {
        Self { series: SeriesInput::from(&window.series), state: &window.state, judge_from: window.judge_from }
    }
}
