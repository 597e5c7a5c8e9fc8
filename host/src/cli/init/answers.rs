//! The values of a new config.

use clap::Args;
use model::language::Language;

/// The values, with the references to secrets as in the config.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) account: String,
    pub(super) currency: String,
    pub(super) language: String,
    /// `None` for the API of Kakao Cloud.
    pub(super) endpoint: Option<String>,
    pub(super) credential_id: String,
    pub(super) credential_secret: String,
    /// `None` for an archive in a folder.
    pub(super) bucket: Option<String>,
    pub(super) s3_endpoint: Option<String>,
    pub(super) access_key: String,
    pub(super) secret_key: String,
    /// `None` for the embedded store.
    pub(super) mongodb_uri: Option<String>,
    pub(super) database: String,
    /// A reference to the address of an incoming webhook of Slack.
    pub(super) slack_webhook: Option<String>,
    /// Path of the syslog socket. `None` without syslog.
    pub(super) syslog: Option<String>,
    /// The secrets for the file `environment`.
    pub(super) secrets: Vec<NamedSecret>,
}

/// A secret from the settings of the replaced pipeline, or from a variable of the shell.
#[derive(Clone)]
pub(super) struct NamedSecret {
    pub(super) name: String,
    pub(super) value: String,
}

impl std::fmt::Debug for NamedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NamedSecret({})", self.name)
    }
}

/// The values on the command line.
#[derive(Debug, Default, Args)]
pub(super) struct ValueArgs {
    /// Name of the billing account.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Currency of the bill, ISO 4217.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Language of notifications and of the command line: ko or en.
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Address of the billing API.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Id of an IAM access key, or a reference. Default: env:KAKAO_CREDENTIAL_ID.
    #[arg(long, value_name = "ID")]
    credential_id: Option<String>,
    /// Reference to the secret of the access key. Default: env:KAKAO_CREDENTIAL_SECRET.
    #[arg(long, value_name = "REFERENCE")]
    credential_secret: Option<String>,
    /// Bucket of the archive. Default: an archive in the new folder.
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Address of the S3 storage.
    #[arg(long, value_name = "URL", requires = "bucket")]
    s3_endpoint: Option<String>,
    /// S3 access key, or a reference. Default: env:S3_ACCESS_KEY.
    #[arg(long, value_name = "KEY", requires = "bucket")]
    access_key: Option<String>,
    /// Reference to the secret of the S3 access key. Default: env:S3_SECRET_KEY.
    #[arg(long, value_name = "REFERENCE", requires = "bucket")]
    secret_key: Option<String>,
    /// Connection string of MongoDB, or a reference. Default: an embedded store in the new folder.
    #[arg(long, value_name = "URI")]
    mongodb_uri: Option<String>,
    /// Database of MongoDB.
    #[arg(long, value_name = "NAME", requires = "mongodb_uri")]
    database: Option<String>,
    /// Path of a syslog socket for notifications. Default: /dev/log if the socket exists.
    #[arg(long, value_name = "PATH")]
    syslog: Option<String>,
}

impl Default for Answers {
    fn default() -> Self {
        const SOCKET: &str = "/dev/log";
        Self {
            account: "default".to_owned(),
            currency: "KRW".to_owned(),
            language: "ko".to_owned(),
            endpoint: None,
            credential_id: "env:KAKAO_CREDENTIAL_ID".to_owned(),
            credential_secret: "env:KAKAO_CREDENTIAL_SECRET".to_owned(),
            bucket: None,
            s3_endpoint: None,
            access_key: "env:S3_ACCESS_KEY".to_owned(),
            secret_key: "env:S3_SECRET_KEY".to_owned(),
            mongodb_uri: None,
            database: "billing".to_owned(),
            slack_webhook: None,
            syslog: std::path::Path::new(SOCKET).exists().then(|| SOCKET.to_owned()),
            secrets: Vec::new(),
        }
    }
}

impl ValueArgs {
    pub(super) fn is_empty(&self) -> bool {
        let Self { account, currency, language, endpoint, credential_id, credential_secret, .. } = self;
        let Self { bucket, mongodb_uri, syslog, .. } = self;
        let values =
            [account, currency, language, endpoint, credential_id, credential_secret, bucket, mongodb_uri, syslog];
        values.into_iter().all(Option::is_none)
    }
}

impl Answers {
    /// Returns the language of the texts of `init`.
    pub(super) fn spoken(&self) -> Language {
        if self.language == Language::English.tag() { Language::English } else { Language::Korean }
    }

    /// Adds the variables of the `env:` references to the secrets of the file `environment`.
    pub(super) fn keep_variables(&mut self, env: impl Fn(&str) -> Option<String>) {
        for name in self.variables() {
            let is_known = self.secrets.iter().any(|secret| secret.name == name);
            if let (false, Some(value)) = (is_known, env(&name)) {
                self.secrets.push(NamedSecret { name, value });
            }
        }
    }

    /// Returns the names in the `env:` references that the config contains.
    fn variables(&self) -> Vec<String> {
        let bill = [&self.credential_id, &self.credential_secret];
        let archive = self.bucket.iter().flat_map(|_| [&self.access_key, &self.secret_key]);
        let references = bill.into_iter().chain(archive).chain(&self.mongodb_uri).chain(&self.slack_webhook);
        references.filter_map(|reference| Some(reference.strip_prefix("env:")?.to_owned())).collect()
    }

    /// Replaces the values that the command line names.
    pub(super) fn apply(&mut self, args: ValueArgs) {
        let required = [
            (&mut self.account, args.account),
            (&mut self.currency, args.currency),
            (&mut self.language, args.language),
            (&mut self.credential_id, args.credential_id),
            (&mut self.credential_secret, args.credential_secret),
            (&mut self.access_key, args.access_key),
            (&mut self.secret_key, args.secret_key),
            (&mut self.database, args.database),
        ];
        for (answer, value) in required {
            if let Some(value) = value {
                *answer = value;
            }
        }
        let optional = [
            (&mut self.endpoint, args.endpoint),
            (&mut self.bucket, args.bucket),
            (&mut self.s3_endpoint, args.s3_endpoint),
            (&mut self.mongodb_uri, args.mongodb_uri),
            (&mut self.syslog, args.syslog),
        ];
        for (answer, value) in optional {
            if value.is_some() {
                *answer = value;
            }
        }
    }
}
