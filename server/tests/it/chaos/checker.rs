//! Looks for what was lost or doubled: reads the database past the store, what a client was shown,
//! and the CLI's own transcripts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};
use serde_json::Value;

use crate::installation::transcripts;
use crate::watcher::Seen;

/// How lines lie in a chunk: JSON, one line each, in one zstd frame.
const JSON_ZSTD: i32 = 1;

/// More than any chunk has.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What there is to know of a round.
pub struct Expected<'a> {
    pub task: &'a str,
    /// Each stands in one message that was acknowledged.
    pub words: &'a [String],
    /// The first and last log line of what was damaged by hand.
    pub damaged: Option<(u64, u64)>,
    /// The CLI may have been unable to write down what its agent has heard.
    pub was_disk_full: bool,
    /// Where the task's files are.
    pub folder: PathBuf,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    pub events: usize,
    pub lines: usize,
    /// Events and lines that a client was shown, or should have been, and that are not there.
    pub lost: usize,
    /// Events and lines that are there, or that a client was shown, more than once.
    pub doubled: usize,
}

struct StoredEvent {
    version: u64,
    name: String,
    data: String,
    epoch: Option<i64>,
}

/// How many events and log lines are stored.
pub async fn counts(database: &DatabaseConnection, task: &str) -> (usize, usize) {
    let events = rows(database, task, "SELECT COUNT(*) AS found FROM events", "").await;
    let lines = rows(
        database,
        task,
        "SELECT MAX(last_seq) AS found FROM log_chunks",
        "",
    )
    .await;
    let number = |rows: &[QueryResult]| {
        let found: Option<i64> = rows[0].try_get("", "found").unwrap();
        usize::try_from(found.unwrap_or(0)).unwrap()
    };
    (number(&events), number(&lines))
}

/// Compares all that is known of a task.
pub async fn check(
    database: &DatabaseConnection,
    seen: Seen,
    expected: &Expected<'_>,
    findings: &mut Vec<String>,
) -> Checked {
    let mut checked = Checked::default();
    let events = events(database, expected.task).await;
    checked.events = events.len();
    check_events(&events, &seen, &mut checked, findings);
    let lines = lines(database, expected, findings).await;
    checked.lines = lines.len();
    check_lines(&lines, &seen, expected, &mut checked, findings);
    check_messages(&events, &lines, expected, findings);
    check_transcripts(expected, findings);
    let leased = "SELECT state FROM jobs";
    if !rows(database, expected.task, leased, " AND state = 'leased'")
        .await
        .is_empty()
    {
        findings.push("a task that waits for a person is still claimed".to_owned());
    }
    if checked.lost + checked.doubled > 0 {
        findings.push(format!(
            "lost {}, doubled {}",
            checked.lost, checked.doubled
        ));
    }
    checked
}

async fn rows(
    database: &DatabaseConnection,
    task: &str,
    select: &str,
    rest: &str,
) -> Vec<QueryResult> {
    let task = task.replace('-', "");
    let is_task = match database.get_database_backend() {
        DbBackend::Sqlite => format!("hex(task_id) = upper('{task}')"),
        _ => format!("task_id = '{task}'::uuid"),
    };
    let sql = format!("{select} WHERE {is_task}{rest}");
    let asked = Statement::from_string(database.get_database_backend(), sql);
    database.query_all_raw(asked).await.unwrap()
}

async fn events(database: &DatabaseConnection, task: &str) -> Vec<StoredEvent> {
    let select = "SELECT version, event_type, data, run_epoch FROM events";
    let rows = rows(database, task, select, " ORDER BY version").await;
    let rows = rows.iter().map(|row| StoredEvent {
        version: u64::try_from(row.try_get::<i64>("", "version").unwrap()).unwrap(),
        name: row.try_get("", "event_type").unwrap(),
        data: row.try_get("", "data").unwrap(),
        epoch: row.try_get("", "run_epoch").unwrap(),
    });
    rows.collect()
}

fn check_events(
    events: &[StoredEvent],
    seen: &Seen,
    checked: &mut Checked,
    findings: &mut Vec<String>,
) {
    let versions: Vec<u64> = events.iter().map(|event| event.version).collect();
    let gapless: Vec<u64> = (1..=events.len() as u64).collect();
    if versions != gapless {
        findings.push(format!("versions with gaps: {versions:?}"));
    }
    let shown: BTreeSet<u64> = seen.versions.iter().copied().collect();
    checked.doubled += seen.versions.len() - shown.len();
    let stored: BTreeSet<u64> = versions.into_iter().collect();
    checked.lost += shown.symmetric_difference(&stored).count();
    if !seen.versions.is_sorted() {
        findings.push("a client was shown events out of order".to_owned());
    }
    let epochs = events.iter().filter_map(|event| event.epoch);
    if !epochs.is_sorted() {
        findings.push("a run wrote after a later one had begun".to_owned());
    }
}

