//! Tests of baselines.

use ::mongodb::bson::{Bson, doc};
use model::statistics::Statistics;

use super::*;
use crate::documents::baseline;
use crate::records::{Baseline, Fit, FitRequest, FitState};

const STATISTICS: Statistics =
    Statistics { mean: 2.0, std: 0.5, min: 1.0, max: 3.0, p50: 2.0, p95: 2.9, sample_count: 30 };

fn fit(detector: &str, states: &[(Option<u8>, &[u8])]) -> Fit {
    let state = |(hour, state): &(Option<u8>, &[u8])| {
        (
            *hour,
            FitState {
                state: state.to_vec(),
                figures: figures(&[("mean", 2.0), ("a.b", 1.5), ("$c", -1.0), ("", 0.0)]),
            },
        )
    };
    Fit {
        detector: detector.to_owned(),
        settings: "5e77".to_owned(),
        through: day(21),
        states: states.iter().map(state).collect(),
    }
}

fn baseline(service: &str, fits: &[(&str, Fit)]) -> Baseline {
    Baseline {
        key: key(service),
        names: names(service),
        pricing_categories: vec!["ON_DEMAND".to_owned()],
        statistics: Some(STATISTICS),
        fits: fits.iter().map(|(rule, fit)| ((*rule).to_owned(), fit.clone())).collect(),
    }
}

fn request(rule: &str, hour: Option<u8>) -> FitRequest {
    FitRequest { rule: rule.to_owned(), hour }
}

#[tokio::test]
async fn baselines_are_read_back() {
    in_every_store("baselines", async |store| {
        let usual = fit("aa", &[(None, b"\0\x01\xFF")]);
        let by_hour = fit("bb", &[(Some(0), b"zero"), (Some(9), b""), (Some(23), b"late")]);
        let full = baseline("b", &[("usual", usual.clone()), ("by-hour", by_hour.clone())]);
        let grouped = Baseline { key: SeriesKey::new("account", ALL, ALL), statistics: None, ..baseline("a", &[]) };
        store.put_baselines([full.clone(), grouped.clone()], at(0)).await.unwrap();

        let everything = [
            request("usual", None),
            request("by-hour", Some(0)),
            request("by-hour", Some(9)),
            request("by-hour", Some(23)),
        ];
        assert_eq!(store.baselines(&everything).await.unwrap(), [grouped.clone(), full.clone()]);

        let one_hour = store.baselines(&[request("by-hour", Some(9)), request("unknown", None)]).await.unwrap();
        let nine = Fit { states: by_hour.states.into_iter().filter(|(hour, _)| *hour == Some(9)).collect(), ..by_hour };
        assert_eq!(one_hour[1].fits, [("by-hour".to_owned(), nine)].into());
        assert!(one_hour[0].fits.is_empty());

        let other_hours = store.baselines(&[request("by-hour", None), request("usual", Some(3))]).await.unwrap();
        assert!(other_hours.iter().all(|baseline| baseline.fits.is_empty()));
        assert!(store.baselines(&[]).await.unwrap().iter().all(|baseline| baseline.fits.is_empty()));
    })
    .await;
}

#[tokio::test]
async fn a_write_keeps_the_fits_of_other_rules() {
    in_every_store("baselines_other_rules", async |store| {
        let first = baseline(
            "a",
            &[("one", fit("aa", &[(None, b"old")])), ("two", fit("bb", &[(Some(1), b"x"), (Some(2), b"y")]))],
        );
        store.put_baselines([first], at(0)).await.unwrap();
        let second = Baseline { statistics: None, ..baseline("a", &[("two", fit("cc", &[(Some(2), b"new")]))]) };
        for _ in 0..2 {
            store.put_baselines([second.clone(), baseline("b", &[])], at(1)).await.unwrap();
        }
        let baselines =
            store.baselines(&[request("one", None), request("two", Some(1)), request("two", Some(2))]).await.unwrap();
        assert_eq!(baselines.len(), 2);
        assert_eq!(baselines[0].fits["one"].states[&None].state, b"old");
        assert_eq!(baselines[0].fits["two"], fit("cc", &[(Some(2), b"new")]), "a rule's fit is replaced as a whole");
        assert_eq!(baselines[0].statistics, None);
    })
    .await;
}

#[tokio::test]
async fn a_baseline_has_the_fields_of_the_replaced_pipeline() {
    in_every_store("baseline_fields", async |store| {
        store.put_baselines([baseline("vm", &[])], at(0)).await.unwrap();
        let expected = doc! {
            "domainId": "account", "domainName": "account of vm", "projectId": "project", "projectName": "project of vm",
            "serviceId": "vm", "serviceName": "service of vm", "pricingType": Bson::Null, "pricingTypes": ["ON_DEMAND"],
            "statistics": { "mean": 2.0, "std": 0.5, "min": 1.0, "max": 3.0, "p50": 2.0, "p95": 2.9, "sampleCount": 30 },
        };
        assert_eq!(documents(store, &baseline::COLLECTION).await, [expected]);
        store.put_baselines([], at(1)).await.unwrap();
        assert_eq!(documents(store, &baseline::COLLECTION).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn large_states_are_kept() {
    in_every_store("baselines_large", async |store| {
        let state = vec![7_u8; 20_000];
        let services: Vec<String> = (0..2_000).map(|service| format!("service-{service:04}")).collect();
        let all: Vec<Baseline> =
            services.iter().map(|service| baseline(service, &[("usual", fit("aa", &[(None, &state)]))])).collect();
        store.put_baselines(all.clone(), at(0)).await.unwrap();
        store.put_baselines(all.clone(), at(1)).await.unwrap();
        assert_eq!(store.baselines(&[request("usual", None)]).await.unwrap(), all);
    })
    .await;
}
