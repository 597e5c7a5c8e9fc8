//! `init` with the settings of the replaced pipeline, a real MongoDB and a real S3 server.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use costwarden_tests::bucket::Bucket;
use costwarden_tests::mongo::Mongo;
use costwarden_tests::{Simulator, binary, plugins, run};

/// Returns the value of a key of the `[store]` table.
fn value(store: &str, key: &str) -> String {
    let line = store.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).expect("the key");
    line.trim_matches('"').to_owned()
}

#[test]
fn the_settings_of_the_replaced_pipeline_give_a_config() {
    let (Some(mongo), Some(bucket)) = (Mongo::new(), Bucket::new("init")) else { return };
    let simulator = Simulator::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let store = mongo.store();
    let settings = format!(
        "billingApi:\n  credentialId: \"simulated-id\"\n  credentialSecret: \"simulated-secret\"\n\
         mongo:\n  uri: {:?}\n  dbName: {:?}\n\
         objectStorage:\n  endpoint: {:?}\n  bucket: {:?}\n  accessKey: {:?}\n  secretKey: {:?}\n\
         alert:\n  slackWebhookUrl: \"\"\n",
        value(&store, "uri"),
        value(&store, "database"),
        bucket.endpoint,
        bucket.name,
        bucket.key,
        bucket.secret
    );
    let yaml = folder.path().join("settings.yaml");
    std::fs::write(&yaml, settings).expect("written");
    let new = folder.path().join("new");
    let costwarden = |args: &[&str]| {
        let mut command = Command::new(binary());
        command.args(args).current_dir(folder.path()).env_remove("COSTWARDEN_CONFIG").stdin(Stdio::null());
        run(&mut command)
    };
    let plugins = plugins().display().to_string();
    let made = costwarden(&[
        "init",
        "new",
        "--from",
        "settings.yaml",
        "--plugins",
        &plugins,
        "--endpoint",
        &simulator.url,
        "--backfill",
        "90",
        "--language",
        "en",
    ]);
    assert_eq!(made.code, 0, "{made:?}");

    let config = std::fs::read_to_string(new.join("costwarden.toml")).expect("a config");
    assert!(!config.contains(&bucket.secret) && !config.contains("simulated-secret"), "{config}");
    let environment = new.join("environment");
    assert_eq!(std::fs::metadata(&environment).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(bucket.list().len() >= 90, "the raw documents are in the bucket");
    let config = new.join("costwarden.toml").display().to_string();
    let anomalies = costwarden(&["--config", &config, "anomalies", "list", "--json"]).expect(0).json();
    assert!(!anomalies.is_empty(), "{made:?}");
    let online = costwarden(&["--config", &config, "check", "--online"]).expect(0);
    assert!(online.stdout.contains("ok       store"), "{online:?}");
}