/// The text and the kind of every line; of a damaged one nothing.
async fn lines(
    database: &DatabaseConnection,
    expected: &Expected<'_>,
    findings: &mut Vec<String>,
) -> BTreeMap<u64, Option<Value>> {
    let select = "SELECT first_seq, last_seq, encoding, bytes FROM log_chunks";
    let mut lines = BTreeMap::new();
    for row in rows(database, expected.task, select, " ORDER BY first_seq").await {
        let number = |name| u64::try_from(row.try_get::<i64>("", name).unwrap()).unwrap();
        let (first, last) = (number("first_seq"), number("last_seq"));
        if first != lines.len() as u64 + 1 {
            findings.push(format!("lines {first} to {last} follow {}", lines.len()));
        }
        if expected.damaged == Some((first, last)) {
            lines.extend((first..=last).map(|seq| (seq, None)));
            continue;
        }
        assert_eq!(row.try_get::<i32>("", "encoding").unwrap(), JSON_ZSTD);
        let bytes: Vec<u8> = row.try_get("", "bytes").unwrap();
        let text = zstd::bulk::decompress(&bytes, MOST_BYTES).unwrap();
        let text = String::from_utf8(text).unwrap();
        let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.extend((first..).zip(parsed.map(Some)));
        if lines.len() as u64 != last {
            findings.push(format!(
                "chunk {first} to {last} has {} lines",
                text.lines().count()
            ));
        }
    }
    lines
}

fn check_lines(
    lines: &BTreeMap<u64, Option<Value>>,
    seen: &Seen,
    expected: &Expected<'_>,
    checked: &mut Checked,
    findings: &mut Vec<String>,
) {
    checked.doubled += seen.doubled.len();
    if seen.disordered {
        findings.push("a client was shown lines out of order".to_owned());
    }
    for (seq, stored) in lines {
        let Some(shown) = seen.lines.get(seq) else {
            checked.lost += 1;
            continue;
        };
        if let Some(stored) = stored
            && stored["text"] != shown.as_str()
        {
            findings.push(format!(
                "line {seq} was shown as {shown:?}, and is {stored}"
            ));
        }
    }
    checked.lost += seen
        .lines
        .keys()
        .filter(|seq| !lines.contains_key(seq))
        .count();
    if expected.damaged.is_some() && !lines.values().any(Option::is_none) {
        findings.push("the damaged chunk is gone".to_owned());
    }
}

/// Each message was sent once and is one entry of the agent's conversation. Each time that the agent was
/// given it has a line in the log: in a write of its own, which a run that loses its task in between does not
/// come to. It is given again when the agent was killed before it had kept it.
fn check_messages(
    events: &[StoredEvent],
    lines: &BTreeMap<u64, Option<Value>>,
    expected: &Expected<'_>,
    findings: &mut Vec<String>,
) {
    let entries = transcripts(&expected.folder);
    for word in expected.words {
        let sent: Vec<_> = events
            .iter()
            .filter(|event| event.name == "MessageSent" && event.data.contains(word))
            .map(|event| serde_json::from_str::<Value>(&event.data).unwrap())
            .filter_map(|data| data["message"].as_str().map(str::to_owned))
            .collect();
        let is_given = |event: &&StoredEvent| {
            let gives = matches!(event.name.as_str(), "MessageDelivered" | "TurnStarted");
            gives && sent.iter().any(|id| event.data.contains(id.as_str()))
        };
        let given = events.iter().filter(is_given).count();
        let messages = lines
            .values()
            .flatten()
            .filter(|line| line["kind"] == "message");
        let shown = messages
            .filter(|line| line["text"].as_str().unwrap().contains(word))
            .count();
        let heard: Vec<_> = entries
            .iter()
            .filter(|entry| is_message(entry, word))
            .collect();
        let is_heard = heard.len() == 1 || (heard.is_empty() && expected.was_disk_full);
        if sent.len() != 1 || shown > given || !is_heard {
            findings.push(format!(
                "message {word}: sent {} times, given {given} times, {shown} lines, heard {} times: {heard:#?}",
                sent.len(),
                heard.len()
            ));
        }
    }
}

/// Whether a person's words stand in an entry that the model is shown.
fn is_message(entry: &Value, word: &str) -> bool {
    let is_shown = matches!(entry["type"].as_str(), Some("user" | "attachment"));
    is_shown && (entry["message"].to_string() + &entry["attachment"].to_string()).contains(word)
}

/// Every call of a tool has its answer, be it that nobody knows what became of it.
fn check_transcripts(expected: &Expected<'_>, findings: &mut Vec<String>) {
    let mut calls: HashMap<String, usize> = HashMap::new();
    for entry in transcripts(&expected.folder) {
        let parts = entry["message"]["content"].as_array().cloned();
        for part in parts.unwrap_or_default() {
            let id = match part["type"].as_str() {
                Some("tool_use") => &part["id"],
                Some("tool_result") => &part["tool_use_id"],
                _ => continue,
            };
            let answers = usize::from(part["type"] == "tool_result");
            *calls.entry(id.as_str().unwrap().to_owned()).or_default() += answers;
        }
    }
    let silent: Vec<_> = calls.iter().filter(|(_, answers)| **answers == 0).collect();
    if !silent.is_empty() {
        findings.push(format!(
            "calls whose outcome the agent was not told: {silent:?}"
        ));
    }
}
