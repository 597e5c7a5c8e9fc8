//! SDK for costwarden detectors: one trait, one macro, one `.wasm` file.
//!
//! A detector is a pure function of its settings and a cost series. It has no clock, no randomness, no files and no
//! network. A detector may write to [`log`] and read [`reference`](mod@reference) data with a grant from the operator.
//!
//! ```
//! use costwarden_sdk::schemars::{self, JsonSchema};
//! use costwarden_sdk::serde::Deserialize;
//! use costwarden_sdk::{Baseline, Context, Detector, Issue, Refusal, Series, Verdict, Window};
//!
//! /// Alerts at any point above a ceiling.
//! struct Ceiling;
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(crate = "costwarden_sdk::serde", deny_unknown_fields)]
//! #[schemars(crate = "costwarden_sdk::schemars")]
//! struct Settings {
//!     /// Maximum cost of a point.
//!     ceiling: f64,
//! }
//!
//! impl Detector for Ceiling {
//!     type Settings = Settings;
//!     type State = ();
//!
//!     const NAME: &'static str = "ceiling";
//!     const SUMMARY: &'static str = "alerts at any point above a ceiling";
//!     const MIN_POINTS: u32 = 0;
//!
//!     fn check(settings: &Settings) -> Vec<Issue> {
//!         Issue::unless(settings.ceiling > 0.0, "/ceiling", "must be above 0").into_iter().collect()
//!     }
//!
//!     fn fit(_: &Context, _: &Settings, _: &Series) -> Result<Baseline<()>, Refusal> {
//!         Ok(Baseline::new(()))
//!     }
//!
//!     fn judge(_: &Context, settings: &Settings, window: &Window, (): ()) -> Result<Vec<Verdict>, Refusal> {
//!         Ok(window.to_judge().map(|(i, value)| Verdict::above(i, value, settings.ceiling)).collect())
//!     }
//! }
//!
//! costwarden_sdk::export!(Ceiling);
//!
//! let history = Series::daily("2026-01-01", vec![3.0; 14]);
//! let verdicts =
//!     costwarden_sdk::native::fit_then_judge::<Ceiling>(r#"{ "ceiling": 5 }"#, &history, &[4.0, 10.0]).unwrap();
//! assert_eq!(verdicts[1].score, 2.0);
//! ```
//!
//! Build the crate with `crate-type = ["cdylib"]` for `wasm32-unknown-unknown`; the host turns the module into a
//! component. The crate also builds natively: [`native`] runs a detector with the same results as in the sandbox.

// Generated from wit/detector.wit, whose comments are the documentation. The checked-in file saves every project the
// compilation of the generator. A test of the host generates the file again.
#[expect(
    unreachable_pub,
    unsafe_code,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::cast_lossless,
    clippy::unwrap_used,
    reason = "generated code"
)]
#[cfg_attr(doc, expect(rustdoc::broken_intra_doc_links, reason = "generated code"))]
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;
#[cfg(any(target_family = "wasm", test))]
#[expect(unsafe_code, reason = "an allocator hands out raw memory")]
mod arena;
pub mod calendar;
pub mod calibrate;
mod context;
mod detector;
mod forecast;
#[doc(hidden)]
pub mod glue;
pub mod log;
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the global allocator and the canonical ABI are spoken in raw memory")]
mod memory;
pub mod native;
pub mod reference;
pub mod robust;
pub mod season;
mod series;
pub mod smooth;
pub mod stats;
pub mod text;

pub use bindings::costwarden::detector::types::{Context, Issue, Manifest, Refusal, Scope, Series, Verdict};
pub use calendar::{Date, Weekday};
pub use context::Language;
pub use detector::{Baseline, Detector, Window};
pub use forecast::Forecast;
pub use {schemars, serde};

/// Exports a [`Detector`] as the detector of this plugin, with the version of the crate. Use the macro once per crate.
#[macro_export]
macro_rules! export {
    ($detector:ty) => {
        #[allow(unsafe_code, reason = "the canonical ABI is spoken in raw exports")]
        const _: () = {
            use $crate::bindings::costwarden::detector::types;

            struct Component;

            impl $crate::bindings::exports::costwarden::detector::detector::Guest for Component {
                fn describe() -> types::Manifest {
                    $crate::glue::describe::<$detector>(env!("CARGO_PKG_VERSION"))
                }

                fn check_settings(settings: String) -> Vec<types::Issue> {
                    $crate::glue::check_settings::<$detector>(&settings)
                }

                fn fit(
                    context: types::Context,
                    history: Vec<types::Series>,
                ) -> Vec<Result<types::Baseline, types::Refusal>> {
                    $crate::glue::fit::<$detector>(&context, history)
                }

                fn judge(
                    context: types::Context,
                    windows: Vec<types::Window>,
                ) -> Vec<Result<Vec<types::Verdict>, types::Refusal>> {
                    $crate::glue::judge::<$detector>(&context, windows)
                }
            }

            #[cfg(target_family = "wasm")]
    $crate::bindings::export_component!(Component with_types_in $crate::bindings);

            #[cfg(not(target_family = "wasm"))]
            #[allow(dead_code, reason = "natively nothing is exported, but the detector is in use all the same")]
            fn native() -> types::Manifest {
                <Component as $crate::bindings::exports::costwarden::detector::detector::Guest>::describe()
            }
        };
    };
}
