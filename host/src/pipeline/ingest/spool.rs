//! Upload of the spooled documents of earlier runs.

use ingest::archive::DrainResult;
use model::count::{counted, one_or};

use crate::metrics::Metric;
use crate::pipeline::run::{Count, Run};

impl Run<'_> {
    /// Uploads the spooled documents of earlier runs.
    pub(crate) async fn drain_spool(&mut self) {
        if self.is_dry_run() {
            return;
        }
        let drained = self.services.spool.drain(&self.services.archive, self.now).await;
        let report = &mut self.report;
        let DrainResult { uploaded, unchanged, remaining: left, unreadable, error } = match drained {
            Ok(drained) => drained,
            Err(error) => return report.add_problem(error.to_string()),
        };
        report.add(Count::Unspooled, uploaded + unchanged);
        report.tally.set(Metric::Spooled, &[], left as f64);
        if let Some(error) = error {
            let documents = counted(left, "spooled document");
            let wait = one_or(left, "waits", "wait");
            report.add_problem(format!("{error}; {documents} {wait} for the next run"));
        }
        for path in unreadable {
            let path = path.display();
            report.add_problem(format!("{path} in the spool is no spooled document: check the file and move it away"));
        }
    }
}
