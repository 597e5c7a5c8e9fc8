//! Plugin files: creation, packing, trials, signatures, plugins.lock and registries.
//!
//! The use of detectors in a run is the responsibility of [`sandbox`] and the pipeline.

pub mod build;
pub mod costs;
pub mod golden;
pub mod held;
pub mod inspect;
pub mod language;
pub mod points;
pub mod project;
pub mod sample;
pub mod schema;
pub mod starter;
pub mod verdicts;
pub mod walk;

mod lock;
pub mod options;
mod registry;
mod shelf;
mod signature;
mod trust;

pub use self::lock::{Change, Entry, Lock, LockFile, Mismatch};
pub use self::registry::{Pulled, RegistryError, RegistryOptions, Transport, pull, push};
pub use self::shelf::{Shelf, ShelfError};
pub use self::signature::{
    Signature, SignatureError, TrustedKey, beside, generate, public_key, sign, signature_path, verify, verify_file,
};
