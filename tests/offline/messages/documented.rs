//! `config/costwarden.toml` is valid and names every key.

use costwarden_tests::three_services::{MINIMAL, check, workdir};
use costwarden_tests::{Workdir, repository};

const ENV: [(&str, &str); 5] = [
    ("KAKAO_CREDENTIAL_ID", "id"),
    ("KAKAO_CREDENTIAL_SECRET", "secret"),
    ("S3_ACCESS_KEY", "id"),
    ("S3_SECRET_KEY", "secret"),
    ("MONGODB_URI", "mongodb://127.0.0.1:27017"),
];

fn documented() -> String {
    std::fs::read_to_string(repository().join("config/costwarden.toml")).expect("the documented config")
}

#[test]
fn the_documented_config_is_valid() {
    let workdir = workdir();
    let text = documented()
        .replace("\"/var/lib/costwarden\"", "\"state\"")
        .replace("\"/usr/lib/costwarden/plugins\"", "\"plugins\"")
        .replace("\"/etc/costwarden/rules/default\"", "\"rules\"");
    workdir.write("costwarden.toml", &text);
    let run = workdir.run_with(&["check"], &ENV).expect(0);
    assert!(run.stdout.ends_with("costwarden.toml: 규칙 1개 실행 가능, 오류 0건\n"), "{run:?}");
}

/// The keys of a table, from the parser's message about an unknown key.
fn known(config: &str, table: &str) -> Vec<String> {
    let workdir = Workdir::new(MINIMAL);
    workdir.write("costwarden.toml", config);
    let (_, text) = check(&workdir);
    let prefix = if table.is_empty() { ": no_such_key: ".to_owned() } else { format!(": {table}.no_such_key: ") };
    let line = text.lines().find(|line| line.contains(&prefix)).unwrap_or_else(|| panic!("{table}: {text}"));
    let (_, keys) = line.split_once("unknown key, expected one of ").expect("the keys");
    keys.split(", ").map(str::to_owned).collect()
}

/// The section of the documented config for one table, up to the comment of the next table.
fn part<'t>(text: &'t str, header: &str) -> &'t str {
    let start = text.find(header).unwrap_or_else(|| panic!("{header} is not documented"));
    let rest = &text[start..];
    let end = rest[1..].find("\n[").map_or(rest.len(), |end| end + 1);
    &rest[..end]
}

fn assert_documented(text: &str, keys: &[String]) {
    for key in keys {
        let stands = |line: &str| {
            let line = line.trim_start_matches(['#', ' ']);
            line.strip_prefix(key.as_str()).is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let is_table = text.contains(&format!("[{key}]"))
            || text.contains(&format!(".{key}]"))
            || text.contains(&format!(".{key}."));
        assert!(text.lines().any(stands) || is_table, "{key} is not documented");
    }
}

#[test]
fn the_documented_config_names_every_key() {
    let text = documented();
    let top = &text[..text.find("\n[").expect("tables")];
    let keys = known(&format!("no_such_key = 1\n{MINIMAL}"), "");
    assert_eq!(keys.len(), 25, "{keys:?}");
    let (tables, keys): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| text.contains(&format!("[{key}]")));
    assert_eq!(
        tables,
        [
            "completeness",
            "source",
            "archive",
            "store",
            "lease",
            "plugins",
            "rules",
            "receiver",
            "route",
            "budget",
            "metrics",
            "secrets",
            "health"
        ]
    );
    assert_documented(top, &keys);

    for (table, kind, count) in [
        ("completeness", "", 3),
        ("source", "kind = \"kakao\"\ncredential_id = \"id\"", 12),
        ("source", "kind = \"replay\"", 3),
        ("source", "kind = \"archive\"", 2),
        ("archive", "kind = \"s3\"\nbucket = \"b\"", 13),
        ("archive", "kind = \"directory\"", 3),
        ("archive.lifecycle", "", 3),
        ("store", "kind = \"mongodb\"", 6),
        ("store", "kind = \"embedded\"", 2),
        ("secrets", "", 9),
        ("metrics", "", 5),
        ("plugins", "directory = \"plugins\"", 8),
        ("plugins.limits", "", 21),
        ("health", "", 14),
        ("rules", "directory = \"rules\"", 2),
    ] {
        let keys = known(&format!("[{table}]\n{kind}\nno_such_key = 1\n"), table);
        assert_eq!(keys.len(), count, "{table} {kind}: {keys:?}");
        // Their own keys may be tables of their own.
        let whole = if ["archive", "plugins"].contains(&table) {
            &text[text.find(&format!("[{table}]")).expect("the table")..]
        } else {
            part(&text, &format!("[{table}]"))
        };
        assert_documented(whole, &keys);
    }
    for (kind, count) in [
        ("kind = \"stdout\"", 4),
        ("kind = \"syslog\"", 7),
        ("kind = \"syslog\"\ntransport = \"tcp\"", 7),
        ("kind = \"slack\"\nbot_token = \"env:HOME\"", 9),
        ("kind = \"email\"", 12),
        ("kind = \"webhook\"", 7),
        ("kind = \"alertmanager\"", 8),
        ("kind = \"teams\"", 6),
        ("kind = \"kakaowork\"", 8),
    ] {
        let keys = known(&format!("[[receiver]]\n{kind}\nno_such_key = 1\n"), "receiver");
        assert_eq!(keys.len(), count, "{keys:?}");
        assert_documented(part(&text, "[[receiver]]"), &keys);
    }
    for (header, table, count) in [
        ("[[route]]", "route", 12),
        ("[[budget]]", "budget", 8),
        ("[[plugins.signing.key]]", "plugins.signing.key", 3),
        ("[[plugins.registry]]", "plugins.registry", 7),
    ] {
        let keys = known(&format!("{header}\nno_such_key = 1\n"), table);
        assert_eq!(keys.len(), count, "{keys:?}");
        assert_documented(part(&text, header), &keys);
    }
    let keys = known(
        "[plugins]\ndirectory = \"plugins\"\n[plugins.grants.daily-level]\nno_such_key = 1\n",
        "plugins.grants.daily-level",
    );
    assert_documented(&text, &keys);
}
