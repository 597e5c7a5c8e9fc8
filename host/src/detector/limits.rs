//! What a plugin may use up at most. `[plugins.limits]` sets these under the same names.

/// Limits of one call into a plugin, or of one series in it. Messages name a limit as `plugins.limits.NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Fuel that every call gets, whatever its input: starting up, allocating. One unit is about one WebAssembly
    /// instruction, a nanosecond or less.
    pub(crate) fuel_per_call: u64,
    /// Fuel that `fit` gets besides for each series. A mean and a deviation of 90 points cost a Rust plugin 13,000, and a
    /// Python one 250,000.
    pub(crate) fit_fuel_per_series: u64,
    /// Fuel that `judge` gets besides for each series.
    pub(crate) judge_fuel_per_series: u64,
    /// Fuel of `describe` and of `check-settings`.
    pub(crate) describe_fuel: u64,
    /// Bytes of all linear memories of an instance together. Every core runs one instance at a time.
    pub(crate) memory_bytes: usize,
    /// Elements of all tables of an instance together.
    pub(crate) table_elements: usize,
    /// Core modules that one plugin may consist of. A Rust plugin has 1 to 3, a Python one some 20.
    pub(crate) instances: usize,
    /// Linear memories in one plugin.
    pub(crate) memories: usize,
    /// Tables in one plugin.
    pub(crate) tables: usize,
    /// Bytes of native stack, at most 2 MiB.
    pub(crate) stack_bytes: usize,
    /// Bytes of the plugin's file.
    pub(crate) module_bytes: u64,
    /// Seconds on the clock that compiling a plugin may take. A Rust plugin takes less than one, a Python one some ten.
    pub(crate) compile_seconds: u64,
    /// Bytes of addresses that the process which compiles a plugin may hold; in use is less than half of them. A Rust plugin
    /// takes some 600 MB, one in Python or JavaScript up to 1,200 MB on four cores.
    pub(crate) compile_memory_bytes: u64,
    /// Bytes of the state that is learned of one series, each of which is stored.
    pub(crate) state_bytes: usize,
    /// Bytes of everything that one call returns, as the host holds it; also of one argument of an import.
    pub(crate) output_bytes: usize,
    /// Bytes of one verdict's reason, and of one message of a refusal or issue.
    pub(crate) reason_bytes: usize,
    /// Lines that one call may log; those beyond are counted and dropped.
    pub(crate) log_lines: usize,
    /// Bytes of those lines together.
    pub(crate) log_bytes: usize,
    /// Bytes of one file of reference data.
    pub(crate) reference_bytes: u64,
    /// Bytes of all reference data that one call reads.
    pub(crate) reference_bytes_per_call: u64,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_per_call: 50_000_000,
            fit_fuel_per_series: 20_000_000,
            judge_fuel_per_series: 10_000_000,
            describe_fuel: 100_000_000,
            memory_bytes: 256 * MIB,
            table_elements: 100_000,
            instances: 64,
            memories: 4,
            tables: 16,
            stack_bytes: 512 * KIB,
            module_bytes: 64 * MIB as u64,
            compile_seconds: 60,
            compile_memory_bytes: 2048 * MIB as u64,
            state_bytes: 64 * KIB,
            output_bytes: 32 * MIB,
            reason_bytes: KIB,
            log_lines: 100,
            log_bytes: 16 * KIB,
            reference_bytes: MIB as u64,
            reference_bytes_per_call: 16 * MIB as u64,
        }
    }
}
