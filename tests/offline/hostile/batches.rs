//! A detector whose results depend on the other series of a batch, in a daily run.

use super::artefact::{Artefact, spread};
use costwarden_tests::three_services::{daily, workdir_with_history};
use text_plugin::Plugin;

/// The second series of every batch has a state of one byte, and the others have none.
const SECOND_DIFFERS: &str = "(i32.store (i32.const 4124) (i32.const 1)) (call $fits (local.get 7))";

#[test]
fn a_run_reports_results_that_depend_on_the_batch() {
    let workdir = workdir_with_history();
    let artefacts = [Artefact::plugin("second-differs", &Plugin { fit: SECOND_DIFFERS, ..Plugin::default() })];
    spread(&workdir, &artefacts, "");
    let (code, report, problems) = daily(&workdir);
    assert_eq!(code, 1);
    insta::assert_snapshot!(problems, @"plugin `second-differs`, rule `second-differs`, series `d/p/vm`: `fit` gives another result behind other series than alone, so the anomalies of a run depend on its batches: Fitted { state: [], figures: [] } alone, Fitted { state: [0], figures: [] } behind 1 series; expected the same result: use no state across series, and BTreeMap in place of HashMap; its author sees the difference with `costwarden plugin test`");
    assert_eq!(report["anomalies"].as_array().map(Vec::len), Some(1), "the anomaly of the good rule");
}
