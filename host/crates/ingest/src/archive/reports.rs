//! Cost reports in the archive, for readers with access to the bucket or the folder. costwarden never reads a report back.

use jiff::civil::Date;

use super::{Archive, ArchiveError};

const ROOT: &str = "reports";

/// A cost report for the archive.
#[derive(Debug, Clone, Copy)]
pub struct ArchivedReport<'a> {
    /// The last day of the report.
    pub date: Date,
    /// `html`, `md`, `csv` or `json`.
    pub extension: &'a str,
    pub text: &'a str,
}

impl ArchivedReport<'_> {
    fn key(&self) -> String {
        format!("{ROOT}/{}.{}", self.date.strftime("year=%Y/month=%m/report_%Y%m%d"), self.extension)
    }
}

impl Archive {
    /// Stores a report. A report of the same day is replaced. Returns the key.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub async fn put_report(&self, report: ArchivedReport<'_>) -> Result<String, ArchiveError> {
        let key = report.key();
        self.write(&key, report.text.as_bytes().to_vec()).await?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::archive::Directory;

    #[tokio::test]
    async fn a_report_replaces_the_report_of_the_same_day_and_is_no_document() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::Directory(Directory::new(folder.path()));
        for text in ["<p>1</p>", "<p>2</p>"] {
            let report = ArchivedReport { date: date(2026, 11, 9), extension: "html", text };
            let key = archive.put_report(report).await.expect("stored");
            assert_eq!(key, "reports/year=2026/month=11/report_20261109.html");
            assert_eq!(std::fs::read_to_string(folder.path().join(key)).expect("a file"), text);
        }
        let listing = archive.list().await.expect("listed");
        assert_eq!((listing.documents.len(), listing.foreign), (0, 0));
    }
}
