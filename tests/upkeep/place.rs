//! An archive of a test's own, in a bucket or in a folder, looked at past costwarden.

use crate::support::Lab;
use crate::support::bucket::Bucket;

pub(crate) enum Place {
    Bucket(Bucket),
    Folder,
}

impl Place {
    /// Those that there are: a bucket where a server is, and a folder.
    pub(crate) fn all(name: &str) -> Vec<Self> {
        Bucket::new(name).map(Self::Bucket).into_iter().chain([Self::Folder]).collect()
    }

    /// The `[archive]` table, with `lifecycle` below it.
    pub(crate) fn table(&self, lifecycle: &str) -> String {
        let table = match self {
            Self::Bucket(bucket) => format!("{}prefix = \"bills/\"\n", bucket.archive(&bucket.endpoint)),
            Self::Folder => "[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n".to_owned(),
        };
        format!("{table}[archive.lifecycle]\n{lifecycle}\n")
    }

    /// What costwarden calls it.
    pub(crate) fn name(&self, lab: &Lab) -> String {
        match self {
            Self::Bucket(bucket) => format!("bucket {} at {}", bucket.name, bucket.endpoint),
            Self::Folder => lab.path().join("archive").display().to_string(),
        }
    }

    /// Makes the bucket's secret known to the lab.
    pub(crate) fn join(&self, lab: &Lab) {
        if let Self::Bucket(bucket) = self {
            bucket.hand_over_secret(lab);
        }
    }

    pub(crate) fn keys(&self, lab: &Lab) -> Vec<String> {
        let mut keys = match self {
            Self::Bucket(bucket) => bucket.keys().iter().map(|key| key.replacen("bills/", "", 1)).collect(),
            Self::Folder => {
                let mut folders = vec![lab.path().join("archive")];
                let mut files = Vec::new();
                while let Some(folder) = folders.pop() {
                    for entry in std::fs::read_dir(folder).into_iter().flatten() {
                        let path = entry.expect("an entry").path();
                        if path.is_dir() { folders.push(path) } else { files.push(path) }
                    }
                }
                let root = lab.path().join("archive");
                let key = |path: &std::path::PathBuf| path.strip_prefix(&root).expect("below").display().to_string();
                files.iter().map(key).collect::<Vec<_>>()
            }
        };
        keys.sort();
        keys
    }

    pub(crate) fn read(&self, lab: &Lab, key: &str) -> String {
        match self {
            Self::Bucket(bucket) => bucket.object(&format!("bills/{key}")).1,
            Self::Folder => std::fs::read_to_string(lab.path().join("archive").join(key)).expect("a document"),
        }
    }

    pub(crate) fn put(&self, lab: &Lab, key: &str, body: &str) {
        match self {
            Self::Bucket(bucket) => bucket.put(&format!("bills/{key}"), body),
            Self::Folder => lab.write(&format!("archive/{key}"), body),
        }
    }

    pub(crate) fn remove(&self, lab: &Lab, key: &str) {
        match self {
            Self::Bucket(bucket) => bucket.remove(&format!("bills/{key}")),
            Self::Folder => std::fs::remove_file(lab.path().join("archive").join(key)).expect("removed"),
        }
    }
}
