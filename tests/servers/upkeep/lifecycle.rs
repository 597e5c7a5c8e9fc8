//! The lifecycle rules of a bucket: on a server with such rules, on a server without, and with an archive in a folder.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};

use super::test_archive::TestArchive;
use costwarden_tests::bucket::Bucket;
use costwarden_tests::{Workdir, block_on, repository, skipped};

/// moto, stopped with the value.
struct Moto {
    server: Child,
    endpoint: String,
}

impl Moto {
    /// A running moto; `None` if unavailable.
    fn start() -> Option<Self> {
        let got = Command::new(repository().join("tests/services.sh")).arg("moto").output().expect("bash");
        if !got.status.success() {
            skipped(&format!("lifecycle rules: {}", String::from_utf8_lossy(&got.stderr).trim()));
            return None;
        }
        let modules = String::from_utf8(got.stdout).expect("UTF-8");
        let mut command = Command::new("python3");
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]).env("PYTHONPATH", modules.trim());
        let mut server = command.stderr(Stdio::piped()).stdin(Stdio::null()).spawn().expect("python3");
        let mut told = BufReader::new(server.stderr.take().expect("piped"));
        let mut line = String::new();
        while !line.contains("Running on ") {
            line.clear();
            assert!(told.read_line(&mut line).expect("its log") > 0, "moto does not come up");
        }
        // It goes on to write there.
        std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
        let endpoint = line.split("Running on ").nth(1).expect("an address").trim().to_owned();
        Some(Self { server, endpoint })
    }

    fn bucket(&self, name: &str) -> Bucket {
        Bucket::at(self.endpoint.clone(), "an-access-key".to_owned(), "a-secret-key".to_owned(), name)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.server.kill().expect("ours to end");
        self.server.wait().expect("ended");
    }
}

fn workdir(archive: &TestArchive, lifecycle: &str) -> Workdir {
    let workdir = Workdir::new("");
    configure(&workdir, archive, lifecycle);
    archive.join(&workdir);
    workdir
}

fn configure(workdir: &Workdir, archive: &TestArchive, lifecycle: &str) {
    workdir.write(
        "costwarden.toml",
        &format!(
            "language = \"en\"\n[source]\naccount = \"suite\"\nkind = \"archive\"\n{}[store]\nkind = \"embedded\"\n[plugins]\ndirectory = \"plugins\"\n[rules]\ndirectory = \"rules\"\n",
            archive.table(lifecycle)
        ),
    );
}

fn rules(bucket: &Bucket) -> Vec<LifecycleRule> {
    let get = bucket.client().get_bucket_lifecycle_configuration().bucket(&bucket.name).send();
    block_on(get).map(|found| found.rules().to_vec()).unwrap_or_default()
}

/// A lifecycle rule of another program, unlike any of costwarden's.
fn rule_of_another() -> LifecycleRule {
    LifecycleRule::builder()
        .id("logs")
        .filter(LifecycleRuleFilter::builder().prefix("logs/").build())
        .status(ExpirationStatus::Enabled)
        .expiration(LifecycleExpiration::builder().days(30).build())
        .abort_incomplete_multipart_upload(AbortIncompleteMultipartUpload::builder().days_after_initiation(3).build())
        .build()
        .expect("a rule")
}

