//! Equal texts in one allocation. Ids and names repeat in many rows.

use std::collections::HashSet;
use std::sync::Arc;

/// A set of shared texts.
#[derive(Debug, Default)]
pub struct Interner(HashSet<Arc<str>>);

impl Interner {
    /// Returns the shared copy of a text.
    pub fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.0.get(text) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = text.into();
        self.0.insert(Arc::clone(&shared));
        shared
    }
}
