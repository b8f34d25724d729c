//! Appends lines to the log of a task whose only run has ended, through the product's own writer,
//! for tests of the page: no agent says so much in the time that a test has.
//!
//! `fill_log <database URL> <task id> <lines>`, while no server runs.

use anyhow::{Context as _, bail};
use app::domain::id::{RunId, TaskId};
use app::domain::log::{LogKind, LogStream, NewLine, ToolResult, ToolUse};
use chrono::{DateTime, Utc};
use server::logs::LogWriter;
use server::store::Store;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The epoch of a task's first run.
const FIRST: u64 = 1;

/// Lines handed over at once.
const BATCH: u64 = 1000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, task, lines] = arguments.as_slice() else {
        bail!("usage: fill_log <database URL> <task id> <lines>");
    };
    let task: TaskId = task.parse().context("the task's id")?;
    let lines: u64 = lines.parse().context("the number of lines")?;
    let store = Store::open(url).await?;
    let (writer, work) = LogWriter::start(store, CancellationToken::new());
    let work = async {
        work.await;
        bail!("the writer has ended")
    };
    tokio::select! {
        result = fill(&writer, task, lines) => result,
        ended = work => ended,
    }
}

async fn fill(writer: &LogWriter, task: TaskId, lines: u64) -> anyhow::Result<()> {
    let run = RunId::from_uuid(Uuid::from_u128(1));
    let mut next = 1;
    while next <= lines {
        let last = (next + BATCH - 1).min(lines);
        let batch = (next..=last).map(line).collect::<anyhow::Result<_>>()?;
        writer.append(task, run, FIRST, batch).await?;
        next = last + 1;
    }
    writer.flush(task, FIRST).await?;
    Ok(())
}

/// A log like a real one: headings, texts of several lengths, calls with their results.
fn line(number: u64) -> anyhow::Result<NewLine> {
    let call = format!("call-{}", number / 10);
    let (stream, kind, text) = match number % 10 {
        0 if number.is_multiple_of(1000) => (
            LogStream::System,
            LogKind::Turn,
            format!("Turn {}", number / 1000),
        ),
        5 if number % 10_000 == 5 => (LogStream::System, LogKind::Error, format!("Error {number}")),
        3 => (LogStream::Agent, LogKind::ToolUse, call_of(&call, number)?),
        4 => (
            LogStream::Tool,
            LogKind::ToolResult,
            result_of(&call, number)?,
        ),
        7 => (
            LogStream::Agent,
            LogKind::Thinking,
            format!("Whether step {number} is needed. ").repeat(8),
        ),
        8 => (
            LogStream::Agent,
            LogKind::Text,
            format!("A longer text about line {number}, with `code` and **weight**. ")
                .repeat(1 + usize::try_from(number % 7)?),
        ),
        9 => (
            LogStream::System,
            LogKind::Note,
            format!("Note {number}: nothing to do."),
        ),
        _ => (
            LogStream::Agent,
            LogKind::Text,
            format!("This is line {number}."),
        ),
    };
    let at = DateTime::<Utc>::UNIX_EPOCH + chrono::TimeDelta::milliseconds(i64::try_from(number)?);
    Ok(NewLine {
        at,
        stream,
        kind,
        text,
    })
}

fn call_of(id: &str, number: u64) -> serde_json::Result<String> {
    serde_json::to_string(&ToolUse {
        id: id.to_owned(),
        tool: "Bash".to_owned(),
        verb: "Running".to_owned(),
        target: format!("make step-{number}"),
        input: format!("{{\n  \"command\": \"make step-{number}\"\n}}"),
        parent: None,
    })
}

fn result_of(id: &str, number: u64) -> serde_json::Result<String> {
    serde_json::to_string(&ToolResult {
        id: id.to_owned(),
        ok: !number.is_multiple_of(50),
        output: format!("step {number} is done\n").repeat(20),
    })
}
