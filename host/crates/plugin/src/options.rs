//! The table `[plugins]`: the folder, limits, grants, keys and registries of detectors.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use config_file::secret::SecretResolver;
use config_file::toml::{Key, Section};
use sandbox::{Grants, Isolation, Limits};

use crate::supply_chain::options::{read_keys, read_registries};
use crate::{LockFile, RegistryOptions, TrustedKey};

/// The settings of the table `[plugins]`.
#[derive(Debug, Clone)]
pub struct PluginOptions {
    pub directory: PathBuf,
    pub limits: Limits,
    /// The jailed processes that compile and run the plugins.
    pub isolation: Isolation,
    /// Grants by plugin name.
    pub grants: BTreeMap<String, Grants>,
    pub lock: LockFile,
    /// Trusted keys. If any key is present, every plugin must be signed.
    pub keys: Vec<TrustedKey>,
    pub registries: Vec<RegistryOptions>,
}

/// The settings in the table for trials of plugins.
#[derive(Debug, Clone, Default)]
pub struct TrialOptions {
    pub limits: Limits,
    pub keys: Vec<TrustedKey>,
    /// Grants by plugin name.
    pub grants: BTreeMap<String, Grants>,
}

/// The settings in the table for push and pull of plugins.
#[derive(Debug, Clone, Default)]
pub struct ExchangeOptions {
    pub limits: Limits,
    pub keys: Vec<TrustedKey>,
    pub registries: Vec<RegistryOptions>,
}

const LOCK: &str = "The lock file. `plugin lock` writes the file; a run then accepts no other plugin.";
const LOCK_REQUIRED: &str =
    "true: no rule runs without the lock file. false: a run reports a lock that has disappeared, and is degraded.";
const JAIL: &str = "\"required\": no plugin runs where the kernel has no Landlock or no seccomp.";
const REGISTRY: &str = "The registries with credentials or without https, one table each.";
const SIGNING: &str = "The trusted keys. With a key, every plugin needs a signature by a key that may sign its name.";
const LIMITS: &str = "The limits of plugins. A breach is reported with the plugin, the rule and the series.";
const GRANTS: &str =
    "The grants, one table with the name of each plugin. Without a grant, a plugin reads nothing besides the series.";

/// Reads the settings of a run.
pub fn read(mut section: Section<'_, '_>, references: &SecretResolver<'_>) -> Option<PluginOptions> {
    section.need("directory", "the folder with the .wasm files of the plugins");
    let directory = section
        .key("directory", "The folder with the plugins: detector = \"NAME\" in a rule is NAME.wasm in this folder.")
        .path();
    let lock_path = section
        .key("lock", LOCK)
        .default("plugins.lock")
        .path()
        .unwrap_or_else(|| section.folder().join("plugins.lock"));
    let required = section.key("lock_required", LOCK_REQUIRED).flag_or(false);
    let requires_jail = section.key("jail", JAIL).choice_or(&[("available", false), ("required", true)], "available");
    let registries = read_registries(section.key("registry", REGISTRY).sections(), references);
    let limits = read_limits(&mut section);
    let keys = section.key("signing", SIGNING).section().map(read_keys).unwrap_or_default();
    let grants = read_grants(&mut section);
    section.finish();
    let lock = LockFile { path: lock_path, required };
    let isolation = Isolation::processes(requires_jail);
    Some(PluginOptions { directory: directory?, limits, isolation, grants, lock, keys, registries })
}

/// Reads the settings of a trial, and ignores other settings.
pub fn read_trial(mut section: Section<'_, '_>) -> TrialOptions {
    TrialOptions {
        limits: read_limits(&mut section),
        keys: section.key("signing", SIGNING).section().map(read_keys).unwrap_or_default(),
        grants: read_grants(&mut section),
    }
}

/// Reads the settings of push and pull, and ignores other settings.
pub fn read_exchange(mut section: Section<'_, '_>, references: &SecretResolver<'_>) -> ExchangeOptions {
    let registries = read_registries(section.key("registry", REGISTRY).sections(), references);
    ExchangeOptions {
        limits: read_limits(&mut section),
        keys: section.key("signing", SIGNING).section().map(read_keys).unwrap_or_default(),
        registries,
    }
}

fn read_grants(section: &mut Section<'_, '_>) -> BTreeMap<String, Grants> {
    let mut grants = BTreeMap::new();
    for (name, mut section) in section.key("grants", GRANTS).named_sections() {
        grants.insert(
            name,
            Grants { reference: section.key("reference", "A folder with files that the plugin may read.").path() },
        );
        section.finish();
    }
    grants
}

