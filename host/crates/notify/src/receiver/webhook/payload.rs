//! The JSON document of a notification. `docs/receivers/webhook.schema.json` is its schema.

mod budget;
mod cause;

use std::collections::BTreeMap;

use jiff::civil::Date;
use model::incident::{Incident, NotificationKind, OpeningBand};
use model::moment::Moment;
use model::series::{ALL, SeriesKey};
use serde_json::{Map, Value, json};

pub use self::cause::cause_document;
use crate::chat_text::ChatText;
use crate::notification::{
    ComparedSpans, Content, DailyTotalContent, IncidentContent, Level, Notification, OperationalContent,
    PlannedEventContent, kind_word,
};

/// The version of the document. A removed or changed field is a new version; a new field is not.
const VERSION: u8 = 1;

/// Returns the document of a notification.
pub(super) fn payload(notification: &Notification<'_>) -> Value {
    let mut document = json!({
        "version": VERSION,
        "id": notification.id,
        "language": notification.locale.language.tag(),
        "currency": notification.locale.currency,
        "level": level(notification.level()),
        "title": ChatText::of(notification).title,
        "reportLink": notification.report_link,
    });
    match &notification.content {
        Content::Incident(content) => {
            document["type"] = json!("incident");
            document["kind"] = json!(kind_word(content.kind));
            document["incidents"] = json!([incident(content)]);
        }
        Content::Group(content) => {
            document["type"] = json!("incident");
            document["kind"] = json!(kind_word(content.first().kind));
            document["incidents"] = content.entries.iter().map(incident).collect();
        }
        Content::DailyTotal(content) => {
            document["type"] = json!("daily-total");
            // The exact decimal: a JSON number would be rounded.
            document["total"] = daily_total(content);
        }
        Content::PlannedEvent(content) => {
            document["type"] = json!("planned-event");
            document["event"] = planned_event(content);
        }
        Content::Budget(content) => {
            document["type"] = json!("budget");
            document["budget"] = budget::reached(content);
        }
        Content::Digest(content) => {
            document["type"] = json!("digest");
            document["digest"] = json!({
                "period": content.period.as_str(),
                "date": content.date.to_string(),
                "total": content.total,
                "earlierTotal": content.earlier_total,
                "budgets": content.budgets.iter().map(budget::month).collect::<Vec<_>>(),
            });
            let entry = |content| {
                let mut entry = incident(content);
                entry["kind"] = json!(kind_word(content.kind));
                entry
            };
            document["incidents"] = content.entries.iter().map(entry).collect();
        }
        Content::Operational(content) => {
            document["type"] = json!("problem");
            document["problem"] = problem(content);
        }
    }
    document
}

fn daily_total(content: &DailyTotalContent<'_>) -> Value {
    let comparison = content.comparison.map(|comparison| {
        json!({
            "dayBefore": comparison.day_before,
            "weekBefore": comparison.week_before,
            "month": comparison.month,
            "changes": comparison.changes.iter().map(|change| json!({
                "names": {
                    "account": &*change.names.account,
                    "project": &*change.names.project,
                    "service": &*change.names.service,
                },
                "difference": change.difference,
            })).collect::<Vec<_>>(),
        })
    });
    json!({
        "date": content.date.to_string(),
        "amount": content.total.replace(',', ""),
        "refusedRows": content.refused.rows,
        "refusedAmount": content.refused.amount,
        "refusedRowsWithoutAmount": content.refused.rows_without_amount,
        "comparison": comparison,
        "budgets": content.budgets.iter().map(budget::month).collect::<Vec<_>>(),
    })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::Error => "error",
        Level::Info => "info",
    }
}

fn planned_event(content: &PlannedEventContent<'_>) -> Value {
    let plan = &content.event.plan;
    json!({
        "id": content.event.id,
        "name": plan.name,
        "owner": plan.owner,
        "scope": plan.scope.to_string(),
        "from": plan.from.to_string(),
        "to": plan.to.to_string(),
        "planned": content.planned(),
        "result": content.result.map(|result| json!({
            "bill": result.bill,
            "earlierBill": result.earlier_bill,
            "difference": result.difference(),
            "earlierFrom": result.first_earlier_day.to_string(),
            "earlierTo": result.last_earlier_day.to_string(),
        })),
    })
}

fn problem(content: &OperationalContent<'_>) -> Value {
    json!({
        "key": content.key,
        "state": content.state.as_str(),
        "since": content.since.to_string(),
        "tag": content.tag,
        "text": content.text,
    })
}

fn incident(content: &IncidentContent<'_>) -> Value {
    let incident = content.incident;
    let names = &incident.names;
    let [account, project, service] = dimensions(&incident.series);
    let name = |id: Option<&str>, name: &str| id.map(|_| name.to_owned());
    let mut document = json!({
        "id": incident.id,
        "series": { "account": account, "project": project, "service": service },
        "names": {
            "account": name(account, &names.account),
            "project": name(project, &names.project),
            "service": name(service, &names.service),
        },
        "direction": incident.direction.as_str(),
        "severity": incident.severity.as_str(),
        "rules": incident.rules,
        "reason": incident.reason,
        "firstSeen": moment(incident.first_seen),
        "lastSeen": moment(incident.last_seen),
        "comparison": comparison(content),
        "impact": {
            "amount": incident.impact(),
            "newestDay": incident.newest_impact(),
            "notified": content.delivery.map(|delivery| delivery.notified_impact),
        },
        "bands": incident.bands.iter().map(|(rule, band)| opening_band(rule, band)).collect::<Vec<_>>(),
        "owner": content.owner.map(|owner| json!({ "name": owner.name, "people": owner.people })),
        "assignee": incident.assignee(),
        "hint": content.hint,
        "link": content.link,
        "cause": content.cause.map(cause_document),
        "recentDays": content.recent_days.iter().map(|day| day_cost(day.date, day.cost)).collect::<Vec<_>>(),
    });
    let ending = ending(content, incident);
    document.as_object_mut().expect("an object").extend(ending);
    document
}

