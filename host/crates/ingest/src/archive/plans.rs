//! Silences and planned events of people in the archive. The bills alone do not give the plans, so a rebuild needs them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use model::planned_event::{Plan, PlannedEvent};
use model::scope::{Pattern, Scope};
use model::silence::Silence;
use serde::{Deserialize, Serialize};

use super::{Archive, ArchiveError};

const ROOT: &str = "plans/";
const SILENCES: &str = "plans/silences/";
const EVENTS: &str = "plans/events/";

/// The silences and the planned events of an archive.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ArchivedPlans {
    pub silences: Vec<Silence>,
    /// The planned events, without deliveries.
    pub events: Vec<PlannedEvent>,
}

/// The globs by dimension.
type ScopeContent = BTreeMap<String, String>;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SilenceContent {
    silence: String,
    scope: ScopeContent,
    reason: String,
    author: String,
    created_at: Timestamp,
    until: Timestamp,
    expired_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventContent {
    event: String,
    name: String,
    scope: ScopeContent,
    from: Date,
    to: Date,
    daily_effect: f64,
    owner: String,
    author: String,
    created_at: Timestamp,
}

impl SilenceContent {
    fn of(silence: &Silence) -> Self {
        let Silence { id, scope, reason, author, created_at, until, expired_by } = silence.clone();
        Self { silence: id, scope: scope_content(&scope), reason, author, created_at, until, expired_by }
    }

    /// An ended silence has a key of its own, so that an object never changes.
    fn key(&self) -> String {
        let suffix = if self.expired_by.is_some() { "-expired" } else { "" };
        format!("{SILENCES}{}{suffix}.json", self.silence)
    }

    fn into_silence(self) -> Result<Silence, String> {
        let Self { silence: id, scope, reason, author, created_at, until, expired_by } = self;
        Ok(Silence { id, scope: parse_scope(&scope)?, reason, author, created_at, until, expired_by })
    }
}

impl EventContent {
    fn of(event: &PlannedEvent) -> Self {
        let PlannedEvent { id, plan, author, created_at, .. } = event.clone();
        let Plan { name, scope, from, to, daily_effect, owner } = plan;
        Self { event: id, name, scope: scope_content(&scope), from, to, daily_effect, owner, author, created_at }
    }

    fn key(&self) -> String {
        format!("{EVENTS}{}.json", self.event)
    }

    fn into_event(self) -> Result<PlannedEvent, String> {
        let Self { event: id, name, scope, from, to, daily_effect, owner, author, created_at } = self;
        let plan = Plan { name, scope: parse_scope(&scope)?, from, to, daily_effect, owner };
        Ok(PlannedEvent { id, plan, author, created_at, delivered: BTreeSet::new() })
    }
}

impl Archive {
    /// Stores the silences and the planned events that the archive does not have.
    ///
    /// # Errors
    /// The archive cannot be listed or written.
    pub async fn put_plans(&self, plans: &ArchivedPlans) -> Result<(), ArchiveError> {
        let ArchivedPlans { silences, events } = plans;
        if silences.is_empty() && events.is_empty() {
            return Ok(());
        }
        let known: BTreeSet<String> = self.keys(ROOT).await?.into_iter().map(|(key, _)| key).collect();
        let silences = silences.iter().map(SilenceContent::of).map(|content| (content.key(), json(&content)));
        let events = events.iter().map(EventContent::of).map(|content| (content.key(), json(&content)));
        for (key, body) in silences.chain(events).filter(|(key, _)| !known.contains(key)) {
            self.write(&key, body).await?;
        }
        Ok(())
    }

    /// Returns the silences and the planned events, oldest first.
    ///
    /// # Errors
    /// The archive cannot be read, or an object is not a plan.
    pub async fn plans(&self) -> Result<ArchivedPlans, ArchiveError> {
        let mut silences: BTreeMap<String, Silence> = BTreeMap::new();
        let mut events = Vec::new();
        for (key, _) in self.keys(ROOT).await? {
            // A concurrent run may have removed the object after the listing.
            let Some(body) = self.read(&key).await? else { continue };
            let malformed = |why| ArchiveError::MalformedPlan { key: key.clone(), location: self.location(), why };
            if key.starts_with(EVENTS) {
                events.push(parse(&body, EventContent::into_event).map_err(malformed)?);
                continue;
            }
            let silence = parse(&body, SilenceContent::into_silence).map_err(malformed)?;
            if silence.expired_by.is_some() || !silences.contains_key(&silence.id) {
                silences.insert(silence.id.clone(), silence);
            }
        }
        let mut silences: Vec<Silence> = silences.into_values().collect();
        silences.sort_by_key(|silence| silence.created_at);
        events.sort_by_key(|event: &PlannedEvent| event.created_at);
        Ok(ArchivedPlans { silences, events })
    }
}

fn json(content: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(content).expect("texts, times and finite numbers are JSON")
}

fn parse<'b, C: Deserialize<'b>, T>(body: &'b [u8], into: fn(C) -> Result<T, String>) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string()).and_then(into)
}

fn scope_content(scope: &Scope) -> ScopeContent {
    let patterns = scope.patterns().into_iter();
    patterns.filter_map(|(name, pattern)| Some((name.to_owned(), pattern?.as_str().to_owned()))).collect()
}

fn parse_scope(content: &ScopeContent) -> Result<Scope, String> {
    let pattern = |name: &str| content.get(name).map(|text| Pattern::parse(text)).transpose();
    Ok(Scope {
        account: pattern("account")?,
        project: pattern("project")?,
        service: pattern("service")?,
        rule: pattern("rule")?,
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::silence::NewSilence;

    use super::*;
    use crate::archive::Directory;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).expect("a time")
    }

    fn scope() -> Scope {
        let pattern = |text| Some(Pattern::parse(text).expect("a glob"));
        Scope { project: pattern("shop-*"), rule: pattern("service-daily"), ..Scope::default() }
    }

    fn silence(second: i64) -> Silence {
        let content =
            NewSilence {
                scope: scope(), reason: "부하 시험".to_owned(), author: "김하나".to_owned(), until: at(900)
            };
        Silence::new(content, at(second))
    }

    #[tokio::test]
    async fn plans_are_archived_once_with_the_end_of_a_silence() {
        let folder = tempfile::tempdir().expect("a folder");
        let archive = Archive::Directory(Directory::new(folder.path()));
        assert_eq!(archive.plans().await.expect("read"), ArchivedPlans::default());
        let plan = Plan {
            name: "black friday".to_owned(),
            scope: scope(),
            from: date(2026, 1, 27),
            to: date(2026, 1, 29),
            daily_effect: -1_500.5,
            owner: "shop".to_owned(),
        };
        let event = PlannedEvent::new(plan, "kim".to_owned(), at(3));
        let mut plans = ArchivedPlans { silences: vec![silence(1), silence(2)], events: vec![event] };
        archive.put_plans(&plans).await.expect("stored");
        assert_eq!(archive.plans().await.expect("read"), plans);

        plans.silences[0].expire("lee", at(60));
        plans.events[0].delivered.insert("slack".to_owned());
        archive.put_plans(&plans).await.expect("stored");
        plans.events[0].delivered.clear();
        assert_eq!(archive.plans().await.expect("read"), plans);

        let key = EventContent::of(&plans.events[0]).key();
        std::fs::write(folder.path().join(&key), "{}").expect("damaged");
        archive.put_plans(&plans).await.expect("the archive has the key");
        let error = archive.plans().await.expect_err("damaged").to_string();
        let error = error.replace(&folder.path().display().to_string(), "FOLDER").replace(&key, "KEY");
        insta::assert_snapshot!(error, @"KEY in FOLDER is not a silence or a planned event (missing field `event` at line 1 column 2): restore the object, or move it away");
    }
}
