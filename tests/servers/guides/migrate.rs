//! The guide for the migration from the replaced pipeline.

use jiff::ToSpan as _;

use super::play::{Machine, block, newest_day};
use costwarden_tests::bucket::Bucket;
use costwarden_tests::mongo::Mongo;
use costwarden_tests::{repository, write_private};

/// The commands of the numbered steps, between backticks.
fn steps(guide: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("docs").join(guide)).expect("a guide");
    let (_, steps) = text.split_once("\n## Switch\n").expect("the steps");
    let spans = steps.split('`').skip(1).step_by(2).filter(|span| span.starts_with("costwarden "));
    spans.map(str::to_owned).collect()
}

#[test]
fn the_settings_lead_to_jobs_on_the_same_database() {
    let (Some(machine), Some(mongo), Some(bucket)) = (Machine::new(), Mongo::new(), Bucket::new("migrate")) else {
        return;
    };
    let store = mongo.store();
    let uri = store.lines().find_map(|line| line.strip_prefix("uri = ")).expect("a URI");
    let settings = format!(
        "billingApi:\n  credentialId: simulated-id\n  credentialSecret: simulated-secret\n\
         mongo:\n  uri: {uri}\n  dbName: {:?}\n\
         objectStorage:\n  endpoint: {:?}\n  bucket: {:?}\n  accessKey: {:?}\n  secretKey: {:?}\n",
        mongo.name(),
        bucket.endpoint,
        bucket.name,
        bucket.key,
        bucket.secret
    );
    std::fs::create_dir(machine.folder().join("config")).expect("a folder");
    write_private(&machine.folder().join("config/settings.yaml"), &settings);
    let from = "--from config/settings.yaml";
    let config = block("migrate.md", "Config");
    assert!(config.contains(from), "{config}");
    let config = config.replace(from, &format!("{from} --endpoint {}", machine.simulator.url));
    let made = machine.play(&config, &[]).expect(0);
    let newest = newest_day(&made);

    let comparison = block("migrate.md", "Comparison");
    assert!(comparison.contains("/etc/costwarden/rules/tutorial") && comparison.contains("2026-11-22"), "{comparison}");
    let rules = repository().join("rules/tutorial").display().to_string();
    let comparison =
        comparison.replace("/etc/costwarden/rules/tutorial", &rules).replace("2026-11-22", &newest.to_string());
    let first = newest.checked_sub(40.days()).expect("in range").to_string();
    let steps: Vec<String> = steps("migrate.md").iter().map(|step| step.replace("2026-08-01", &first)).collect();
    let [backfill, install, notify] = steps.as_slice() else { panic!("{steps:?}") };
    let script = format!("cd billing\n{backfill}\n{comparison}\n{install} --log-dir log\n{notify}\n");
    let played = machine.play(&script, &[]).expect(0);
    assert!(bucket.list().len() >= 40 && !mongo.documents("billing_daily").is_empty(), "{played:?}");
    assert!(machine.cron.table().is_some_and(|table| table.contains("# BEGIN costwarden acme\n")), "{played:?}");
}
