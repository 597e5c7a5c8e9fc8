//! Valid documents with every key, one for each kind of table.

use costwarden_tests::repository;

/// The variables of the references.
pub(super) const ENV: [(&str, &str); 2] =
    [("SECRET", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), ("ADDRESS", "https://hooks.example.com/x")];

const SOURCE: &str = "[source]\nkind = \"replay\"\naccount = \"acme\"\ndirectory = \"raw\"\n";
const ARCHIVE: &str = "[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n";
const STORE: &str = "[store]\nkind = \"embedded\"\npath = \"costwarden.redb\"\n";
const REST: &str = "[plugins]\ndirectory = \"plugins\"\n[rules]\ndirectory = \"rules\"\n";

const KAKAO: &str = r#"[source]
kind = "kakao"
account = "acme"
endpoint = "https://billing.example.com"
credential_id = "id"
credential_secret = "env:SECRET"
page_size = 10
max_pages = 10
timeout_seconds = 10
backoff_ms = 10
retry_seconds = 10
transport = "https"
"#;

const S3: &str = r#"[archive]
kind = "s3"
endpoint = "https://s3.example.com"
region = "r"
bucket = "b"
prefix = "p/"
access_key = "id"
secret_key = "env:SECRET"
timeout_seconds = 10
transport = "https"
server_side_encryption = "aws:kms"
kms_key_id = "k"
[archive.lifecycle]
cold_after_days = 90
delete_after_days = 365
cold_class = "GLACIER_IR"
"#;

const MONGODB: &str =
    "[store]\nkind = \"mongodb\"\nuri = \"mongodb://127.0.0.1:1\"\ndatabase = \"billing\"\ntimeout_seconds = 10\n";

const GENERAL: &str = r#"state_dir = "state"
time_zone = "Asia/Seoul"
currency = "KRW"
language = "en"
baseline_days = 90
accept_after_days = 7
restate_days = 5
catch_up_days = 14
renotify_factor = 2
[completeness]
expected_by_hour = 12
stalled_hours = 6
min_series_ratio = 0.5
[lease]
seconds = 60
wait_seconds = 60
[metrics]
textfile = "a.prom"
otlp_endpoint = "http://127.0.0.1:1"
otlp_timeout_seconds = 5
transport = "https"
[secrets]
iam_endpoint = "https://iam.example.com"
endpoint = "https://secrets.example.com"
credential_id = "id"
credential_secret = "env:SECRET"
timeout_seconds = 10
attempts = 4
backoff_ms = 10
transport = "https"
[health]
jobs = ["daily"]
run_seconds = 300
running_minutes = 120
surge_factor = 3
surge_min = 10
[health.spool]
warning = 1
critical = 48
"#;

const PLUGINS: &str = r#"[rules]
directory = "rules"
[plugins]
directory = "plugins"
lock = "plugins.lock"
lock_required = false
jail = "available"
[plugins.limits]
fuel_per_call = 50_000_000
stack_bytes = 524_288
log_lines = 100
[plugins.grants.NAME]
reference = "reference"
[[plugins.registry]]
host = "registry.example.com"
username = "u"
password = "env:SECRET"
realm_hosts = ["auth.example.com"]
transport = "https"
timeout_seconds = 60
"#;

const RECEIVERS: &str = r#"[[receiver]]
kind = "stdout"
name = "a"
daily_total = true
text = "short"
[[receiver]]
kind = "syslog"
name = "b"
transport = "unix"
path = "/dev/log"
app_name = "costwarden"
[[receiver]]
kind = "syslog"
name = "c"
transport = "tcp"
address = "127.0.0.1:601"
[[receiver]]
kind = "slack"
name = "d"
bot_token = "env:SECRET"
channel = "C1"
endpoint = "https://slack.example.com"
timeout_seconds = 10
[[receiver]]
kind = "slack"
name = "e"
webhook_url = "env:ADDRESS"
[[receiver]]
kind = "teams"
name = "f"
webhook_url = "env:ADDRESS"
[[receiver]]
kind = "kakaowork"
name = "k"
app_key = "env:SECRET"
conversation_id = "123456"
endpoint = "https://api.kakaowork.com"
[[receiver]]
kind = "email"
name = "g"
host = "smtp.example.com"
port = 587
tls = "starttls"
username = "u"
password = "env:SECRET"
from = "costwarden@example.com"
to = ["owners@example.com"]
[[receiver]]
kind = "webhook"
name = "h"
url = "https://hooks.example.com"
secret = "env:SECRET"
[[receiver]]
kind = "alertmanager"
name = "i"
endpoint = "https://alertmanager.example.com"
expire_hours = 50
[[route]]
receivers = ["a"]
account = "*"
project = "shop-*"
severity = "warning"
direction = "up"
min_impact = 100000
send = "immediate"
quiet_hours = "22:00-07:00"
daily_total = false
"#;

/// A rule with every key except `settings`.
pub(super) const RULE: &str = r#"[[rule]]
id = "a"
why = "A reason."
detector = "daily-level"
series = "daily"
group_by = ["account"]
measure = "billed-cost"
history_days = 90
absent = "zero"
direction = "both"
min_impact = "10000 KRW"
min_impact_share = 0.0005
min_change = 0.2
severity = "warning"
[rule.select]
account = ["*"]
project = ["a*", "!ab"]
service = ["*"]
"#;

/// Returns valid configs that use every key but keys with a certificate.
pub(super) fn configs() -> Vec<String> {
    let documented = std::fs::read_to_string(repository().join("config/costwarden.toml")).expect("a config");
    let documented =
        ["KAKAO_CREDENTIAL_ID", "KAKAO_CREDENTIAL_SECRET", "S3_ACCESS_KEY", "S3_SECRET_KEY", "MONGODB_URI"]
            .iter()
            .fold(documented, |text, name| text.replace(&format!("env:{name}"), "env:SECRET"));
    vec![
        documented.replace("\"/etc/costwarden/rules/default\"", "\"rules\""),
        [KAKAO, ARCHIVE, STORE, REST].concat(),
        [SOURCE, S3, STORE, REST].concat(),
        [SOURCE, ARCHIVE, MONGODB, REST].concat(),
        [GENERAL, SOURCE, ARCHIVE, STORE, REST].concat(),
        [SOURCE, ARCHIVE, STORE, PLUGINS].concat(),
        [SOURCE, ARCHIVE, STORE, REST, RECEIVERS].concat(),
        ["[source]\nkind = \"archive\"\n", ARCHIVE, STORE, REST].concat(),
    ]
}
