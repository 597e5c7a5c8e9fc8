use serde_json::{Value, json};

use super::*;

fn options() -> SimulateOptions {
    SimulateOptions {
        flaws: Vec::new(),
        scenario: ScenarioOptions {
            seed: 7,
            services: 40,
            catalogue: Catalogue::Plain,
            end: jiff::civil::date(2026, 11, 23),
            days: 30,
            incidents: Injection::Default,
            more_incidents: Vec::new(),
        },
        clock: Clock::At("2026-11-23T10:10:00+09:00".parse().unwrap()),
        zone: TimeZone::get("Asia/Seoul").unwrap(),
        credential_id: Secret::new("the-credential-id"),
        credential_secret: Secret::new("the-credential-secret"),
    }
}

async fn start() -> Simulation {
    Simulation::start(options(), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn today(simulation: &Simulation) -> (u16, Value) {
    let url = format!(
        "{}/open/billing/public/v2/cost/resources?from=20261123&to=20261123&page=0&size=10000",
        simulation.url()
    );
    let request = client()
        .get(url)
        .header("Credential-ID", "the-credential-id")
        .header("Credential-Secret", "the-credential-secret")
        .header("Content-Type", "application/json");
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn total(body: &Value) -> f64 {
    body["result"]["content"].as_array().unwrap().iter().filter_map(|row| row["expectAmount"].as_f64()).sum()
}

#[tokio::test]
async fn a_control_request_changes_the_clock() {
    let simulation = start().await;
    let at_ten = total(&today(&simulation).await.1);
    let url = format!("{}/simulate/now", simulation.url());
    let response = client().put(&url).json(&json!({ "now": "2026-11-23T14:10:00+09:00" })).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 204);
    assert!(total(&today(&simulation).await.1) > at_ten);
    let answer: Value = client().get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({ "now": "2026-11-23T05:10:00Z" }));
    simulation.set_now("2026-11-23T10:10:00+09:00".parse().unwrap());
    assert_eq!(total(&today(&simulation).await.1), at_ten);
    simulation.shutdown().await.unwrap();
}

#[tokio::test]
async fn incidents_are_listed_and_added() {
    let simulation = start().await;
    let before = total(&today(&simulation).await.1);
    let url = format!("{}/simulate/incidents", simulation.url());
    let hidden = json!({
        "service": "dom-01/prj-01/mysql", "kind": "runaway", "from": "2026-11-23T09:00:00", "amount": 60_000.0,
    });
    assert_eq!(client().post(&url).json(&hidden).send().await.unwrap().status().as_u16(), 204);
    let more = total(&today(&simulation).await.1) - before;
    assert!((more - 70_000.0).abs() < 2_000.0, "seventy minutes cost {more}");
    let listed: Vec<Value> = client().get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed.len(), simulation.incidents().len());
    assert_eq!(listed.last(), Some(&hidden));
    let unknown = json!({ "service": "a/b/c", "kind": "stop", "from": "2026-11-23T09:00:00" });
    let refused = client().post(&url).json(&unknown).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 400);
    assert!(refused.text().await.unwrap().contains("no service a/b/c in the simulated bill"));
}

#[tokio::test]
async fn a_fault_affects_the_given_number_of_requests() {
    let simulation = start().await;
    let url = format!("{}/simulate/faults", simulation.url());
    let response = client().put(&url).json(&json!({ "status": 500, "times": 2 })).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 204);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(today(&simulation).await.0);
    }
    assert_eq!(statuses, [500, 500, 200]);
    let unknown = client().put(&url).json(&json!({ "statsu": 500 })).send().await.unwrap();
    assert_eq!(unknown.status().as_u16(), 422);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let simulation = start().await;
    let address: SocketAddr = simulation.url().trim_start_matches("http://").parse().unwrap();
    let Err(error) = Simulation::start(options(), address).await else { panic!("two servers share a port") };
    assert!(error.to_string().starts_with(&format!("cannot serve on {address}: ")), "{error}");
}
