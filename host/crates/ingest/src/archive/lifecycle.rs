//! The retention of raw documents: lifecycle rules for an S3 storage.
//!
//! A storage replaces all rules of a bucket at once. The rule of costwarden has a fixed id and covers only keys under
//! the prefix. Foreign rules are written back unchanged.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    Transition, TransitionStorageClass,
};

use super::ArchiveError;
use super::key::ROOT;
use super::s3::S3;

/// The configured retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    /// Days before the change of the storage class; less than `delete_after_days`.
    pub cold_after_days: u16,
    /// Days before the deletion; more than [`Lifecycle::KEPT_DAYS`].
    pub delete_after_days: u16,
    /// The low-cost storage class.
    pub cold_class: String,
}

/// The current and the planned rules of a bucket.
#[derive(Debug)]
pub struct LifecycleRules {
    /// Text for people: one line per rule, followed by details.
    pub before: Vec<String>,
    pub after: Vec<String>,
    rules: Vec<LifecycleRule>,
}

/// The id of costwarden's rule.
const ID: &str = "costwarden-raw-documents";

impl Lifecycle {
    /// Minimum retention in days, for any configuration. A month's bill may be corrected until the payment, and an
    /// earlier deletion would lose the first versions.
    pub const KEPT_DAYS: u16 = 31;
}

impl Default for Lifecycle {
    /// The default class allows immediate reads, because old documents are still aggregated again and rebuilt from.
    fn default() -> Self {
        Self { cold_after_days: 90, delete_after_days: 365, cold_class: "GLACIER_IR".to_owned() }
    }
}

impl LifecycleRules {
    pub fn is_changed(&self) -> bool {
        self.before != self.after
    }
}

impl S3 {
    pub(super) async fn lifecycle_rules(&self, lifecycle: &Lifecycle) -> Result<LifecycleRules, ArchiveError> {
        let before = self.read_rules().await?;
        let rules = merge(&before, costwarden_rule(&self.object_key(ROOT), lifecycle));
        Ok(LifecycleRules { before: describe(&before), after: describe(&rules), rules })
    }

    pub(super) async fn set_lifecycle_rules(&self, rules: &LifecycleRules) -> Result<(), ArchiveError> {
        let configuration = BucketLifecycleConfiguration::builder()
            .set_rules(Some(rules.rules.clone()))
            .build()
            .expect("the rules are set");
        let request = self.client.put_bucket_lifecycle_configuration().bucket(&self.bucket);
        let put = request.lifecycle_configuration(configuration).send().await;
        put.map_err(|error| self.lifecycle_error(&error))?;
        // Some storages treat any PUT request on a bucket like the creation of a bucket and ignore the rules.
        if describe(&self.read_rules().await?) == rules.after {
            return Ok(());
        }
        let why = "the storage accepted the rules and does not return them".to_owned();
        Err(ArchiveError::NoLifecycle { location: self.location(), why })
    }

    async fn read_rules(&self) -> Result<Vec<LifecycleRule>, ArchiveError> {
        match self.client.get_bucket_lifecycle_configuration().bucket(&self.bucket).send().await {
            Ok(configuration) => Ok(configuration.rules.unwrap_or_default()),
            Err(error) => match error.as_service_error().and_then(ProvideErrorMetadata::code) {
                // A bucket without rules answers with this error.
                Some("NoSuchLifecycleConfiguration") => Ok(Vec::new()),
                _ => Err(self.lifecycle_error(&error)),
            },
        }
    }

    fn lifecycle_error<E: ProvideErrorMetadata + Error + 'static>(&self, error: &SdkError<E>) -> ArchiveError {
        let location = self.location();
        let (why, hint) = self.explain(error);
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let is_unsupported =
            matches!(status, Some(405 | 501)) || matches!(code, Some("NotImplemented" | "MethodNotAllowed"));
        // The storage ignored the query, for example with a list of objects as the answer.
        let is_unreadable = matches!(error, SdkError::ResponseError(_)) || status.is_some_and(|status| status < 300);
        if is_unreadable {
            ArchiveError::NoLifecycle { location, why: format!("{why}, and the answer contains no lifecycle rules") }
        } else if is_unsupported {
            ArchiveError::NoLifecycle { location, why }
        } else {
            ArchiveError::Bucket { location, why, hint }
        }
    }
}

