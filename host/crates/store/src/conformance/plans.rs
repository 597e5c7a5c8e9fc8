//! Silences, planned events, and the notifications of budgets.

use model::budget::{Budget, BudgetMeasure, BudgetRecord, ReachedPart};
use model::planned_event::{Plan, PlannedEvent};
use model::scope::{Pattern, Scope};
use model::silence::{NewSilence, Silence};

use super::*;

fn scope() -> Scope {
    let pattern = |text| Pattern::parse(text).ok();
    Scope { project: pattern("shop-*"), rule: pattern("service-daily"), ..Scope::default() }
}

#[tokio::test]
async fn a_silence_is_kept_and_expires() {
    in_every_store("silences", async |store| {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let until = Timestamp::from_second(1_790_086_400).unwrap();
        let content =
            |reason: &str| NewSilence { scope: scope(), reason: reason.to_owned(), author: "kim".to_owned(), until };
        let mut silence = Silence::new(content("a load test"), now);
        let other = Silence::new(content("a migration"), now);
        store.put_silence(&silence, now).await.unwrap();
        store.put_silence(&other, now).await.unwrap();
        silence.expire("lee", Timestamp::from_second(1_790_000_060).unwrap());
        store.put_silence(&silence, now).await.unwrap();
        store.put_silence(&silence, now).await.unwrap();
        let mut expected = vec![silence, other];
        expected.sort_by(|one, other| one.id.cmp(&other.id));
        assert_eq!(store.silences().await.unwrap(), expected);
    })
    .await;
}

#[tokio::test]
async fn a_planned_event_is_kept_with_its_deliveries() {
    in_every_store("events", async |store| {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let plan = Plan {
            name: "black friday".to_owned(),
            scope: scope(),
            from: day(27),
            to: day(29),
            daily_effect: -1_500.5,
            owner: "shop".to_owned(),
        };
        let mut event = PlannedEvent::new(plan, "kim".to_owned(), now);
        store.put_planned_event(&event, now).await.unwrap();
        event.delivered.insert("slack".to_owned());
        store.put_planned_event(&event, now).await.unwrap();
        assert_eq!(store.planned_events().await.unwrap(), [event]);
    })
    .await;
}

#[tokio::test]
async fn a_budget_has_one_record_for_each_month_and_amount() {
    in_every_store("budgets", async |store| {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let budget =
            |amount| Budget { name: "shop".to_owned(), scope: scope(), amount, at: vec![0.5], forecast_at: vec![1.0] };
        let mut record = BudgetRecord::new(&budget(1_500.5), day(27));
        store.put_budget_record(&record, now).await.unwrap();
        let before = BudgetRecord::new(&budget(1_500.5), record.month.yesterday().unwrap());
        let other = BudgetRecord::new(&budget(2_000.0), day(3));
        store.put_budget_record(&before, now).await.unwrap();
        store.put_budget_record(&other, now).await.unwrap();
        record.record_delivery("slack.com", ReachedPart { measure: BudgetMeasure::Spent, part: 0.5 });
        record.is_pending = true;
        store.put_budget_record(&record, now).await.unwrap();
        assert_eq!(store.budget_records(record.month).await.unwrap(), [record, other]);
        assert_eq!(store.budget_records(before.month).await.unwrap(), [before]);
    })
    .await;
}
