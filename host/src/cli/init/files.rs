//! The files of a new folder. An existing file is never overwritten.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::answers::Answers;
use super::bill::BillSize;
use crate::cli::demo::DEFAULT_RULES;
use crate::config;
use model::rule;

/// The paths of the files.
pub(super) struct Files {
    folder: PathBuf,
}

const CONFIG: &str = "costwarden.toml";
const ENVIRONMENT: &str = "environment";
/// The line of the config that names the file with the variables.
pub(super) const ENV_FILE: &str = "env_file = \"environment\"";
const RULES: &str = "rules/default.toml";
const CONFIG_SCHEMA: &str = "schema/config.json";
const RULES_SCHEMA: &str = "schema/rules.json";

impl Files {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    /// Folder of the output of the jobs.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Fails if a file exists.
    pub(super) fn check_free(&self) -> anyhow::Result<()> {
        for name in [CONFIG, ENVIRONMENT, RULES, CONFIG_SCHEMA, RULES_SCHEMA] {
            let file = self.folder.join(name);
            anyhow::ensure!(
                !file.exists(),
                "{} exists, and init overwrites nothing: name another folder",
                file.display()
            );
        }
        Ok(())
    }

    pub(super) fn written(&self, answers: &Answers) -> Vec<PathBuf> {
        let environment = (!answers.secrets.is_empty()).then_some(ENVIRONMENT);
        let names = [CONFIG, RULES, CONFIG_SCHEMA, RULES_SCHEMA].into_iter().chain(environment);
        names.map(|name| self.folder.join(name)).collect()
    }

    /// Writes the files; the config last, because the config makes the folder usable.
    pub(super) fn write(&self, answers: &Answers, plugins: &Path, bill: &BillSize) -> anyhow::Result<()> {
        if !answers.secrets.is_empty() {
            self.create(ENVIRONMENT, &environment_text(answers)?, 0o600)?;
        }
        self.create(CONFIG_SCHEMA, &format!("{:#}\n", config::schema()), 0o644)?;
        self.create(RULES_SCHEMA, &format!("{:#}\n", rule::schema()), 0o644)?;
        self.create(RULES, &rules_text(bill), 0o644)?;
        self.create(CONFIG, &config_text(answers, plugins), 0o644)
    }

    fn create(&self, name: &str, text: &str, mode: u32) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        let written = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        written().with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// Returns the lines of the variables.
fn environment_text(answers: &Answers) -> anyhow::Result<String> {
    let mut text = String::new();
    for secret in &answers.secrets {
        let is_line = !secret.value.contains(['\n', '\'']);
        anyhow::ensure!(is_line, "the secret {} contains a quote or a line break: write the file by hand", secret.name);
        let _ = writeln!(text, "{}='{}'", secret.name, secret.value);
    }
    Ok(text)
}

/// Returns the config. Every key that is not set has its default; the schema names all keys.
pub(super) fn config_text(answers: &Answers, plugins: &Path) -> String {
    let mut text = String::from("#:schema schema/config.json\n\n");
    let _ = writeln!(
        text,
        "# The config of costwarden. Paths are relative to this file. Check with: costwarden check --online\n"
    );
    if !answers.secrets.is_empty() {
        let _ = writeln!(text, "# The variables of the env: references.\n{ENV_FILE}\n");
    }
    let Answers { account, currency, language, credential_id, credential_secret, .. } = answers;
    let _ = write!(
        text,
        "# The currency of the bill, and the language of notifications and of the command line.\ncurrency = {currency:?}\nlanguage = {language:?}\n\n\
         # The source of the bills.\n[source]\nkind = \"kakao\"\naccount = {account:?}  # the database and the schedule belong to one account\n"
    );
    if let Some(endpoint) = &answers.endpoint {
        let _ = writeln!(text, "endpoint = {endpoint:?}");
    }
    let _ = write!(text, "credential_id = {credential_id:?}\ncredential_secret = {credential_secret:?}\n\n");
    archive(answers, &mut text);
    store(answers, &mut text);
    let _ = write!(
        text,
        "# The detectors, and the rules that use them.\n[plugins]\ndirectory = {plugins:?}\n\n[rules]\ndirectory = \"rules\"\n\n"
    );
    receivers(answers, &mut text);
    text
}

fn archive(answers: &Answers, text: &mut String) {
    let _ = writeln!(
        text,
        "# The archive of raw documents. A run archives a document before anything is computed.\n[archive]"
    );
    let Some(bucket) = &answers.bucket else {
        let _ = write!(text, "kind = \"directory\"\ndirectory = \"archive\"\n\n");
        return;
    };
    let _ = writeln!(text, "kind = \"s3\"\nbucket = {bucket:?}");
    if let Some(endpoint) = &answers.s3_endpoint {
        let _ = writeln!(text, "endpoint = {endpoint:?}");
    }
    let Answers { access_key, secret_key, .. } = answers;
    let _ = write!(text, "access_key = {access_key:?}\nsecret_key = {secret_key:?}\n\n");
}

fn store(answers: &Answers, text: &mut String) {
    let _ = writeln!(text, "# The store of days, fits, anomalies, incidents and run records.\n[store]");
    let _ = match (&answers.mongodb_uri, &answers.database) {
        (Some(uri), database) => write!(text, "kind = \"mongodb\"\nuri = {uri:?}\ndatabase = {database:?}\n\n"),
        (None, _) => write!(text, "kind = \"embedded\"  # one file in state_dir\n\n"),
    };
}

fn receivers(answers: &Answers, text: &mut String) {
    let _ = writeln!(text, "# The receivers of notifications; docs/receivers describes all kinds.");
    match &answers.syslog {
        Some(path) => {
            let _ = writeln!(text, "[[receiver]]\nkind = \"syslog\"\npath = {path:?}");
        }
        None => {
            let _ = writeln!(text, "[[receiver]]\nkind = \"stdout\"");
        }
    }
    if let Some(webhook) = &answers.slack_webhook {
        let _ = writeln!(text, "\n[[receiver]]\nkind = \"slack\"\nwebhook_url = {webhook:?}");
    }
}

/// Returns the default rules without the sums that equal other sums, with the smallest notified difference in money.
fn rules_text(bill: &BillSize) -> String {
    let mut text = String::from("#:schema ../schema/rules.json\n\n");
    let share = bill.cost * 28.0 * 0.0005;
    let _ = writeln!(
        text,
        "# min_impact_share = 0.0005 is about {share:.0} {} for this bill. min_impact = \"10000 {}\" sets an amount instead.\n",
        bill.currency, bill.currency
    );
    // A sum over one project is the account, and a sum over one account is the total.
    let is_redundant = |block: &str| {
        (bill.projects == 1 && block.contains("id = \"project-daily\""))
            || (bill.accounts == 1 && block.contains("id = \"account-daily\""))
    };
    let blocks = DEFAULT_RULES.split("[[rule]]\n").skip(1).filter(|block| !is_redundant(block));
    let rules: Vec<String> = blocks.map(|block| format!("[[rule]]\n{}\n", block.trim_end())).collect();
    text.push_str(&rules.join("\n"));
    text
}
