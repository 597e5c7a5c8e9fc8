//! The questions for the values of a new config.

use std::io::{BufRead as _, Write as _};

use model::language::Language;

use super::Next;
use super::answers::Answers;

/// The values of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Bill,
    Archive,
    Store,
}

impl Group {
    pub(super) const ALL: [Self; 3] = [Self::Bill, Self::Archive, Self::Store];
}

/// A person at standard input. A question has a default, which an empty line selects.
pub(super) struct Questions {
    /// Whether the introduction is printed.
    introduced: bool,
}

impl Questions {
    pub(super) fn new() -> Self {
        Self { introduced: false }
    }

    /// Asks for the values of a group.
    ///
    /// # Errors
    /// The end of standard input.
    pub(super) fn ask(&mut self, group: Group, answers: &mut Answers) -> anyhow::Result<()> {
        if group == Group::Bill {
            // The first question: the language of the other questions is not known yet.
            question("언어 / Language: ko, en", &mut answers.language)?;
        }
        let language = answers.spoken();
        if !std::mem::replace(&mut self.introduced, true) {
            line(language.choose(
                "빈 줄은 대괄호 안의 값을 고릅니다. 비밀 값은 참조로 적습니다. env:NAME은 환경 변수, file:PATH는 권한이\n\
                 600인 파일, kakao-secret:ID는 Secrets Manager의 비밀입니다.\n",
                "An empty line selects the value in brackets. A secret is a reference: env:NAME names an environment\n\
                 variable, file:PATH a file with mode 600, kakao-secret:ID a secret of Secrets Manager.\n",
            ))?;
        }
        match group {
            Group::Bill => {
                question(language.choose("청구 계정의 이름", "Name of the billing account"), &mut answers.account)?;
                question(language.choose("청구서의 통화", "Currency of the bill"), &mut answers.currency)?;
                let kakao = language.choose("카카오클라우드의 API", "the API of Kakao Cloud");
                optional(
                    language.choose("빌링 API의 주소", "Address of the billing API"),
                    kakao,
                    &mut answers.endpoint,
                )?;
                let id = language.choose("IAM 액세스 키의 ID", "Id of the IAM access key");
                question(id, &mut answers.credential_id)?;
                let secret = language.choose("IAM 액세스 키의 비밀 값", "Secret of the IAM access key");
                question(secret, &mut answers.credential_secret)
            }
            Group::Archive => {
                let folder = language.choose("폴더", "a folder");
                optional(language.choose("보관소의 버킷", "Bucket of the archive"), folder, &mut answers.bucket)?;
                if answers.bucket.is_none() {
                    return Ok(());
                }
                let kakao = language.choose("카카오클라우드", "Kakao Cloud");
                let address = language.choose("S3 저장소의 주소", "Address of the S3 storage");
                optional(address, kakao, &mut answers.s3_endpoint)?;
                question(language.choose("S3 액세스 키", "S3 access key"), &mut answers.access_key)?;
                let secret = language.choose("S3 액세스 키의 비밀 값", "Secret of the S3 access key");
                question(secret, &mut answers.secret_key)
            }
            Group::Store => {
                let embedded = language.choose("내장 데이터베이스", "an embedded store");
                let uri = language.choose("MongoDB 연결 문자열", "Connection string of MongoDB");
                optional(uri, embedded, &mut answers.mongodb_uri)?;
                if answers.mongodb_uri.is_some() {
                    question(language.choose("데이터베이스", "Database"), &mut answers.database)?;
                }
                let stdout = language.choose("표준 출력", "standard output");
                let socket = language.choose("syslog 소켓의 경로", "Path of the syslog socket");
                optional(socket, stdout, &mut answers.syslog)
            }
        }
    }

    /// Asks for the steps after the files are written. A step on the command line is not asked for.
    pub(super) fn next(&self, given: Next, language: Language) -> anyhow::Result<Next> {
        let backfill_days = match given.backfill_days {
            None => backfill_days(language)?,
            days => days,
        };
        Ok(Next { backfill_days, schedule: given.schedule || is_scheduled(language)? })
    }
}

/// Asks for the number of past days to load. `None` for none.
fn backfill_days(language: Language) -> anyhow::Result<Option<u16>> {
    let mut days = "90".to_owned();
    loop {
        let text = language.choose("지금 불러올 과거의 일수, 없으면 0", "Number of past days to load now, 0 for none");
        question(text, &mut days)?;
        match days.parse::<u16>() {
            Ok(0) => return Ok(None),
            Ok(parsed) if parsed <= 3660 => return Ok(Some(parsed)),
            _ => line(language.choose("0부터 3660까지의 정수여야 합니다", "expected a whole number from 0 to 3660"))?,
        }
    }
}

/// Asks for the installation of the jobs.
fn is_scheduled(language: Language) -> anyhow::Result<bool> {
    line(language.choose(
        "\n작업은 매시간 시작합니다. cron은 이 셸의 변수를 모르므로, env: 참조의 값을 권한이 600인 파일 environment에 적습니다.",
        "\nThe jobs start every hour. cron does not know the variables of this shell, so that the values of the env:\n\
         references go into the file environment with mode 600.",
    ))?;
    let mut answer = "no".to_owned();
    loop {
        let text = language.choose(
            "이 사용자의 crontab에 작업을 넣을까요, yes 또는 no",
            "Install the jobs in the crontab of this user, yes or no",
        );
        question(text, &mut answer)?;
        match answer.as_str() {
            "yes" => return Ok(true),
            "no" => return Ok(false),
            _ => line(language.choose("yes 또는 no여야 합니다", "expected yes or no"))?,
        }
        answer = "no".to_owned();
    }
}

fn question(text: &str, answer: &mut String) -> anyhow::Result<()> {
    if let Some(given) = prompt(text, answer)? {
        *answer = given;
    }
    Ok(())
}

/// Asks for a value that may be missing. `default` describes the effect of a missing value. A `-` removes the value.
fn optional(text: &str, default: &str, answer: &mut Option<String>) -> anyhow::Result<()> {
    let shown = answer.clone().unwrap_or_else(|| default.to_owned());
    match prompt(text, &shown)?.as_deref() {
        None => {}
        Some("-") => *answer = None,
        Some(given) => *answer = Some(given.to_owned()),
    }
    Ok(())
}

/// Prints a question and reads a line. `None` for an empty line.
fn prompt(text: &str, default: &str) -> anyhow::Result<Option<String>> {
    let mut stdout = std::io::stdout();
    write!(stdout, "{text} [{default}]: ")?;
    stdout.flush()?;
    let mut given = String::new();
    let read = std::io::stdin().lock().read_line(&mut given)?;
    anyhow::ensure!(read > 0, "standard input ended before the question {text:?} had an answer; nothing is written");
    let given = given.trim();
    Ok((!given.is_empty()).then(|| given.to_owned()))
}

fn line(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
