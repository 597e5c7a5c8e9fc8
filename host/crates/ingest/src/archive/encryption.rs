//! The encryption of stored objects by the object storage.

use std::fmt;

use aws_sdk_s3::types::ServerSideEncryption;
use model::language::Language;

/// The encryption that each written object requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedEncryption {
    /// `AES256`: a key that the storage manages.
    StorageKey,
    /// `aws:kms`: a key of the key management service; the default key of the storage without an id.
    ManagedKey { key_id: Option<String> },
}

/// The encryption of the test object of [`Archive::probe_encryption`](super::Archive::probe_encryption).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservedEncryption {
    /// A folder has no encryption of its own.
    Folder,
    /// The storage names no encryption. An encryption that the storage does not report is possible.
    NotReported,
    /// The storage reports the algorithm, and the key if it has an id.
    Encrypted { algorithm: String, key_id: Option<String> },
}

impl RequestedEncryption {
    pub(super) fn algorithm(&self) -> ServerSideEncryption {
        match self {
            Self::StorageKey => ServerSideEncryption::Aes256,
            Self::ManagedKey { .. } => ServerSideEncryption::AwsKms,
        }
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        match self {
            Self::StorageKey => None,
            Self::ManagedKey { key_id } => key_id.as_deref(),
        }
    }

    /// Returns whether an object has the requested encryption. Only the algorithm counts, because a storage reports the
    /// full name of a key that the config names by an id or an alias.
    pub(super) fn matches(&self, observed: &ObservedEncryption) -> bool {
        matches!(observed, ObservedEncryption::Encrypted { algorithm, .. } if *algorithm == self.algorithm().as_str())
    }
}

impl ObservedEncryption {
    /// Returns the statement about the encryption for people.
    pub fn text(&self, language: Language) -> String {
        match (language, self) {
            (Language::Korean, Self::Folder) => "파일은 파일 시스템의 암호화를 따릅니다".to_owned(),
            (Language::English, Self::Folder) => {
                "files have the encryption of the file system, if there is one".to_owned()
            }
            (Language::Korean, Self::NotReported) => "저장소가 객체의 암호화를 알려 주지 않습니다".to_owned(),
            (Language::English, Self::NotReported) => "the storage reports no encryption of objects".to_owned(),
            (Language::Korean, Self::Encrypted { algorithm, key_id: None }) => format!("객체 암호화: {algorithm}"),
            (Language::English, Self::Encrypted { algorithm, key_id: None }) => {
                format!("objects are encrypted with {algorithm}")
            }
            (Language::Korean, Self::Encrypted { algorithm, key_id: Some(key_id) }) => {
                format!("객체 암호화: {algorithm}, 키 {key_id}")
            }
            (Language::English, Self::Encrypted { algorithm, key_id: Some(key_id) }) => {
                format!("objects are encrypted with {algorithm} and the key {key_id}")
            }
        }
    }
}

impl fmt::Display for ObservedEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Language::English))
    }
}
