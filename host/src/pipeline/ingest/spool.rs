//! Upload of the spooled documents of earlier runs.

use ingest::archive::DrainResult;
use model::count::{counted, one_or};

use crate::metrics::Metric;
use crate::pipeline::run::{Count, Remark, Run};

impl Run<'_> {
    /// Uploads the spooled documents of earlier runs.
    pub(crate) async fn drain_spool(&mut self) {
        if self.is_dry_run() {
            return;
        }
        let drained = self.services.spool.drain(&self.services.archive, self.now).await;
        let report = &mut self.report;
        let DrainResult { uploaded, unchanged, remaining, unreadable, error } = match drained {
            Ok(drained) => drained,
            Err(error) => return report.add_problem(Remark::of(&error)),
        };
        report.add(Count::Unspooled, uploaded + unchanged);
        report.tally.set(Metric::Spooled, &[], remaining as f64);
        if let Some(error) = error {
            let documents = counted(remaining, "spooled document");
            let wait = one_or(remaining, "waits", "wait");
            report.add_problem(Remark::new(
                format!("{error}. 임시 보관한 원본 {remaining}개가 다음 실행을 기다립니다"),
                format!("{error}; {documents} {wait} for the next run"),
            ));
        }
        for path in unreadable {
            let path = path.display();
            report.add_problem(Remark::new(
                format!("임시 보관 폴더의 {path} 파일은 임시 보관한 원본이 아닙니다. 확인하고 옮기세요"),
                format!("{path} in the spool is no spooled document: check the file and move it away"),
            ));
        }
    }
}
