//! The settings of the replaced pipeline: `config/settings.yaml`.

use std::path::Path;

use anyhow::Context as _;
use yaml_rust2::{Yaml, YamlLoader};

use super::answers::{Answers, NamedSecret};

/// Reads the settings. The secrets become variables of the file `environment`.
///
/// # Errors
/// An unreadable file, no YAML, or a missing value.
pub(super) fn read(file: &Path) -> anyhow::Result<Answers> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{shown} cannot be read, expected settings.yaml of the replaced pipeline"))?;
    parse(&text).with_context(|| format!("{shown} is not usable"))
}

fn parse(text: &str) -> anyhow::Result<Answers> {
    let documents = YamlLoader::load_from_str(text).context("invalid YAML")?;
    let settings = documents.first().context("the file is empty")?;
    let mut answers = Answers::default();
    let mut secrets = Vec::new();
    let mut secret = |name: &str, value: String| {
        secrets.push(NamedSecret { name: name.to_owned(), value });
        format!("env:{name}")
    };
    answers.credential_id = secret("KAKAO_CREDENTIAL_ID", required(settings, "billingApi", "credentialId")?);
    answers.credential_secret =
        secret("KAKAO_CREDENTIAL_SECRET", required(settings, "billingApi", "credentialSecret")?);
    answers.mongodb_uri = Some(secret("MONGODB_URI", required(settings, "mongo", "uri")?));
    answers.database = required(settings, "mongo", "dbName")?;
    answers.bucket = Some(required(settings, "objectStorage", "bucket")?);
    answers.s3_endpoint = value(settings, "objectStorage", "endpoint");
    answers.access_key = secret("S3_ACCESS_KEY", required(settings, "objectStorage", "accessKey")?);
    answers.secret_key = secret("S3_SECRET_KEY", required(settings, "objectStorage", "secretKey")?);
    answers.slack_webhook = value(settings, "alert", "slackWebhookUrl").map(|url| secret("SLACK_WEBHOOK", url));
    answers.secrets = secrets;
    Ok(answers)
}

fn required(settings: &Yaml, table: &str, key: &str) -> anyhow::Result<String> {
    value(settings, table, key).with_context(|| format!("{table}.{key} is missing, expected a text"))
}

/// Returns a value that is not empty.
fn value(settings: &Yaml, table: &str, key: &str) -> Option<String> {
    settings[table][key].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_become_variables() {
        let answers = parse(
            "billingApi:\n  credentialId: id\n  credentialSecret: hunter2\nmongo:\n  uri: mongodb://h\n  dbName: b\n\
             objectStorage:\n  endpoint: https://s3.example.com\n  bucket: raw\n  accessKey: a\n  secretKey: s\n\
             alert:\n  slackWebhookUrl: \"\"\n",
        );
        let answers = answers.expect("valid");
        assert_eq!(answers.credential_secret, "env:KAKAO_CREDENTIAL_SECRET");
        assert_eq!((answers.bucket.as_deref(), answers.slack_webhook.as_deref()), (Some("raw"), None));
        let names: Vec<&str> = answers.secrets.iter().map(|secret| secret.name.as_str()).collect();
        assert_eq!(
            names,
            ["KAKAO_CREDENTIAL_ID", "KAKAO_CREDENTIAL_SECRET", "MONGODB_URI", "S3_ACCESS_KEY", "S3_SECRET_KEY"]
        );
        assert!(!format!("{answers:?}").contains("hunter2"));
    }

    #[test]
    fn a_missing_value_is_named() {
        let error = parse("billingApi:\n  credentialId: id\n").expect_err("incomplete");
        assert_eq!(error.to_string(), "billingApi.credentialSecret is missing, expected a text");
    }
}
