//! An archive in a bucket or in a folder, and direct access to its documents.

use costwarden_tests::Workdir;
use costwarden_tests::bucket::Bucket;

pub(crate) enum TestArchive {
    Bucket(Bucket),
    Folder,
}

impl TestArchive {
    /// A bucket, if there is a server, and a folder.
    pub(crate) fn all(name: &str) -> Vec<Self> {
        Bucket::new(name).map(Self::Bucket).into_iter().chain([Self::Folder]).collect()
    }

    /// The `[archive]` table, with `lifecycle` as its subtable.
    pub(crate) fn table(&self, lifecycle: &str) -> String {
        let table = match self {
            Self::Bucket(bucket) => format!("{}prefix = \"bills/\"\n", bucket.archive(&bucket.endpoint)),
            Self::Folder => "[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n".to_owned(),
        };
        format!("{table}[archive.lifecycle]\n{lifecycle}\n")
    }

    /// The name of the archive in costwarden's output.
    pub(crate) fn name(&self, workdir: &Workdir) -> String {
        match self {
            Self::Bucket(bucket) => format!("bucket {} at {}", bucket.name, bucket.endpoint),
            Self::Folder => workdir.path().join("archive").display().to_string(),
        }
    }

    /// Writes the secret of the bucket to the working directory.
    pub(crate) fn join(&self, workdir: &Workdir) {
        if let Self::Bucket(bucket) = self {
            bucket.hand_over_secret(workdir);
        }
    }

    pub(crate) fn keys(&self, workdir: &Workdir) -> Vec<String> {
        let mut keys = match self {
            Self::Bucket(bucket) => bucket.keys().iter().map(|key| key.replacen("bills/", "", 1)).collect(),
            Self::Folder => {
                let mut folders = vec![workdir.path().join("archive")];
                let mut files = Vec::new();
                while let Some(folder) = folders.pop() {
                    for entry in std::fs::read_dir(folder).into_iter().flatten() {
                        let path = entry.expect("an entry").path();
                        if path.is_dir() { folders.push(path) } else { files.push(path) }
                    }
                }
                let root = workdir.path().join("archive");
                let key = |path: &std::path::PathBuf| path.strip_prefix(&root).expect("below").display().to_string();
                files.iter().map(key).collect::<Vec<_>>()
            }
        };
        keys.sort();
        keys
    }

    pub(crate) fn read(&self, workdir: &Workdir, key: &str) -> String {
        match self {
            Self::Bucket(bucket) => bucket.object(&format!("bills/{key}")).1,
            Self::Folder => std::fs::read_to_string(workdir.path().join("archive").join(key)).expect("a document"),
        }
    }

    pub(crate) fn put(&self, workdir: &Workdir, key: &str, body: &str) {
        match self {
            Self::Bucket(bucket) => bucket.put(&format!("bills/{key}"), body),
            Self::Folder => workdir.write(&format!("archive/{key}"), body),
        }
    }

    pub(crate) fn remove(&self, workdir: &Workdir, key: &str) {
        match self {
            Self::Bucket(bucket) => bucket.remove(&format!("bills/{key}")),
            Self::Folder => std::fs::remove_file(workdir.path().join("archive").join(key)).expect("removed"),
        }
    }
}