fn costwarden_rule(prefix: &str, lifecycle: &Lifecycle) -> LifecycleRule {
    let cold = Transition::builder()
        .days(i32::from(lifecycle.cold_after_days))
        .storage_class(TransitionStorageClass::from(lifecycle.cold_class.as_str()))
        .build();
    LifecycleRule::builder()
        .id(ID)
        .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
        .status(ExpirationStatus::Enabled)
        .transitions(cold)
        .expiration(LifecycleExpiration::builder().days(i32::from(lifecycle.delete_after_days)).build())
        .build()
        .expect("the status is set")
}

/// Replaces the rule with the same id, or appends the rule at the end.
fn merge(before: &[LifecycleRule], rule: LifecycleRule) -> Vec<LifecycleRule> {
    let mut rules = before.to_vec();
    match rules.iter_mut().find(|earlier| earlier.id() == Some(ID)) {
        Some(earlier) => *earlier = rule,
        None => rules.push(rule),
    }
    rules
}

fn describe(rules: &[LifecycleRule]) -> Vec<String> {
    rules.iter().flat_map(describe_rule).collect()
}

/// Describes a rule for people. Parts unknown in costwarden's rule are shown completely.
#[expect(deprecated, reason = "foreign rules may have the prefix in the deprecated field")]
fn describe_rule(rule: &LifecycleRule) -> Vec<String> {
    let id = rule.id().unwrap_or("a rule without an id");
    let prefix = rule.filter().and_then(LifecycleRuleFilter::prefix).or(rule.prefix());
    let scope = prefix.map_or_else(|| "all objects".to_owned(), |prefix| format!("objects under {prefix:?}"));
    let mut lines = vec![format!("{id} ({}), {scope}", rule.status().as_str())];
    if let Some(filter) = rule.filter() {
        if let Some(and) = filter.and() {
            lines.push(format!("  only {and:?}"));
        }
        if filter.tag().is_some()
            || filter.object_size_greater_than().is_some()
            || filter.object_size_less_than().is_some()
        {
            lines.push(format!("  only {filter:?}"));
        }
    }
    for transition in rule.transitions() {
        let class = transition.storage_class().map_or("another class", TransitionStorageClass::as_str);
        lines.push(format!("  to {class} after {}", when(transition.days(), transition.date())));
    }
    if let Some(end) = rule.expiration() {
        match end.expired_object_delete_marker() {
            Some(true) => lines.push("  delete markers without versions are deleted".to_owned()),
            _ => lines.push(format!("  deleted after {}", when(end.days(), end.date()))),
        }
    }
    for transition in rule.noncurrent_version_transitions() {
        lines.push(format!("  earlier versions: {transition:?}"));
    }
    if let Some(end) = rule.noncurrent_version_expiration() {
        lines.push(format!("  earlier versions: {end:?}"));
    }
    if let Some(abort) = rule.abort_incomplete_multipart_upload() {
        let days = abort.days_after_initiation().unwrap_or(0);
        lines.push(format!("  unfinished uploads are aborted after {days} days"));
    }
    lines
}

fn when(days: Option<i32>, date: Option<&aws_sdk_s3::primitives::DateTime>) -> String {
    match (days, date) {
        (Some(days), _) => format!("{days} days"),
        (None, Some(date)) => date.to_string(),
        (None, None) => "an unknown time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, prefix: &str) -> LifecycleRule {
        let expiration = LifecycleExpiration::builder().days(7).build();
        let filter = LifecycleRuleFilter::builder().prefix(prefix).build();
        let rule = LifecycleRule::builder().id(id).filter(filter).status(ExpirationStatus::Disabled);
        rule.expiration(expiration).build().unwrap()
    }

    #[test]
    fn foreign_rules_stay_unchanged() {
        let before = [rule("one", "logs/"), rule(ID, "old/"), rule("other", "")];
        let after = describe(&merge(&before, costwarden_rule("billing/raw/", &Lifecycle::default())));
        insta::assert_snapshot!(after.join("\n"), @r#"
        one (Disabled), objects under "logs/"
          deleted after 7 days
        costwarden-raw-documents (Enabled), objects under "billing/raw/"
          to GLACIER_IR after 90 days
          deleted after 365 days
        other (Disabled), objects under ""
          deleted after 7 days
        "#);
        assert_eq!(merge(&before[..1], costwarden_rule("raw/", &Lifecycle::default())).len(), 2);
    }
}
