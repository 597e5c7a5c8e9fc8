use notify::options::ReceiverKind;

use super::*;

const MINIMAL: &str = r#"
[source]
kind = "replay"
directory = "raw"
[archive]
kind = "directory"
directory = "archive"
[store]
kind = "embedded"
[plugins]
directory = "plugins"
[rules]
directory = "rules"
"#;

/// Resolves the secrets of a draft without a secret in Secrets Manager.
fn resolved<T>(draft: Draft<T>, uses: SecretUse) -> Result<T, Vec<Diagnostic>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(draft.resolve(uses))
}

fn parsed(text: &str) -> Result<Config, String> {
    let env = |name: &str| (name == "SET").then(|| "hunter2".to_owned());
    let draft = parse(Path::new("etc/costwarden.toml"), text, &env);
    draft
        .and_then(|draft| resolved(draft, SecretUse::All))
        .map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect())
}

#[test]
fn a_minimal_config_is_enough() {
    let config = parsed(MINIMAL).expect("valid");
    assert_eq!(config.state_dir, Path::new("etc/state"));
    assert_eq!(config.rules, Path::new("etc/rules"));
    assert_eq!((config.currency.as_str(), config.language), ("KRW", Language::Korean));
    assert_eq!(config.zone.iana_name(), Some("Asia/Seoul"));
    assert!(matches!(config.receivers.as_slice(), [ReceiverOptions { kind: ReceiverKind::Terminal(_), .. }]));
}

#[test]
fn every_error_is_told_at_once() {
    let text = r#"
time_zone = "Seoul"
currency = "won"
tongue = "en"
baseline_days = 0
[source]
kind = "kakao"
credential_id = "id"
credential_secret = "hunter2"
page_size = 20000
[archive]
kind = "s3"
bucket = "b"
access_key = "env:UNSET"
secret_key = "file:/nonexistent/key"
[store]
kind = "mysql"
[plugins]
directory = 5
limits = { memory_bytes = 0 }
[[receiver]]
kind = "syslog"
transport = "tcp"
[[receiver]]
kind = "syslog"
"#;
    insta::assert_snapshot!(parsed(text).expect_err("invalid"), @r#"
    etc/costwarden.toml:1: rules: is missing, expected a table [rules] with directory = "..."
    etc/costwarden.toml:2: time_zone: expected an IANA time zone like "Asia/Seoul", found "Seoul"
    etc/costwarden.toml:3: currency: expected an ISO 4217 code like "KRW", found "won"
    etc/costwarden.toml:4: tongue: unknown key, expected one of env_file, state_dir, time_zone, currency, language, renotify_factor, baseline_days, accept_after_days, restate_days, catch_up_days, completeness, source, archive, store, lease, plugins, rules, receiver, ownership, report_url, route, budget, metrics, secrets, health
    etc/costwarden.toml:5: baseline_days: expected a whole number from 1 to 3660, found 0
    etc/costwarden.toml:9: source.credential_secret: expected a reference such as "env:NAME", "file:PATH" or "kakao-secret:ID", not the secret itself
    etc/costwarden.toml:10: source.page_size: expected a whole number from 1 to 10000, found 20000
    etc/costwarden.toml:14: archive.access_key: the environment variable UNSET is not set
    etc/costwarden.toml:15: archive.secret_key: /nonexistent/key cannot be read: No such file or directory (os error 2)
    etc/costwarden.toml:17: store.kind: expected "embedded" or "mongodb", found "mysql"
    etc/costwarden.toml:19: plugins.directory: expected a path in quotes, found 5
    etc/costwarden.toml:20: plugins.limits.memory_bytes: expected a whole number from 1 to 4294967296, found 0
    etc/costwarden.toml:21: receiver.address: is missing, expected "HOST:PORT"
    etc/costwarden.toml:24: receiver.name: "syslog" is the name of another receiver, expected a unique name
    "#);
}

#[test]
fn a_text_that_is_not_toml_is_told_with_its_line() {
    insta::assert_snapshot!(parsed("state_dir = \"a\"\nsource = [").expect_err("invalid"), @"etc/costwarden.toml:2: the file ends in the middle of a value");
}

#[test]
fn trying_out_needs_no_secret() {
    let unset = MINIMAL.replace(
        "kind = \"replay\"\ndirectory = \"raw\"",
        "kind = \"kakao\"\ncredential_id = \"id\"\ncredential_secret = \"env:UNSET\"",
    );
    let text = format!(
        "accept_after_days = 3\n{unset}[plugins.limits]\nfuel_per_call = 7\n[[plugins.registry]]\nhost = \"h\"\n\
             username = \"me\"\npassword = \"file:/nonexistent\"\n"
    );
    assert!(parsed(&text).is_err());
    let trial = parse_trial(Path::new("etc/costwarden.toml"), &text).expect("valid");
    assert_eq!((trial.accept_after_days, trial.plugins.limits.fuel_per_call), (3, 7));
    let wrong = text.replace("fuel_per_call = 7", "fuel = 7").replace("accept_after_days = 3", "accept_after_days = 0");
    let errors = parse_trial(Path::new("etc/costwarden.toml"), &wrong).expect_err("invalid");
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn sharing_needs_the_secrets_of_registries_alone() {
    let text = |password: &str, secrets: &str| {
        let source = "[source]\nkind = \"kakao\"\ncredential_id = \"id\"\ncredential_secret = \"env:UNSET\"\n";
        let registry = format!("[[plugins.registry]]\nhost = \"h\"\nusername = \"me\"\npassword = {password:?}\n");
        format!("{source}{registry}[secrets]\ncredential_id = \"id\"\ncredential_secret = {secrets:?}\n")
    };
    let env = |name: &str| (name == "SET").then(|| "hunter2".to_owned());
    let told = |password, secrets| {
        let draft = parse_exchange(Path::new("etc/costwarden.toml"), &text(password, secrets), &env);
        draft.map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect::<String>())
    };
    let draft = told("env:SET", "env:UNSET").expect("valid");
    assert_eq!((draft.secrets.pending.len(), draft.config.plugins.registries.len()), (0, 1));
    assert_eq!(draft.config.state_dir.as_deref(), Some(Path::new("etc/state")));
    let draft = told("kakao-secret:registry", "env:SET").expect("valid");
    assert_eq!((draft.secrets.pending.len(), draft.secrets_manager.is_some()), (1, true));
    let draft = told("kakao-secret:registry", "env:UNSET").expect("valid");
    let errors = resolved(draft, SecretUse::Tables(&["plugins"])).expect_err("invalid");
    insta::assert_snapshot!(errors[0], @"etc/costwarden.toml:11: secrets.credential_secret: the environment variable UNSET is not set");
}

#[test]
fn a_command_needs_only_the_secrets_that_it_uses() {
    let text = MINIMAL
        .replace(
            "kind = \"replay\"\ndirectory = \"raw\"",
            "kind = \"kakao\"\ncredential_id = \"id\"\ncredential_secret = \"env:UNSET\"",
        )
        .replace("kind = \"embedded\"", "kind = \"mongodb\"\nuri = \"env:NO_URI\"")
        .replace("[source]", "[source]\naccount = \"a\"");
    let path = Path::new("etc/costwarden.toml");
    let missing = |uses| {
        let draft = parse(path, &text, &|_| None).expect("valid");
        let errors = resolved(draft, uses).err().unwrap_or_default();
        errors.into_iter().map(|error| error.key).collect::<Vec<_>>()
    };
    assert_eq!(missing(SecretUse::Tables(&[])), [] as [&str; 0]);
    assert_eq!(missing(SecretUse::Tables(&["store"])), ["store.uri"]);
    assert_eq!(missing(SecretUse::All), ["source.credential_secret", "store.uri"]);
}

#[test]
fn mongodb_needs_an_account() {
    let mongodb = MINIMAL.replace("kind = \"embedded\"", "kind = \"mongodb\"\nuri = \"mongodb://h\"");
    let message = parsed(&mongodb).expect_err("invalid");
    assert!(message.contains(":2: source: account is missing, expected account = \"NAME\""), "{message}");
    let named = |account: &str| mongodb.replace("[source]", &format!("[source]\naccount = {account:?}"));
    assert_eq!(parsed(&named("acme-1")).expect("valid").account, "acme-1");
    let message = parsed(&named("a b")).expect_err("invalid");
    assert!(message.contains("source.account: expected 1 to 64 letters, digits, - and _, found \"a b\""), "{message}");
    assert_eq!(parsed(MINIMAL).expect("valid").account, "default");
}

#[test]
fn the_store_is_read_without_the_other_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("costwarden.toml");
    std::fs::write(&file, "currency = \"USD\"\n[store]\nkind = \"embedded\"\n").expect("written");
    let draft = load_store(&file, &|_| None).expect("valid");
    assert_eq!(draft.config.currency, "USD");
    std::fs::write(&file, "currency = \"USD\"\n").expect("written");
    let errors = load_store(&file, &|_| None).err().expect("invalid");
    assert_eq!(errors[0].key, "store", "{errors:?}");
}

