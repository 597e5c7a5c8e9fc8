//! Names of the counts and stages in reports, run records and metrics.

/// An enum with one stored name per variant.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

names! {
    /// A count of a run.
    Count {
        /// Hourly series of days that are already in the training data.
        AlreadyTrained => "already_trained",
        Anomalies => "anomalies",
        /// Raw documents written to the archive.
        Archived => "archived",
        /// Detector calls.
        Batches => "batches",
        /// Requests to the billing API.
        ApiRequests => "calls",
        /// Total time of the requests in milliseconds.
        ApiMilliseconds => "calls_ms",
        ClosedIncidents => "closed",
        /// Missing days with a bill from this run.
        ClosedGapDays => "closed_gap_days",
        Days => "days",
        /// Notifications held back by quiet hours or for a digest.
        Deferred => "deferred",
        /// Missing days too old for a problem.
        DaysWithoutBill => "days_without_bill",
        /// Bills with another number of rows than the billing API reports.
        WrongRowTotals => "wrong_row_totals",
        FailedApiRequests => "failed_calls",
        /// Series without a verdict or a fit after a detector failure.
        FailedSeries => "failed_series",
        /// Fits of another detector or of other settings.
        ForeignFits => "foreign_fits",
        /// Archive objects outside the costwarden layout.
        ForeignKeys => "foreign_keys",
        Fuel => "fuel",
        /// Missing days too old for a daily run.
        GapDays => "gap_days",
        /// Verdicts below `min_impact`, `min_impact_share` or `min_change`.
        HeldVerdicts => "held_verdicts",
        Hours => "hours",
        /// Series without enough points for a verdict.
        InsufficientHistory => "insufficient_history",
        /// Days with an overdue bill.
        LateDays => "late_days",
        MissingDays => "missing_days",
        /// In the record of a day without a bill: the age of the day at the request, in days.
        NoBillAfterDays => "no_bill_after_days",
        /// Notifications accepted by a receiver.
        Notifications => "notifications",
        /// Fits beyond the maximum age.
        OldFits => "old_fits",
        OpenedIncidents => "opened",
        ReevaluatedDays => "reevaluated_days",
        RefusedRows => "refused_rows",
        RestatedDays => "restated_days",
        ResumedAfterDays => "resumed_after_days",
        ResumedAfterDocuments => "resumed_after_documents",
        RetractedIncidents => "retracted",
        /// Repeated requests to the billing API.
        ApiRetries => "retries",
        /// Series judged again in a smaller batch.
        RetriedSeries => "retried_series",
        Rows => "rows",
        RuleProblems => "rule_problems",
        Rules => "rules",
        Series => "series",
        /// Anomalies of shadow rules.
        ShadowAnomalies => "shadow_anomalies",
        Spooled => "spooled",
        /// Incidents with a notification that a silence or a planned event held back.
        Suppressed => "suppressed",
        UnchangedDays => "unchanged_days",
        Undelivered => "undelivered",
        UnreadableDocuments => "unreadable",
        /// Spooled documents of earlier runs that reached the archive.
        Unspooled => "unspooled",
        /// Series without enough points for a fit.
        Untrained => "untrained",
        /// Open incidents that no route sends to a receiver.
        Unrouted => "unrouted",
        Verdicts => "verdicts",
        WithheldDays => "withheld_days",
        WithheldHours => "withheld_hours",
    }
}

names! {
    /// A timed stage of a run.
    Stage {
        Aggregate => "aggregate",
        Evaluate => "evaluate",
        Fetch => "fetch",
        ListArchive => "list_archive",
        Notify => "notify",
        ReadBaselines => "read_baselines",
        ReadHistory => "read_history",
        ReadSnapshots => "read_snapshots",
        Train => "train",
        WriteAnomalies => "write_anomalies",
        WriteBaselines => "write_baselines",
        WriteDay => "write_day",
        WriteSnapshot => "write_snapshot",
    }
}
