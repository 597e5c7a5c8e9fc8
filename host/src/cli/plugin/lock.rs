//! The command `plugin lock`: writes the plugins in use to plugins.lock, or compares the plugins with the file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use model::count::{counted, one_or};
use model::rule::image::Image;
use model::rule::{self, RuleSet};
use plugin::{self, ComparedTags, Lock, LockChange, LockEntry};
use sandbox::Sandbox;
use serde_json::json;
use tracing::Level;

use super::LockArgs;
use crate::cli::present::{self, Form};
use crate::config::Config;
use crate::pipeline::{Admission, AdmittedPlugin, Grade, PullPolicy};

pub(super) async fn lock(args: &LockArgs, config: &Config, form: Form) -> anyhow::Result<Grade> {
    // A check writes nothing: a pulled plugin is not kept.
    let pull = if args.check { PullPolicy::Once } else { PullPolicy::Keep };
    let file = &config.plugins.lock.path;
    let before = Lock::read(file).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(
            "{}\nremove the file and run `costwarden plugin lock` to write the file again",
            lines.join("\n")
        )
    })?;
    let set = rules(config, args.with.as_deref())?;
    let images: Vec<Image> = set.rules.iter().filter_map(|rule| rule.image.clone()).collect();
    let after = used_plugins(set, config, pull).await?;
    let is_absent = before.is_none();
    let before = before.unwrap_or_else(|| Lock { file: file.clone(), entries: BTreeMap::new() });
    let changes = before.changes(&after);
    for change in &changes {
        match form {
            Form::Text => present::out(&change.to_string()),
            Form::Json => present::out(&as_json(change).to_string()),
        }
    }
    if args.check {
        let mut tags = plugin::compare_tags(&images, &before, &config.plugins.registries).await;
        // A plugin that differs is reported already.
        tags.moved.retain(|moved| !changes.iter().any(|change| change.name() == moved.image.name()));
        // A missing file is a difference, even without any plugin.
        let grade = if changes.is_empty() && !is_absent { Grade::Done } else { differences(file, changes.len()) };
        let grade = grade.max(report_tags(&tags, form));
        if grade == Grade::Done && form == Form::Text {
            present::out(&approved(&after));
        }
        return Ok(grade);
    }
    let outcome = if changes.is_empty() && !is_absent {
        approved(&after)
    } else {
        after.save().with_context(|| format!("{} cannot be written", file.display()))?;
        let plugins = counted(after.entries.len(), "plugin");
        format!("{}: {plugins} written, {} changed", file.display(), changes.len())
    };
    if form == Form::Text {
        present::out(&outcome);
    }
    Ok(Grade::Done)
}

/// Returns the rules of the config, and the rules of the folder of another rule set.
fn rules(config: &Config, other: Option<&Path>) -> anyhow::Result<RuleSet> {
    let mut set = rule::load(&config.rules);
    if let Some(folder) = other {
        anyhow::ensure!(folder.is_dir(), "--with: {} is not a folder, expected a folder with rules", folder.display());
        let RuleSet { rules, errors, .. } = rule::load(folder);
        set.rules.extend(rules);
        set.errors.extend(errors);
    }
    Ok(set)
}

fn approved(lock: &Lock) -> String {
    format!("{}: {}, all approved", lock.file.display(), counted(lock.entries.len(), "plugin"))
}

fn differences(file: &Path, count: usize) -> Grade {
    let hint = "approve the present plugins with `costwarden plugin lock`";
    let differ = one_or(count as u64, "differs", "differ");
    present::complaint(
        Level::ERROR,
        &format!("failed: {}: {} {differ}: {hint}", file.display(), counted(count, "plugin")),
    );
    Grade::Failed
}

/// Prints the moved tags and the tags without a comparison.
fn report_tags(tags: &ComparedTags, form: Form) -> Grade {
    for moved in &tags.moved {
        match form {
            Form::Text => present::complaint(Level::ERROR, &format!("failed: {moved}")),
            Form::Json => present::out(
                &json!({"plugin": moved.image.name(), "image": moved.image.to_string(), "locked": moved.locked,
                        "current": moved.current})
                .to_string(),
            ),
        }
    }
    for error in &tags.errors {
        present::complaint(Level::WARN, &format!("a tag cannot be compared with plugins.lock: {error}"));
    }
    match tags {
        ComparedTags { moved, .. } if !moved.is_empty() => Grade::Failed,
        ComparedTags { errors, .. } if !errors.is_empty() => Grade::Degraded,
        _ => Grade::Done,
    }
}

/// Loads every plugin in the rules. Fails if any plugin is unusable, because a plugin missing in the lock could never
/// run.
async fn used_plugins(set: RuleSet, config: &Config, pull: PullPolicy) -> anyhow::Result<Lock> {
    let mut problems: Vec<String> = set.errors.iter().map(ToString::to_string).collect();
    let sandbox = Sandbox::new(config.plugins.limits.clone(), None, config.plugins.isolation.clone())?;
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
        anyhow::bail!("{}\nthe lock is not written: every rule and every plugin must be usable", problems.join("\n"));
    }
    Ok(Lock { file: config.plugins.lock.path.clone(), entries })
}

fn entry(admitted: AdmittedPlugin) -> LockEntry {
    let AdmittedPlugin { detector, signer, source, .. } = admitted;
    LockEntry { version: detector.manifest.version.clone(), digest: detector.digest.clone(), signer, source, line: 0 }
}

fn as_json(change: &LockChange) -> serde_json::Value {
    let entry = |entry: Option<&LockEntry>| {
        entry.map(|entry| {
            json!({"version": entry.version, "digest": format!("sha256:{}", entry.digest), "signer": entry.signer,
                   "source": entry.source.as_ref().map(ToString::to_string)})
        })
    };
    let (before, after) = match change {
        LockChange::Added { after, .. } => (None, Some(after)),
        LockChange::Changed { before, after, .. } => (Some(before), Some(after)),
        LockChange::Removed { before, .. } => (Some(before), None),
    };
    json!({"plugin": change.name(), "before": entry(before), "after": entry(after)})
}
