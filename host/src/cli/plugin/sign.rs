//! `plugin keygen`, `plugin sign` and `plugin verify`.
use std::path::PathBuf;

use super::{KeygenArgs, SignArgs, VerifyArgs};
use crate::job::Grade;

pub(super) fn keygen(_args: &KeygenArgs) -> anyhow::Result<Grade> {
    anyhow::bail!("not there yet")
}

pub(super) fn sign(_args: &SignArgs) -> anyhow::Result<Grade> {
    anyhow::bail!("not there yet")
}

pub(super) fn verify(_args: &VerifyArgs, _config: Option<PathBuf>) -> anyhow::Result<Grade> {
    anyhow::bail!("not there yet")
}
