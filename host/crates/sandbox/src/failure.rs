//! Causes of a missing result. Messages name the plugin, the rule, the series and the limit.

use model::count::counted;
use std::fmt;
use std::sync::Arc;

/// The cause of a missing result for a series.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Not a fault: the detector needs the given number of additional points.
    #[error("{0} more points are needed")]
    Learning(u32),
    /// The detector was called and refuses the series.
    #[error("{site}: the detector refuses: {message}")]
    Refused { site: Site, message: String },
    /// The plugin broke a limit or the contract, trapped, or could not run.
    #[error("{site}: {breach}")]
    Broken { site: Site, breach: Breach },
}

/// The place of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub plugin: Arc<str>,
    pub rule: Option<Arc<str>>,
    pub series: Option<String>,
}

/// The broken limit or rule of the contract. A message about a limit names the config key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Breach {
    #[error("trapped: {trap}{}", said(.panic.as_deref()))]
    Trapped {
        trap: String,
        /// The last error that the plugin logged. After a panic: the panic message and the source location.
        panic: Option<String>,
    },
    #[error("used up its fuel of {budget} (plugins.limits.{key} = {limit})")]
    Fuel { budget: u64, key: &'static str, limit: u64 },
    #[error("needs more memory than {0} bytes (plugins.limits.memory_bytes)")]
    Memory(usize),
    #[error("needs larger tables than {0} elements (plugins.limits.table_elements)")]
    Table(usize),
    #[error("needs a deeper stack than {0} bytes (plugins.limits.stack_bytes)")]
    Stack(usize),
    #[error("has too many parts: {0}")]
    Parts(String),
    #[error("returned or passed more than {0} bytes in one call (plugins.limits.output_bytes)")]
    OutputTooLarge(usize),
    #[error("returned {bytes} bytes of state, more than {limit} (plugins.limits.state_bytes)")]
    StateTooLarge { bytes: usize, limit: usize },
    #[error("returned a reason of {bytes} bytes, more than {limit} (plugins.limits.reason_bytes)")]
    ReasonTooLong { bytes: usize, limit: usize },
    #[error("returned {} for {expected} series", counted(*got, "result"))]
    WrongCount { expected: usize, got: usize },
    #[error("returned an invalid verdict: {0}")]
    InvalidVerdict(String),
    #[error("returned an invalid figure: {0}")]
    InvalidFigure(String),
    #[error("was not called: {0}")]
    Abandoned(Abandoned),
    #[error("cannot be run: {0}")]
    Host(String),
}

/// The reason for giving up a series without a full call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Abandoned {
    #[error("other series of its batch, called alone, used up the batch's fuel")]
    Retries,
    #[error("an earlier batch failed with every one of its {0} series")]
    Batch(usize),
}

impl Failure {
    /// Returns true if the series was skipped after an earlier batch of the call failed for every series.
    pub fn is_of_whole_batch(&self) -> bool {
        matches!(self, Self::Broken { breach: Breach::Abandoned(Abandoned::Batch(_)), .. })
    }
}

impl Failure {
    /// Returns the message with advice for the plugin's author, e.g. after a trap without a logged error.
    pub fn advised(&self) -> String {
        match self {
            Self::Broken { breach, .. } => format!("{self}{}", breach.advice()),
            Self::Learning(_) | Self::Refused { .. } => self.to_string(),
        }
    }
}

impl Site {
    pub(super) fn plugin(name: &str) -> Self {
        Self { plugin: name.into(), rule: None, series: None }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}`", self.plugin)?;
        if let Some(rule) = &self.rule {
            write!(f, ", rule `{rule}`")?;
        }
        if let Some(series) = &self.series {
            write!(f, ", series `{series}`")?;
        }
        Ok(())
    }
}

impl Breach {
    /// Returns a likely cause for the plugin's author; empty if the message is sufficient.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Trapped { panic: None, .. } => {
                "; no error was logged before it: a detector in Python or JavaScript ends like this when it returns what is not of the contract's types, or asks the system for a clock, files or the like"
            }
            _ => "",
        }
    }

    /// Returns true if series of the batch can succeed when called individually.
    pub(super) fn is_worth_a_retry(&self) -> bool {
        !matches!(self, Self::Parts(_) | Self::Host(_) | Self::Abandoned(_))
    }
}

fn said(panic: Option<&str>) -> String {
    panic.map(|text| format!(": {text}")).unwrap_or_default()
}
