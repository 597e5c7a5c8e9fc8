//! The checkpoints of a job: the names in run records and failpoints.

use std::fmt;
use std::str::FromStr;

/// The checkpoints of a job, in order. A job over many days reaches most checkpoints once per day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checkpoint {
    /// The run record is stored.
    Started,
    /// A raw document was fetched.
    Fetched,
    /// The document is in the archive or in the spool.
    Archived,
    /// One batch of a bulk write is stored; further batches may be missing.
    Writing,
    /// The sums are stored.
    Written,
    /// The anomalies are stored.
    Anomalies,
    /// The incidents are stored.
    Incidents,
    /// All results are stored; no notification is sent yet.
    Stored,
    /// A receiver accepted a notification; the delivery is not recorded yet.
    Delivered,
    /// All due notifications are delivered and recorded.
    Notified,
    /// Some series are trained.
    Training,
    /// All series are trained.
    Trained,
    /// Only the final report is missing.
    Finished,
}

impl Checkpoint {
    const ALL: [Self; 13] = [
        Self::Started,
        Self::Fetched,
        Self::Archived,
        Self::Writing,
        Self::Written,
        Self::Anomalies,
        Self::Incidents,
        Self::Stored,
        Self::Delivered,
        Self::Notified,
        Self::Training,
        Self::Trained,
        Self::Finished,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Fetched => "fetched",
            Self::Archived => "archived",
            Self::Writing => "writing",
            Self::Written => "written",
            Self::Anomalies => "anomalies",
            Self::Incidents => "incidents",
            Self::Stored => "stored",
            Self::Delivered => "delivered",
            Self::Notified => "notified",
            Self::Training => "training",
            Self::Trained => "trained",
            Self::Finished => "finished",
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Checkpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::as_str).join(", ");
        let checkpoint = Self::ALL.into_iter().find(|checkpoint| checkpoint.as_str() == text);
        checkpoint.ok_or_else(|| format!("checkpoint is `{text}`, expected one of {}", names()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_checkpoint_has_a_unique_name() {
        for checkpoint in Checkpoint::ALL {
            assert_eq!(checkpoint.as_str().parse(), Ok(checkpoint));
        }
        assert!(Checkpoint::ALL.is_sorted());
        assert!("nowhere".parse::<Checkpoint>().is_err_and(|error| error.contains("expected one of started, fetched")));
    }
}
