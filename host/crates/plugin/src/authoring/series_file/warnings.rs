//! Warnings about possible mistakes in a file.

use model::count::counted;

use super::step::Step;

/// Line numbers of possible mistakes.
#[derive(Default)]
pub(super) struct SuspectLines {
    pub(super) unsorted: Vec<u64>,
    pub(super) between_steps: Vec<u64>,
    pub(super) duplicate: Vec<u64>,
}

impl SuspectLines {
    /// Returns a warning per kind of mistake.
    pub(super) fn warnings(&self, step: Step) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(line) = self.unsorted.first() {
            let rows = counted(self.unsorted.len(), "row");
            warnings.push(format!(
                "line {line}: earlier than the row above ({rows} in total): the rows are judged in time order"
            ));
        }
        if let Some(line) = self.between_steps.first() {
            let rows = counted(self.between_steps.len(), "row");
            warnings.push(format!(
                "line {line}: not a multiple of the step of {step} after the first row ({rows} in total): each row counts for the point before"
            ));
        }
        if let Some(line) = self.duplicate.first() {
            let rows = counted(self.duplicate.len(), "row");
            warnings.push(format!(
                "line {line}: an earlier row has the same point ({rows} in total): the earliest row counts, the other rows get no verdict"
            ));
        }
        warnings
    }
}
