//! Tags in rules that name another image than plugins.lock. A run uses the locked image.

use std::fmt;
use std::path::PathBuf;

use model::rule::image::Image;

use super::lock::Lock;
use super::registry::{RegistryError, RegistryOptions, current_digest};

/// A tag that names another image than the lock.
#[derive(Debug, PartialEq, Eq)]
pub struct MovedTag {
    /// The image in the rule, with the tag.
    pub image: Image,
    /// Digest of the manifest behind the tag, with the prefix `sha256:`.
    pub current: String,
    /// Digest of the manifest in the lock, with the prefix `sha256:`.
    pub locked: String,
    pub lock: PathBuf,
    /// Line of the entry in the lock.
    pub line: usize,
}

/// The result of a comparison with the registries.
#[derive(Debug, Default)]
pub struct ComparedTags {
    /// Number of tags that name the locked image.
    pub unmoved: usize,
    pub moved: Vec<MovedTag>,
    /// One error for each tag without a comparison.
    pub errors: Vec<RegistryError>,
}

/// Compares the images of rules with the registries, each image once. Images without a tag or a lock entry, and images
/// with a digest, have no tag that could move.
pub async fn compare_tags<'a>(
    images: impl IntoIterator<Item = &'a Image>,
    lock: &Lock,
    registries: &[RegistryOptions],
) -> ComparedTags {
    let mut compared = ComparedTags::default();
    let mut images: Vec<&Image> = images.into_iter().collect();
    images.sort_by_key(ToString::to_string);
    images.dedup();
    for image in images {
        let Some((locked, line)) = locked_digest(image, lock) else { continue };
        match current_digest(image, &RegistryOptions::for_host(image.host(), registries)).await {
            Ok(current) if current == locked => compared.unmoved += 1,
            Ok(current) => {
                let lock = lock.file.clone();
                compared.moved.push(MovedTag { image: image.clone(), current, locked: locked.to_owned(), lock, line });
            }
            Err(error) => compared.errors.push(error),
        }
    }
    compared
}

/// Returns the locked digest and the line of the entry; `None` for an image without a tag that could move.
fn locked_digest<'l>(image: &Image, lock: &'l Lock) -> Option<(&'l str, usize)> {
    let entry = lock.entries.get(image.name())?;
    let source = entry.source.as_ref().filter(|source| image.covers(source))?;
    let digest = source.reference().digest()?;
    image.reference().digest().is_none().then_some((digest, entry.line))
}

impl fmt::Display for MovedTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, current, locked, lock, line } = self;
        write!(
            f,
            "the tag of {image} names {current} now, but {}:{line} has {locked}: runs use the locked plugin; to accept the other plugin, run `costwarden plugin pull {image}` and `costwarden plugin lock`",
            lock.display()
        )
    }
}