/// Reads the table `limits`. The keys are the fields of [`Limits`], with the same defaults.
fn read_limits(section: &mut Section<'_, '_>) -> Limits {
    const FUEL: RangeInclusive<i64> = 1..=1_000_000_000_000;
    const BYTES: RangeInclusive<i64> = 1..=4_294_967_296;
    const BYTES_OR_NONE: RangeInclusive<i64> = 0..=4_294_967_296;
    const COUNT: RangeInclusive<i64> = 1..=1_000_000;
    let mut limits = Limits::default();
    let Some(mut section) = section.key("limits", LIMITS).section() else { return limits };
    read_limit(
        section.key("fuel_per_call", "The fuel of a call for any input; about one unit per WebAssembly instruction."),
        FUEL,
        &mut limits.fuel_per_call,
    );
    read_limit(
        section.key("fit_fuel_per_series", "The additional fuel of `fit` per series."),
        FUEL,
        &mut limits.fit_fuel_per_series,
    );
    read_limit(
        section.key("judge_fuel_per_series", "The additional fuel of `judge` per series."),
        FUEL,
        &mut limits.judge_fuel_per_series,
    );
    read_limit(
        section.key("describe_fuel", "The fuel of `describe` and of `check-settings`."),
        FUEL,
        &mut limits.describe_fuel,
    );
    read_limit(
        section.key("call_seconds", "The time of a batch by the clock with its retries, in seconds, behind the fuel."),
        1..=3_600,
        &mut limits.call_seconds,
    );
    read_limit(
        section.key("memory_bytes", "The memory per instance, in bytes. Each core runs one instance at a time."),
        BYTES,
        &mut limits.memory_bytes,
    );
    read_limit(
        section.key("table_elements", "The number of table elements per instance."),
        COUNT,
        &mut limits.table_elements,
    );
    read_limit(section.key("instances", "The number of core modules per plugin."), 1..=1_000, &mut limits.instances);
    read_limit(section.key("memories", "The number of memories per plugin."), 1..=100, &mut limits.memories);
    read_limit(section.key("tables", "The number of tables per plugin."), 1..=100, &mut limits.tables);
    read_limit(section.key("stack_bytes", "The native stack, in bytes."), 16_384..=2_097_152, &mut limits.stack_bytes);
    read_limit(section.key("module_bytes", "The size of the .wasm file, in bytes."), BYTES, &mut limits.module_bytes);
    read_limit(
        section.key("compile_seconds", "The processor time of the busiest thread to compile one plugin, in seconds."),
        1..=3_600,
        &mut limits.compile_seconds,
    );
    read_limit(
        section.key("compile_memory_bytes", "The memory of the compiler process, in bytes."),
        134_217_728..=68_719_476_736,
        &mut limits.compile_memory_bytes,
    );
    read_limit(
        section.key("state_bytes", "The state per series, in bytes. The store keeps each state."),
        BYTES,
        &mut limits.state_bytes,
    );
    read_limit(
        section.key("output_bytes", "The size of all results of one call, in bytes."),
        BYTES,
        &mut limits.output_bytes,
    );
    read_limit(
        section.key("reason_bytes", "The size of the reason of one verdict, in bytes."),
        BYTES,
        &mut limits.reason_bytes,
    );
    read_limit(section.key("log_lines", "The number of log lines per call."), 0..=1_000_000, &mut limits.log_lines);
    read_limit(
        section.key("log_bytes", "The size of the log lines of a call together, in bytes."),
        BYTES_OR_NONE,
        &mut limits.log_bytes,
    );
    read_limit(
        section.key("reference_bytes", "The size of one file of reference data, in bytes."),
        BYTES,
        &mut limits.reference_bytes,
    );
    read_limit(
        section.key("reference_bytes_per_call", "The size of all reference data of one call, in bytes."),
        BYTES,
        &mut limits.reference_bytes_per_call,
    );
    section.finish();
    limits
}

/// Reads a whole number; an absent or invalid key keeps the default.
fn read_limit<T: Copy + TryFrom<i64> + TryInto<i64>>(key: Key<'_, '_, '_>, range: RangeInclusive<i64>, limit: &mut T) {
    let default: i64 = (*limit).try_into().ok().expect("a default fits its range");
    if let Ok(number) = T::try_from(key.whole_or(range, default)) {
        *limit = number;
    }
}
