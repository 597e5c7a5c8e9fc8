//! `plugin lock`.
use std::path::Path;

use super::LockArgs;
use crate::cli::present::Form;
use crate::config::Config;
use crate::job::Grade;

pub(super) async fn lock(_args: &LockArgs, _path: &Path, _config: Config, _form: Form) -> anyhow::Result<Grade> {
    anyhow::bail!("not there yet")
}
