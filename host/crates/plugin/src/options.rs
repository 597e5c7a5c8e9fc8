//! The table `[plugins]`: the folder, limits, grants, keys and registries of detectors.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use config_file::secret::SecretResolver;
use config_file::toml::Section;
use sandbox::{Grants, Limits};

use crate::supply_chain::options::{read_keys, read_registries};
use crate::{LockFile, RegistryOptions, TrustedKey};

/// The settings of the table `[plugins]`.
#[derive(Debug, Clone)]
pub struct PluginOptions {
    pub directory: PathBuf,
    pub limits: Limits,
    /// True if no plugin may run where the kernel does not enforce the whole jail.
    pub requires_jail: bool,
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

/// Reads the settings of a run.
pub fn read(mut section: Section<'_, '_>, references: &SecretResolver<'_>) -> Option<PluginOptions> {
    section.need("directory", "the folder with the .wasm files of the plugins");
    let directory = section.path("directory");
    let lock_path = section.path("lock").unwrap_or_else(|| section.folder().join("plugins.lock"));
    let required = section.flag("lock_required").unwrap_or(false);
    let requires_jail = section.choice("jail", &[("available", false), ("required", true)]).unwrap_or(false);
    let registries = read_registries(section.sections("registry"), references);
    let limits = read_limits(&mut section);
    let keys = section.section("signing").map(read_keys).unwrap_or_default();
    let grants = read_grants(&mut section);
    section.finish();
    let lock = LockFile { path: lock_path, required };
    Some(PluginOptions { directory: directory?, limits, requires_jail, grants, lock, keys, registries })
}

/// Reads the settings of a trial, and ignores other settings.
pub fn read_trial(mut section: Section<'_, '_>) -> TrialOptions {
    TrialOptions {
        limits: read_limits(&mut section),
        keys: section.section("signing").map(read_keys).unwrap_or_default(),
        grants: read_grants(&mut section),
    }
}

/// Reads the settings of push and pull, and ignores other settings.
pub fn read_exchange(mut section: Section<'_, '_>, references: &SecretResolver<'_>) -> ExchangeOptions {
    let registries = read_registries(section.sections("registry"), references);
    ExchangeOptions {
        limits: read_limits(&mut section),
        keys: section.section("signing").map(read_keys).unwrap_or_default(),
        registries,
    }
}

fn read_grants(section: &mut Section<'_, '_>) -> BTreeMap<String, Grants> {
    let mut grants = BTreeMap::new();
    for (name, mut section) in section.named_sections("grants") {
        grants.insert(name, Grants { reference: section.path("reference") });
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
    let Some(section) = section.section("limits") else { return limits };
    let mut table = LimitTable { section };
    table.read("fuel_per_call", FUEL, &mut limits.fuel_per_call);
    table.read("fit_fuel_per_series", FUEL, &mut limits.fit_fuel_per_series);
    table.read("judge_fuel_per_series", FUEL, &mut limits.judge_fuel_per_series);
    table.read("describe_fuel", FUEL, &mut limits.describe_fuel);
    table.read("call_seconds", 1..=3_600, &mut limits.call_seconds);
    table.read("memory_bytes", BYTES, &mut limits.memory_bytes);
    table.read("table_elements", COUNT, &mut limits.table_elements);
    table.read("instances", 1..=1_000, &mut limits.instances);
    table.read("memories", 1..=100, &mut limits.memories);
    table.read("tables", 1..=100, &mut limits.tables);
    table.read("stack_bytes", 16_384..=2_097_152, &mut limits.stack_bytes);
    table.read("module_bytes", BYTES, &mut limits.module_bytes);
    table.read("compile_seconds", 1..=3_600, &mut limits.compile_seconds);
    table.read("compile_memory_bytes", 134_217_728..=68_719_476_736, &mut limits.compile_memory_bytes);
    table.read("state_bytes", BYTES, &mut limits.state_bytes);
    table.read("output_bytes", BYTES, &mut limits.output_bytes);
    table.read("reason_bytes", BYTES, &mut limits.reason_bytes);
    table.read("log_lines", 0..=1_000_000, &mut limits.log_lines);
    table.read("log_bytes", BYTES_OR_NONE, &mut limits.log_bytes);
    table.read("reference_bytes", BYTES, &mut limits.reference_bytes);
    table.read("reference_bytes_per_call", BYTES, &mut limits.reference_bytes_per_call);
    table.section.finish();
    limits
}

/// The table `limits` of a file.
struct LimitTable<'a, 'b> {
    section: Section<'a, 'b>,
}

impl LimitTable<'_, '_> {
    /// Reads a whole number; an absent or invalid key keeps the default.
    fn read<T: TryFrom<i64>>(&mut self, key: &'static str, range: RangeInclusive<i64>, limit: &mut T) {
        let number = self.section.whole(key, range);
        if let Some(number) = number.and_then(|number| T::try_from(number).ok()) {
            *limit = number;
        }
    }
}
