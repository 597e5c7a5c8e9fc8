//! The credential of the billing API and the password of the database change between two runs.

use mongodb::bson::doc;

use costwarden_tests::mongo::Mongo;
use costwarden_tests::{Simulator, Workdir, service, write_private};

const NOW: &str = "2026-11-23T10:10:00+09:00";

struct Credentials {
    api: &'static str,
    database: &'static str,
}

const OLD: Credentials = Credentials { api: "api-one", database: "database-one" };
const NEW: Credentials = Credentials { api: "api-two", database: "database-two" };

fn simulator(credentials: &Credentials) -> Simulator {
    Simulator::start(&["--now", NOW, "--services", "3", "--days", "40", "--credential-secret", credentials.api])
}

/// The config with the address of the API, and with references to the variables of the env file.
fn configure(workdir: &Workdir, simulator: &Simulator, database: &str) {
    let source = simulator.source().replace(Simulator::ENV.0, "API_SECRET");
    let rules = costwarden_tests::repository().join("rules/default");
    workdir.write(
        "costwarden.toml",
        &format!(
            "env_file = \"secrets.env\"\n{source}retry_seconds = 0\n[archive]\nkind = \"directory\"\n\
             directory = \"archive\"\n[store]\nkind = \"mongodb\"\nuri = \"env:DATABASE\"\ndatabase = {database:?}\n\
             [rules]\ndirectory = {rules:?}\n[plugins]\ndirectory = {:?}\n",
            costwarden_tests::plugins()
        ),
    );
}

#[test]
fn the_next_run_uses_the_new_credentials() {
    let (Some(server), Some(mongo)) = (service("COSTWARDEN_TEST_MONGODB"), Mongo::new()) else { return };
    let server = server.trim_start_matches("mongodb://");
    let database = mongo.name().to_owned();
    mongo.command(doc! { "createUser": "keeper", "pwd": OLD.database, "roles": ["readWrite"] });
    let workdir = Workdir::new("[store]\nkind = \"embedded\"\n");
    let keep = |Credentials { api, database: password }: &Credentials| {
        let uri = format!("mongodb://keeper:{password}@{server}/{database}?authSource={database}");
        write_private(&workdir.path().join("secrets.env"), &format!("API_SECRET={api}\nDATABASE={uri}\n"));
    };
    let daily = |date: &str| workdir.run(&["daily", "--date", date, "--json"]);

    let refused = |service: &str| {
        let run = daily("2026-11-22").expect(2);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(service) && said.contains("refused the credentials"), "{said}");
    };

    let old = simulator(&OLD);
    configure(&workdir, &old, &database);
    keep(&OLD);
    let run = daily("2026-11-21");
    assert!(run.code < 2, "{run:?}");

    drop(old);
    let new = simulator(&NEW);
    configure(&workdir, &new, &database);
    refused("the billing API at ");
    mongo.command(doc! { "updateUser": "keeper", "pwd": NEW.database });
    refused("the MongoDB server at ");

    keep(&NEW);
    let run = daily("2026-11-22");
    assert!(run.code < 2 && run.report()["total"].is_string(), "{run:?}");
    mongo.command(doc! { "dropUser": "keeper" });
}