/// Returns the fields of a notification of an end.
fn ending(content: &IncidentContent<'_>, incident: &Incident) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(closed) = incident.closed_at.filter(|_| content.is_end()) {
        fields.insert("closedAt".to_owned(), moment(closed));
    }
    match content.kind {
        NotificationKind::Closed => {
            let day = incident.resolved_by.map(|day| json!({ "observed": day.observed, "expected": day.expected }));
            fields.insert("resolvedBy".to_owned(), json!(day));
        }
        NotificationKind::NewLevel => {
            let levels = content.incident.levels();
            let difference = levels.difference_per_month();
            let levels = json!({ "before": levels.before, "after": levels.after, "intervalDays": levels.interval_days, "in30Days": difference });
            fields.insert("levels".to_owned(), levels);
        }
        NotificationKind::Opened
        | NotificationKind::Grown
        | NotificationKind::Retracted
        | NotificationKind::NotVerifiable => {}
    }
    fields
}

/// Returns account, project and service; `None` for a sum over the dimension.
fn dimensions(series: &SeriesKey) -> [Option<&str>; 3] {
    [&series.account, &series.project, &series.service].map(|id| Some(&**id).filter(|id| *id != ALL))
}

fn comparison(content: &IncidentContent<'_>) -> Value {
    let comparison = content.comparison;
    let spans = match comparison.spans {
        ComparedSpans::Day => "day",
        ComparedSpans::PartOfDay => "part-of-day",
        ComparedSpans::PartAndWholeDay => "part-and-whole-day",
        ComparedSpans::Hour => "hour",
        ComparedSpans::Unknown => "unknown",
    };
    json!({
        "date": comparison.moment.date.to_string(),
        "hour": comparison.moment.hour,
        "observed": comparison.observed,
        "expected": comparison.expected,
        "spans": spans,
    })
}

fn opening_band(rule: &str, band: &OpeningBand) -> Value {
    let figures: BTreeMap<&String, f64> = band.figures.iter().map(|(name, figure)| (name, *figure)).collect();
    json!({
        "rule": rule,
        "detector": band.detector,
        "settings": band.settings,
        "through": band.through.to_string(),
        "figures": figures,
    })
}

fn moment(moment: Moment) -> Value {
    json!({ "date": moment.date.to_string(), "hour": moment.hour })
}

/// Returns a day with its cost; `null` without a bill.
fn day_cost(date: Date, cost: f64) -> Value {
    json!({ "date": date.to_string(), "cost": cost })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::language::Language;

    use super::*;
    use crate::notification::DayCost;
    use crate::notification::fixtures::{content, lasting_incident};
    use crate::text::Locale;

    #[test]
    fn an_incident_has_its_amounts_spans_and_opening_band() {
        let mut incident = lasting_incident();
        let band = OpeningBand {
            detector: "d1".to_owned(),
            settings: "5e".to_owned(),
            through: jiff::civil::date(2026, 11, 11),
            state: vec![1],
            figures: [("mean".to_owned(), 256_916.0)].into(),
        };
        incident.bands = BTreeMap::from([("service-daily".to_owned(), band)]);
        let date = jiff::civil::date(2026, 11, 13);
        let days = [DayCost { date, cost: f64::NAN }];
        let content = IncidentContent { recent_days: &days, ..content(&incident, NotificationKind::NewLevel) };
        let locale = Locale { language: Language::English, currency: "KRW" };
        let document = payload(&Notification::of_incident(content, locale));
        insta::assert_snapshot!(serde_json::to_string_pretty(&document).expect("JSON"), @r#"
        {
          "version": 1,
          "id": "20261112-ff2b0c1d2e3f4a5b-new-level-1",
          "language": "en",
          "currency": "KRW",
          "level": "info",
          "title": "example-corp / 결제 · MySQL: a new level, which is the usual cost from now on",
          "reportLink": null,
          "type": "incident",
          "kind": "new-level",
          "incidents": [
            {
              "id": "20261112-ff2b0c1d2e3f4a5b",
              "series": {
                "account": "d",
                "project": "p",
                "service": "s"
              },
              "names": {
                "account": "example-corp",
                "project": "결제",
                "service": "MySQL"
              },
              "direction": "up",
              "severity": "warning",
              "rules": [
                "new-cost",
                "service-daily"
              ],
              "reason": "평소 하루 215,000~298,000원입니다.",
              "firstSeen": {
                "date": "2026-11-12",
                "hour": 18
              },
              "lastSeen": {
                "date": "2026-11-13",
                "hour": null
              },
              "comparison": {
                "date": "2026-11-13",
                "hour": null,
                "observed": 498473.4,
                "expected": 256916.0,
                "spans": "day"
              },
              "impact": {
                "amount": 452429.0,
                "newestDay": 241557.4,
                "notified": null
              },
              "bands": [
                {
                  "rule": "service-daily",
                  "detector": "d1",
                  "settings": "5e",
                  "through": "2026-11-11",
                  "figures": {
                    "mean": 256916.0
                  }
                }
              ],
              "owner": null,
              "assignee": null,
              "hint": null,
              "link": null,
              "cause": null,
              "recentDays": [
                {
                  "date": "2026-11-13",
                  "cost": null
                }
              ],
              "levels": {
                "before": 256916.0,
                "after": 483130.5,
                "intervalDays": 1,
                "in30Days": 6786435.0
              }
            }
          ]
        }
        "#);
    }
}
