//! The name of a plugin in an OCI registry: `HOST/REPOSITORY/NAME:TAG`, `@sha256:DIGEST` instead of the tag, or both.
//!
//! The parser adds no default host, folder or `latest` tag.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use oci_client::Reference;

/// A plugin in a registry. The last part of the repository is the plugin's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    reference: Arc<Reference>,
}

/// Prefix of an image in places that also accept a plugin name.
pub const SCHEME: &str = "oci://";

impl Image {
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// `HOST` or `HOST:PORT`.
    pub fn host(&self) -> &str {
        self.reference.registry()
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        let repository = self.reference.repository();
        repository.rsplit_once('/').map_or(repository, |(_, name)| name)
    }

    /// Returns the image pinned to a manifest digest with the prefix `sha256:`.
    pub fn pinned(&self, digest: &str) -> Self {
        let host = self.host().to_owned();
        let repository = self.reference.repository().to_owned();
        let digest = digest.to_owned();
        let reference = match self.reference.tag() {
            Some(tag) => Reference::with_tag_and_digest(host, repository, tag.to_owned(), digest),
            None => Reference::with_digest(host, repository, digest),
        };
        Self { reference: Arc::new(reference) }
    }

    /// Returns whether `pinned` is the same image. An unpinned image covers every digest.
    pub fn covers(&self, pinned: &Self) -> bool {
        let one = &self.reference;
        let other = &pinned.reference;
        one.registry() == other.registry()
            && one.repository() == other.repository()
            && one.tag() == other.tag()
            && (one.digest().is_none() || one.digest() == other.digest())
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.reference)
    }
}

impl FromStr for Image {
    type Err = ImageError;

    /// Parses an image with or without the prefix `oci://`.
    fn from_str(text: &str) -> Result<Self, ImageError> {
        let bare = text.strip_prefix(SCHEME).unwrap_or(text);
        let reference: Reference = bare.parse().map_err(|_| ImageError::Malformed)?;
        if reference.to_string() != bare {
            // `Reference` adds missing parts, so a changed text had no host or no tag.
            let host = bare.split_once('/').map(|(host, _)| host);
            let has_host = host == Some(reference.registry());
            return Err(if has_host { ImageError::NoTag } else { ImageError::NoHost });
        }
        if reference.digest().is_some_and(|digest| !is_sha256(digest)) {
            return Err(ImageError::Digest);
        }
        let image = Self { reference: Arc::new(reference) };
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !image.name().bytes().all(is_name) {
            return Err(ImageError::Name(image.name().to_owned()));
        }
        Ok(image)
    }
}

/// Returns whether the text is `sha256:` and 64 digits in lower-case hex.
pub fn is_sha256(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Errors of parsing an image.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    #[error("expected HOST/REPOSITORY/NAME:TAG or HOST/REPOSITORY/NAME@sha256:DIGEST")]
    Malformed,
    #[error("the registry is missing, expected HOST/REPOSITORY/NAME:TAG")]
    NoHost,
    #[error("the tag is missing, expected :TAG or @sha256:DIGEST at the end")]
    NoTag,
    #[error("the digest is malformed, expected sha256: and 64 hex digits in lower case")]
    Digest,
    #[error("the plugin name {0:?} is invalid, expected lower-case letters, digits and -")]
    Name(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn image(text: &str) -> Result<Image, ImageError> {
        text.parse()
    }

    #[test]
    fn the_last_part_is_the_plugin_name() {
        for text in ["127.0.0.1:5000/acme/web-costs:1.2", "oci://registry.example.com/web-costs:1.2"] {
            let image = image(text).expect("valid");
            assert_eq!(image.name(), "web-costs");
            assert_eq!(image.to_string(), format!("{SCHEME}{}", text.trim_start_matches(SCHEME)));
        }
    }

    #[test]
    fn a_missing_part_is_an_error() {
        assert_eq!(image("web-costs:1.2"), Err(ImageError::NoHost));
        assert_eq!(image("acme/web-costs:1.2"), Err(ImageError::NoHost));
        assert_eq!(image("host.example/acme/web-costs"), Err(ImageError::NoTag));
        assert_eq!(image("host.example/acme/web costs:1"), Err(ImageError::Malformed));
        assert_eq!(image(""), Err(ImageError::Malformed));
        assert_eq!(image(&format!("h.example/web-costs@{}", DIGEST.to_uppercase())), Err(ImageError::Malformed));
        assert_eq!(image("host.example/web_costs:1"), Err(ImageError::Name("web_costs".to_owned())));
    }

    #[test]
    fn a_tag_covers_every_pinned_digest() {
        let one = image("h.example/a/b:1").expect("valid");
        let other = image("h.example/a/b:2").expect("valid");
        let pinned = one.pinned(DIGEST);
        assert_eq!(pinned.to_string(), format!("oci://h.example/a/b:1@{DIGEST}"));
        assert!(one.covers(&pinned) && pinned.covers(&pinned) && !other.covers(&pinned) && !pinned.covers(&one));
    }
}
