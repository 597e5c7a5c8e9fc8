//! Plugin files: tools for detector authors, the supply chain from the author to the host, and bundles for closed
//! networks.
//!
//! The use of detectors in a run is the responsibility of [`sandbox`] and the pipeline.

pub mod authoring;
pub mod bundle;
pub mod options;
pub mod supply_chain;

pub use self::supply_chain::lock::{Lock, LockChange, LockEntry, LockFile, LockMismatch, PluginIdentity};
pub use self::supply_chain::lock_marker;
pub use self::supply_chain::moved_tag::{ComparedTags, MovedTag, compare_tags};
pub use self::supply_chain::pulled_plugins::{PulledPlugins, PulledPluginsError};
pub use self::supply_chain::registry::{
    Credentials, InspectedPlugin, PulledPlugin, RegistryError, RegistryOptions, RegistryTransport, pull, push,
};
pub use self::supply_chain::signature::{
    Signature, SignatureError, TrustedKey, key_id_of, read_signature, signature_path, verify, verify_file,
};
pub use self::supply_chain::signing::{KeyError, KeyFiles, generate_keys, parse_public_key, sign};
