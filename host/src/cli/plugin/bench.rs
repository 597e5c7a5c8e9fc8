//! `plugin bench`.
use super::BenchArgs;
use crate::cli::present::Form;
use crate::detector::Limits;
use crate::job::Grade;

pub(super) fn bench(_args: &BenchArgs, _limits: Limits, _form: Form) -> anyhow::Result<Grade> {
    anyhow::bail!("not there yet")
}
