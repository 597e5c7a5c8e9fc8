//! TOML: damaged rules and locks.

use std::path::{Path, PathBuf};

use model::rule;
use plugin::Lock;

use crate::damage::damaged;
use crate::repository;

/// The rules of the repository, a lock, and a folder for one rule file.
pub(crate) struct Toml {
    samples: Vec<Vec<u8>>,
    folder: PathBuf,
}

const LOCK: &str = "version = 1\n\n[[plugin]]\nname = \"tutorial\"\nversion = \"0.1.0\"\ndigest = \"sha256:fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8\"\nsigner = \"acme\"\nsource = \"oci://h.example/a/tutorial:1\"\n";

impl Toml {
    pub(crate) fn new() -> Result<Self, String> {
        let mut samples = vec![LOCK.as_bytes().to_vec()];
        for file in ["rules/default/default.toml", "rules/tutorial/tutorial.toml"] {
            samples.push(std::fs::read(repository(file)).map_err(|error| format!("{file}: {error}"))?);
        }
        let folder = repository("target/fuzz").join(format!("rules-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { samples, folder })
    }

    pub(crate) fn input(&self, entropy: &[u8]) -> Option<Vec<u8>> {
        damaged(&self.samples, entropy)
    }

    /// Parses the input as a lock and as rules. Every error must have a line of the file.
    pub(crate) fn run(&self, input: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(input);
        let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let file = self.folder.join("rules.toml");
        std::fs::write(&file, text.as_bytes()).map_err(|error| format!("{}: {error}", file.display()))?;
        let errors = Lock::parse(Path::new("plugins.lock"), &text).err().into_iter().flatten();
        match errors.chain(rule::load(&self.folder).errors).find(|error| error.line > lines) {
            Some(error) => Err(format!("an error at line {} of {lines}: {error}", error.line)),
            None => Ok(()),
        }
    }
}