#[test]
fn an_env_file_defines_the_variables_of_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("costwarden.toml");
    let config = MINIMAL
        .replace("kind = \"embedded\"", "kind = \"mongodb\"\nuri = \"env:URI\"")
        .replace("[source]", "[source]\naccount = \"a\"");
    std::fs::write(&file, format!("env_file = \"environment\"\n{config}")).expect("written");
    let uri = |lines: &str| {
        std::fs::write(folder.path().join("environment"), lines).expect("written");
        let draft = load(&file, &|_| None)?;
        let StoreOptions::Mongodb(options) = resolved(draft, SecretUse::All)?.store else { panic!("mongodb") };
        Ok::<_, Vec<Diagnostic>>(options.uri.expose().to_owned())
    };
    assert_eq!(uri("# comment\n\nURI='mongodb://h'\n").expect("valid"), "mongodb://h");
    assert_eq!(uri("export URI=mongodb://h/?a=$1&tls=true").expect("valid"), "mongodb://h/?a=$1&tls=true");
    assert_eq!(uri("OTHER=x").expect_err("missing")[0].message, "the environment variable URI is not set");
    let message = uri("OTHER=x\nhunter2\n").expect_err("invalid")[0].message.clone();
    assert!(message.starts_with("line 2 of ") && message.ends_with("is not an assignment, expected NAME=value"));
    assert!(!message.contains("hunter2"));
}

#[test]
fn a_secret_is_never_shown() {
    let text = MINIMAL.replace(
        "kind = \"replay\"\ndirectory = \"raw\"",
        "kind = \"kakao\"\ncredential_id = \"id\"\ncredential_secret = \"env:SET\"",
    );
    let config = parsed(&text).expect("valid");
    assert!(!format!("{config:?}").contains("hunter2"));
    let SourceOptions::Kakao(kakao) = config.source else { panic!("kakao was asked for") };
    assert_eq!(kakao.credential_secret.expose(), "hunter2");
}
