//! The paths in a bundle. Each path is built of checked names, so that no path leads out of a folder.

use std::fmt;

/// The path of a file in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BundlePath {
    /// `plugins.lock`.
    Lock,
    /// `plugins/NAME.wasm`.
    Plugin { name: String },
    /// `plugins/NAME.wasm.minisig`.
    Signature { name: String },
    /// `reference/PLUGIN/FILE`.
    Reference { plugin: String, file: String },
}

impl BundlePath {
    pub fn plugin(name: &str) -> Self {
        Self::Plugin { name: name.to_owned() }
    }

    pub fn signature(name: &str) -> Self {
        Self::Signature { name: name.to_owned() }
    }

    /// Parses a path; `None` for any path that costwarden does not write.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["plugins.lock"] => Some(Self::Lock),
            ["plugins", file] => match file.strip_suffix(".minisig") {
                Some(plugin) => plugin_name(plugin).map(Self::signature),
                None => plugin_name(file).map(Self::plugin),
            },
            ["reference", plugin, file] if is_plugin_name(plugin) && is_file_name(file) => {
                Some(Self::Reference { plugin: (*plugin).to_owned(), file: (*file).to_owned() })
            }
            _ => None,
        }
    }
}

fn plugin_name(file: &str) -> Option<&str> {
    file.strip_suffix(".wasm").filter(|name| is_plugin_name(name))
}

fn is_plugin_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Returns whether a name is a file of reference data: plugins read files by such names only.
pub(super) fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\']) && !name.contains(char::is_control)
}

impl fmt::Display for BundlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock => f.write_str("plugins.lock"),
            Self::Plugin { name } => write!(f, "plugins/{name}.wasm"),
            Self::Signature { name } => write!(f, "plugins/{name}.wasm.minisig"),
            Self::Reference { plugin, file } => write!(f, "reference/{plugin}/{file}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_bundle_keeps_its_form() {
        for text in ["plugins.lock", "plugins/a-1.wasm", "plugins/a.wasm.minisig", "reference/a/holidays 2026.csv"] {
            assert_eq!(BundlePath::parse(text).expect("a path").to_string(), text);
        }
    }

    #[test]
    fn no_other_path_is_accepted() {
        for text in [
            "",
            "/plugins.lock",
            "./plugins.lock",
            "../plugins.lock",
            "plugins.lock/",
            "plugins/../plugins.lock",
            "plugins/.wasm",
            "plugins/...wasm",
            "plugins/a/b.wasm",
            "plugins/A.wasm",
            "plugins/a.wasm.minisig.minisig",
            "plugins/../../a.wasm",
            "reference/a",
            "reference/a/",
            "reference/a/..",
            "reference/../a",
            "reference/a/b/c",
            "reference/a/b\\c",
            "reference/a/b\0",
            "reference//etc/passwd",
        ] {
            assert_eq!(BundlePath::parse(text), None, "{text:?}");
        }
    }
}
