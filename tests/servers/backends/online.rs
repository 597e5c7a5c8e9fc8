//! `check --online`: the checklist before going live, against real servers. The check leaves no trace.

use mongodb::Client;
use mongodb::bson::{Document, doc};

use super::log::Log;
use costwarden_tests::bucket::Bucket;
use costwarden_tests::{Run, Simulator, Workdir, block_on, service, write_private};

/// A database of one test, with a user.
struct Database {
    server: String,
    name: String,
}

const PASSWORD: &str = "keeper-of-the-suite";

impl Database {
    fn new(name: &str, role: &str) -> Option<Self> {
        let server = service("COSTWARDEN_TEST_MONGODB")?.trim_start_matches("mongodb://").to_owned();
        let database = Self { server, name: format!("online-{name}-{}", std::process::id()) };
        database.run(doc! { "createUser": "keeper", "pwd": PASSWORD, "roles": [role] });
        Some(database)
    }

    fn store(&self) -> String {
        let Self { server, name } = self;
        format!(
            "[store]\nkind = \"mongodb\"\nuri = \"mongodb://keeper:{PASSWORD}@{server}/{name}?authSource={name}\"\ndatabase = {name:?}\n"
        )
    }

    fn run(&self, command: Document) -> Document {
        block_on(async {
            let client = Client::with_uri_str(format!("mongodb://{}", self.server)).await.expect("a client");
            client.database(&self.name).run_command(command).await.expect("done")
        })
    }

    fn collections(&self) -> Vec<String> {
        let reply = self.run(doc! { "listCollections": 1, "nameOnly": true });
        let batch = reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch")).expect("a list");
        let names =
            batch.iter().map(|listed| listed.as_document().expect("a document").get_str("name").expect("a name"));
        names.map(str::to_owned).collect()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.run(doc! { "dropUser": "keeper" });
        self.run(doc! { "dropDatabase": 1 });
    }
}

fn lines(run: &Run) -> Vec<String> {
    run.stdout.lines().map(str::to_owned).collect()
}

#[track_caller]
fn has(run: &Run, line: &str) {
    assert!(lines(run).iter().any(|found| found.contains(line)), "{line:?} is not in\n{}\n{}", run.stdout, run.stderr);
}

#[test]
fn all_is_well_and_no_trace_is_left() {
    let (Some(bucket), Some(database)) = (Bucket::new("online"), Database::new("well", "readWrite")) else { return };
    let simulator = Simulator::start(&["--services=4", "--days=10"]);
    let workdir = Workdir::new("");
    let Some(log) = Log::new(workdir.path()) else { return };
    let config = format!(
        "language = \"en\"\n{}{}{}[metrics]\ntextfile = \"metrics/costwarden.prom\"\n[plugins]\ndirectory = {:?}\n[rules]\ndirectory = {:?}\n\
         [[receiver]]\nkind = \"syslog\"\nname = \"local\"\napp_name = {:?}\npath = {:?}\n\
         [[receiver]]\nkind = \"syslog\"\nname = \"far\"\napp_name = {:?}\ntransport = \"udp\"\naddress = {:?}\n",
        simulator.source(),
        bucket.archive(&bucket.endpoint),
        database.store(),
        costwarden_tests::plugins(),
        costwarden_tests::repository().join("rules/default"),
        log.app,
        log.socket,
        log.app,
        log.udp,
    );
    workdir.write("costwarden.toml", &config);
    bucket.hand_over_secret(&workdir);
    std::fs::create_dir(workdir.path().join("metrics")).expect("a folder");
    let run = workdir.run_with(&["check", "--online"], &[Simulator::ENV]).expect(0);
    for line in [
        "ok       source     the billing API at http://127.0.0.1",
        "ok       clock      agrees with the clock of the billing API",
        "ok       archive    bucket online-",
        "reached, may write, read and remove",
        "ok       store      reached, may read and write; ",
        "indexes are missing; the next run creates the indexes",
        "/state: does not exist; the first run creates the folder; the disk is ",
        "ok       metrics    ",
        "ok       receiver   local: reached; --notify sends a test notification",
        "warning  receiver   far: gives no receipt; send a test notification with --notify and check the arrival",
        "5 rules can run, 0 errors",
    ] {
        has(&run, line);
    }
    assert!(run.stdout.contains("schedule "), "{run:?}");
    assert_eq!(bucket.keys(), Vec::<String>::new());
    assert_eq!(database.collections(), Vec::<String>::new());
    assert!(!workdir.path().join("state").exists());
    assert_eq!(std::fs::read_dir(workdir.path().join("metrics")).expect("a folder").count(), 0);

    // What it said was sent is the first line that the log has of it, over both ways.
    let run = workdir.run_with(&["check", "--online", "--notify", "--json"], &[Simulator::ENV]).expect(0);
    let told = run.json();
    let receivers: Vec<_> = told.iter().filter(|line| line["check"] == "receiver").collect();
    assert!(receivers.len() == 2 && receivers.iter().all(|line| line["level"] == "ok"), "{run:?}");
    let received = log.lines(2);
    assert!(received.iter().all(|line| line.text.starts_with("[COSTWARDEN_TEST] ")), "{received:?}");

    // After a run, nothing is missing any more.
    let first = workdir.run_with(&["backfill", "--from=2026-11-01", "--to=2026-11-01"], &[Simulator::ENV]);
    assert!(!database.collections().is_empty(), "{first:?}");
    let run = workdir.run_with(&["check", "--online"], &[Simulator::ENV]).expect(0);
    assert!(lines(&run).iter().any(|line| line == "ok       store      reached, may read and write"), "{run:?}");
}

#[test]
fn check_online_reports_the_failures_of_a_later_run() {
    let Some(database) = Database::new("unwell", "read") else { return };
    let simulator = Simulator::start(&["--services=4", "--days=10"]);
    let workdir = Workdir::new(&format!(
        "state_dir = \"file/state\"\n{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n{}\
         [[receiver]]\nkind = \"syslog\"\ntransport = \"tcp\"\naddress = \"127.0.0.1:1\"\n\
         [[receiver]]\nkind = \"syslog\"\nname = \"local\"\npath = \"nowhere\"\n",
        simulator.source().replace("env:SIMULATED_SECRET", "file:secret"),
        database.store(),
    ));
    write_private(&workdir.path().join("secret"), "not-the-secret");
    workdir.write("file", "in the way of a folder");
    let run = workdir.run(&["check", "--online"]).expect(2);
    for error in [
        "the billing API at http://127.0.0.1",
        "refused the credentials with 401: check source.credential_id and source.credential_secret",
        "reached, but may not insert, update, remove, createIndex: give the user of [store] uri the role readWrite",
        "file is not writable: ",
        "receiver syslog: cannot reach tcp 127.0.0.1:1: Connection refused",
        "nowhere: No such file or directory (os error 2); check that the service runs and that this user may write to it",
    ] {
        assert!(run.stderr.contains(error), "{error:?} is not in\n{}", run.stderr);
    }
    has(&run, "error    source     the billing API at http://127.0.0.1");
    has(&run, "ok       archive    ");
    has(&run, "5 rules can run, 5 errors");
}