#[test]
fn rules_are_shown_set_and_changed_and_those_of_others_stay() {
    let Some(moto) = Moto::start() else { return };
    let bucket = moto.bucket("rules");
    let others = BucketLifecycleConfiguration::builder().rules(rule_of_another()).build().expect("rules");
    let put = bucket.client().put_bucket_lifecycle_configuration().bucket(&bucket.name).lifecycle_configuration(others);
    block_on(put.send()).expect("set");
    let before = rules(&bucket);
    assert_eq!(before.len(), 1, "{before:?}");
    let archive = TestArchive::Bucket(bucket);
    let workdir = workdir(&archive, "");
    let TestArchive::Bucket(bucket) = &archive else { unreachable!("made above") };
    let name = archive.name(&workdir);

    let shown = workdir.run(&["archive", "lifecycle"]).expect(0).stdout;
    let wanted = "  logs (Enabled), objects under \"logs/\"\n    deleted after 30 days\n    unfinished uploads are \
                  aborted after 3 days\n+ costwarden-raw-documents (Enabled), objects under \"bills/raw/\"\n+   to GLACIER_IR \
                  after 90 days\n+   deleted after 365 days\n";
    assert_eq!(shown, format!("{wanted}{name} would have these rules: set them with --apply\n"));
    assert_eq!(rules(bucket), before, "it was only shown");

    let set = workdir.run(&["archive", "lifecycle", "--apply"]).expect(0).stdout;
    assert_eq!(set, format!("{wanted}{name} has these rules now\n"));
    let after = rules(bucket);
    let [first, ours] = &after[..] else { panic!("expected two: {after:?}") };
    assert_eq!(first, &before[0]);
    let cold = &ours.transitions()[0];
    assert_eq!(ours.filter().and_then(LifecycleRuleFilter::prefix), Some("bills/raw/"));
    assert_eq!((cold.days(), cold.storage_class().map(AsRef::as_ref)), (Some(90), Some("GLACIER_IR")));
    assert_eq!(ours.expiration().and_then(LifecycleExpiration::days), Some(365));

    let again = workdir.json(&["archive", "lifecycle", "--apply", "--json"]);
    assert_eq!((&again[0]["changed"], &again[0]["applied"]), (&false.into(), &false.into()), "{again:?}");

    configure(&workdir, &archive, "cold_after_days = 40\ndelete_after_days = 400\ncold_class = \"DEEP_ARCHIVE\"");
    let changed = workdir.run(&["archive", "lifecycle", "--apply"]).expect(0).stdout;
    for line in [
        "-   to GLACIER_IR after 90 days\n",
        "+   to DEEP_ARCHIVE after 40 days\n",
        "-   deleted after 365 days\n",
        "+   deleted after 400 days\n",
    ] {
        assert!(changed.contains(line), "{changed}");
    }
    let after = rules(bucket);
    assert_eq!((after.len(), &after[0]), (2, &before[0]));
    assert_eq!(after[1].expiration().and_then(LifecycleExpiration::days), Some(400));
}

#[test]
fn a_bucket_that_has_no_rules_yet_gets_ours() {
    let Some(moto) = Moto::start() else { return };
    let archive = TestArchive::Bucket(moto.bucket("none"));
    let workdir = workdir(&archive, "");
    let TestArchive::Bucket(bucket) = &archive else { unreachable!("made above") };
    let told = workdir.json(&["archive", "lifecycle", "--apply", "--json"]);
    assert_eq!((&told[0]["before"], &told[0]["applied"]), (&serde_json::json!([]), &true.into()), "{told:?}");
    assert_eq!(rules(bucket).len(), 1);
}

#[test]
fn a_place_without_rules_says_so_and_names_the_other_way() {
    for archive in TestArchive::all("no-rules") {
        let workdir = workdir(&archive, "");
        for args in [&["archive", "lifecycle"][..], &["archive", "lifecycle", "--apply"]] {
            let run = workdir.run(args).expect(2);
            let expected = format!("failed: {} offers no lifecycle rules (", archive.name(&workdir));
            assert!(run.stderr.starts_with(&expected), "{run:?}");
            assert!(run.stderr.contains("costwarden archive prune"), "{run:?}");
        }
    }
}

#[test]
fn days_that_make_no_sense_are_told() {
    let workdir = workdir(&TestArchive::Folder, "cold_after_days = 365\ncold_class = \"\"");
    let said = workdir.run(&["archive", "lifecycle"]).expect(2).stderr;
    assert!(
        said.contains("archive.lifecycle.cold_after_days: expected less than delete_after_days, which is 365"),
        "{said}"
    );
    assert!(said.contains("archive.lifecycle.cold_class: expected the name of a storage class"), "{said}");
    configure(&workdir, &TestArchive::Folder, "delete_after_days = 31");
    let said = workdir.run(&["archive", "lifecycle"]).expect(2).stderr;
    assert!(said.contains("archive.lifecycle.delete_after_days: expected a whole number from 32 to 36500"), "{said}");
}
