//! The command `plugin lock`: writes the plugins in use to plugins.lock, or compares the plugins with the file.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::json;
use tracing::Level;

use super::LockArgs;
use crate::cli::present::{self, Form};
use crate::config::Config;
use crate::pipeline::{Admission, AdmittedPlugin, Grade, PullPolicy};
use model::count::{counted, one_or};
use model::rule::{self, RuleSet};
use plugin::{Change, Entry, Lock};
use sandbox::{Compiler, Sandbox};

pub(super) async fn lock(args: &LockArgs, config: &Config, form: Form) -> anyhow::Result<Grade> {
    // A check writes nothing: a pulled plugin is not kept.
    let pull = if args.check { PullPolicy::Once } else { PullPolicy::Keep };
    let file = &config.plugins.lock.path;
    let was = Lock::read(file).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}\nremove the file to write it anew", lines.join("\n"))
    })?;
    let now = in_use(rule::load(&config.rules), config, pull).await?;
    let is_new = was.is_none();
    let was = was.unwrap_or_else(|| Lock { file: file.clone(), entries: BTreeMap::new() });
    let changes = was.changes(&now);
    for change in &changes {
        match form {
            Form::Text => present::out(&change.to_string()),
            Form::Json => present::out(&as_json(change).to_string()),
        }
    }
    let plugins = counted(now.entries.len(), "plugin");
    // A missing file is a difference, even without any plugin.
    let outcome = match (args.check, changes.is_empty() && !is_new) {
        (_, true) => format!("{}: {plugins}, all as agreed", file.display()),
        (true, false) => {
            let hint = "run `costwarden plugin lock` to agree to what is there now";
            let differ = one_or(changes.len() as u64, "differs", "differ");
            present::complaint(
                Level::ERROR,
                &format!("failed: {}: {} {differ}: {hint}", file.display(), counted(changes.len(), "plugin")),
            );
            return Ok(Grade::Failed);
        }
        (false, false) => {
            now.save().with_context(|| format!("{} cannot be written", file.display()))?;
            format!("{}: {plugins} written, {} changed", file.display(), changes.len())
        }
    };
    if form == Form::Text {
        present::out(&outcome);
    }
    Ok(Grade::Done)
}

/// Loads every plugin in the rules. Fails if any plugin is unusable, because a plugin missing in the lock could never
/// run.
async fn in_use(set: RuleSet, config: &Config, pull: PullPolicy) -> anyhow::Result<Lock> {
    let mut problems: Vec<String> = set.errors.iter().map(ToString::to_string).collect();
    let sandbox = Sandbox::new(config.plugins.limits.clone(), None, Compiler::this_program())?;
    let mut entries = BTreeMap::new();
    // Without the present lock: the lock must not refuse the plugins of the new lock.
    let admission = Admission { config, lock: None, sandbox: &sandbox, pull };
    for (name, admitted) in admission.admit(&set.rules).await {
        match admitted {
            Ok(admitted) => drop(entries.insert(name, entry(admitted))),
            Err(refusal) => problems.push(refusal.to_string()),
        }
    }
    if !problems.is_empty() {
        anyhow::bail!("{}\nnothing is locked until every rule and its plugin can be used", problems.join("\n"));
    }
    Ok(Lock { file: config.plugins.lock.path.clone(), entries })
}

fn entry(admitted: AdmittedPlugin) -> Entry {
    let AdmittedPlugin { detector, signer, source } = admitted;
    Entry { version: detector.manifest.version.clone(), digest: detector.digest.clone(), signer, source, line: 0 }
}

fn as_json(change: &Change) -> serde_json::Value {
    let entry = |entry: Option<&Entry>| {
        entry.map(|entry| {
            json!({"version": entry.version, "digest": format!("sha256:{}", entry.digest), "signer": entry.signer,
                   "source": entry.source.as_ref().map(ToString::to_string)})
        })
    };
    let (was, now) = match change {
        Change::Added { now, .. } => (None, Some(now)),
        Change::Changed { was, now, .. } => (Some(was), Some(now)),
        Change::Removed { was, .. } => (Some(was), None),
    };
    json!({"plugin": change.name(), "was": entry(was), "now": entry(now)})
}
