//! The table `[plugins]`: the folder, limits, grants, keys and registries of detectors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::trust;
use crate::{LockFile, RegistryOptions, TrustedKey};
use config_file::secret::SecretResolver;
use config_file::toml::Section;
use sandbox::{Grants, Limits};

/// The settings of the table `[plugins]`.
#[derive(Debug, Clone)]
pub struct PluginOptions {
    pub directory: PathBuf,
    pub limits: Limits,
    /// Grants by plugin name.
    pub grants: BTreeMap<String, Grants>,
    pub lock: LockFile,
    /// Trusted keys. If any key is present, every plugin must be signed.
    pub keys: Vec<TrustedKey>,
    pub registries: Vec<RegistryOptions>,
}

pub fn read(mut section: Section<'_, '_>, references: &SecretResolver<'_>) -> Option<PluginOptions> {
    section.need("directory", "the folder of the plugins' .wasm files");
    let directory = section.path("directory");
    let file = section.path("lock").unwrap_or_else(|| section.folder().join("plugins.lock"));
    let required = section.flag("lock_required").unwrap_or(false);
    let registries = trust::registries(section.sections("registry"), references);
    let (limits, keys) = limits_and_keys(&mut section);
    let grants = grants(&mut section);
    section.finish();
    let lock = LockFile { path: file, required };
    Some(PluginOptions { directory: directory?, limits, grants, lock, keys, registries })
}

/// The settings in the table for trying out plugins.
#[derive(Debug, Clone, Default)]
pub struct TrialOptions {
    pub limits: Limits,
    pub keys: Vec<TrustedKey>,
    /// Grants by plugin name.
    pub grants: BTreeMap<String, Grants>,
}

pub fn tried_out(mut section: Section<'_, '_>) -> TrialOptions {
    let (limits, keys) = limits_and_keys(&mut section);
    TrialOptions { limits, keys, grants: grants(&mut section) }
}

/// The settings in the table for push and pull of plugins.
#[derive(Debug, Clone, Default)]
pub struct ExchangeOptions {
    pub limits: Limits,
    pub keys: Vec<TrustedKey>,
    pub registries: Vec<RegistryOptions>,
}

pub fn exchanged(mut section: Section<'_, '_>, references: &SecretResolver<'_>) -> ExchangeOptions {
    let registries = trust::registries(section.sections("registry"), references);
    let (limits, keys) = limits_and_keys(&mut section);
    ExchangeOptions { limits, keys, registries }
}

fn grants(section: &mut Section<'_, '_>) -> BTreeMap<String, Grants> {
    let mut grants = BTreeMap::new();
    for (name, mut section) in section.named_sections("grants") {
        grants.insert(name, Grants { reference: section.path("reference") });
        section.finish();
    }
    grants
}

fn limits_and_keys(section: &mut Section<'_, '_>) -> (Limits, Vec<TrustedKey>) {
    let limits = section.section("limits").map(limits).unwrap_or_default();
    (limits, section.section("signing").map(trust::keys).unwrap_or_default())
}

/// Reads the table `limits`. The keys are the fields of [`Limits`], with the same defaults.
fn limits(mut section: Section<'_, '_>) -> Limits {
    let default = Limits::default();
    let fuel = 1..=1_000_000_000_000_i64;
    let bytes = 1..=4_294_967_296_i64;
    let count = 1..=1_000_000_i64;
    let mut whole = |key, range: &std::ops::RangeInclusive<i64>, default: u64| {
        section.whole(key, range.clone()).map_or(default, |number| number as u64)
    };
    let limits = Limits {
        fuel_per_call: whole("fuel_per_call", &fuel, default.fuel_per_call),
        fit_fuel_per_series: whole("fit_fuel_per_series", &fuel, default.fit_fuel_per_series),
        judge_fuel_per_series: whole("judge_fuel_per_series", &fuel, default.judge_fuel_per_series),
        describe_fuel: whole("describe_fuel", &fuel, default.describe_fuel),
        memory_bytes: whole("memory_bytes", &bytes, default.memory_bytes as u64) as usize,
        table_elements: whole("table_elements", &count, default.table_elements as u64) as usize,
        instances: whole("instances", &(1..=1_000), default.instances as u64) as usize,
        memories: whole("memories", &(1..=100), default.memories as u64) as usize,
        tables: whole("tables", &(1..=100), default.tables as u64) as usize,
        stack_bytes: whole("stack_bytes", &(16_384..=2_097_152), default.stack_bytes as u64) as usize,
        module_bytes: whole("module_bytes", &bytes, default.module_bytes),
        compile_seconds: whole("compile_seconds", &(1..=3_600), default.compile_seconds),
        compile_memory_bytes: whole(
            "compile_memory_bytes",
            &(134_217_728..=68_719_476_736),
            default.compile_memory_bytes,
        ),
        state_bytes: whole("state_bytes", &bytes, default.state_bytes as u64) as usize,
        output_bytes: whole("output_bytes", &bytes, default.output_bytes as u64) as usize,
        reason_bytes: whole("reason_bytes", &bytes, default.reason_bytes as u64) as usize,
        log_lines: whole("log_lines", &(0..=1_000_000), default.log_lines as u64) as usize,
        log_bytes: whole("log_bytes", &(0..=4_294_967_296), default.log_bytes as u64) as usize,
        reference_bytes: whole("reference_bytes", &bytes, default.reference_bytes),
        reference_bytes_per_call: whole("reference_bytes_per_call", &bytes, default.reference_bytes_per_call),
    };
    section.finish();
    limits
}
