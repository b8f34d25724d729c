//! Live streams: every event exactly once and in order, whatever happens to the connection.

use std::time::Duration;

use app::domain::id::{RunId, TaskId};
use app::domain::log::{LogKind, LogStream, NewLine};
use app::domain::task::{Actor, TaskCommand, TaskEdit};
use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use server::jobs::Claim;
use server::logs::LogWriter;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::support::{TestApp, request};
use crate::support::task::ask;

const PATIENCE: Duration = Duration::from_secs(20);

/// One event of a stream.
#[derive(Debug, Default, Clone)]
struct Seen {
    name: String,
    id: Option<String>,
    data: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

/// Reads a stream as a browser does.
struct Reader {
    body: Body,
    text: String,
}

impl Reader {
    async fn open(app: &TestApp, path: &str, last_id: Option<&str>) -> Self {
        let mut request = request("GET", path);
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = app.raw(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("content-encoding"));
        Self {
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Seen> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let seen = parse(&block);
                if !seen.name.is_empty() {
                    return Some(seen);
                }
            }
            let frame = timeout(PATIENCE, self.body.frame())
                .await
                .expect("an event in time")?;
            let data = frame.unwrap().into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }
}

fn parse(block: &str) -> Seen {
    let mut seen = Seen::default();
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("event", name)) => name.clone_into(&mut seen.name),
            Some(("id", id)) => seen.id = Some(id.to_owned()),
            Some(("data", data)) => seen.data.push_str(data),
            _ => {}
        }
    }
    seen
}

fn version(seen: &Seen) -> u64 {
    let id = seen.id.as_ref().expect("an id");
    id.split('.').next().unwrap().parse().unwrap()
}

async fn rename(app: &TestApp, id: TaskId, title: String) {
    let title = Some(title.parse().unwrap());
    let edit = TaskCommand::Edit(TaskEdit {
        title,
        ..TaskEdit::default()
    });
    app.service.execute(id, Actor::Person, edit).await.unwrap();
}

#[tokio::test]
async fn a_history_is_told_with_the_objects_as_they_were() {
    let app = TestApp::new().await;
    let (id, review) = app.at_gate().await;
    let head = app.get(&format!("/api/tasks/{id}")).await.json()["version"]
        .as_u64()
        .unwrap();
    let mut reader = Reader::open(&app, &format!("/api/tasks/{id}/stream"), None).await;
    let mut names = Vec::new();
    let mut told = 0;
    while told < head {
        let seen = reader.next().await.unwrap();
        // What has no id changed with the event that follows.
        if seen.id.is_some() {
            assert_eq!(version(&seen), told + 1);
            told += 1;
        }
        match seen.name.as_str() {
            "status" => assert_eq!(seen.json()["version"], told),
            "review_required" => assert_eq!(seen.json()["id"], review.as_str()),
            "phase_update" | "step_update" => assert_eq!(seen.json()["number"], 1),
            other => panic!("unexpected event {other}"),
        }
        names.push(seen.name);
    }
    names.dedup();
    assert!(names.iter().any(|name| name == "step_update"), "{names:?}");
    assert!(
        names.iter().any(|name| name == "review_required"),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_client_that_is_cut_again_and_again_gets_every_event_once_and_in_order() {
    const EVENTS: u64 = 150;
    let app = TestApp::new().await;
    let id = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let task: TaskId = id.parse().unwrap();
    let write = async {
        for number in 2..=EVENTS {
            rename(&app, task, format!("Title {number}")).await;
            if number % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
    };
    let read = async {
        let mut versions = Vec::new();
        let mut last: Option<String> = None;
        let path = format!("/api/tasks/{id}/stream?after=0.0");
        while versions.len() < usize::try_from(EVENTS).unwrap() {
            let mut reader = Reader::open(&app, &path, last.as_deref()).await;
            // The connection breaks after a few events, in the middle of whatever is going on.
            for _ in 0..=(versions.len() % 7) {
                if versions.len() == usize::try_from(EVENTS).unwrap() {
                    break;
                }
                let seen = reader.next().await.unwrap();
                versions.push(version(&seen));
                last = seen.id;
            }
        }
        versions
    };
    let ((), versions) = tokio::join!(write, read);
    assert_eq!(versions, (1..=EVENTS).collect::<Vec<_>>());
}

/// The log of a task's run, without the run.
struct Log {
    writer: LogWriter,
    claim: Claim,
    run: RunId,
    _background: JoinSet<()>,
}

impl Log {
    /// Of the task that is next.
    async fn of_next(app: &TestApp) -> Self {
        let claim = app.store.claim("test", Duration::from_mins(1)).await;
        let (writer, work) = LogWriter::start(app.store.clone(), CancellationToken::new());
        let mut background = JoinSet::new();
        background.spawn(work);
        Self {
            writer,
            claim: claim.unwrap().unwrap(),
            run: RunId::from_uuid(uuid::Uuid::now_v7()),
            _background: background,
        }
    }

    /// Stores texts of the agent.
    async fn write(&self, texts: &[String]) {
        let line = |text: &String| NewLine {
            at: chrono::Utc::now(),
            stream: LogStream::Agent,
            kind: LogKind::Text,
            text: text.clone(),
        };
        let (task, epoch) = (self.claim.task, self.claim.epoch);
        let lines = texts.iter().map(line).collect();
        let append = self.writer.append(task, self.run, epoch, lines);
        append.await.unwrap();
        self.writer.flush(task, epoch).await.unwrap();
    }
}

#[tokio::test]
async fn log_lines_come_in_batches_and_resume_too() {
    const LINES: u64 = 2_500;
    let app = TestApp::new().await;
    let id = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.post(&format!("/api/tasks/{id}/execute")).await;
    let written: Vec<_> = (0..LINES).map(|number| format!("line {number}")).collect();
    Log::of_next(&app).await.write(&written).await;
    let mut lines = 0;
    let mut last: Option<String> = None;
    while lines < LINES {
        let mut reader =
            Reader::open(&app, &format!("/api/stream?task={id}"), last.as_deref()).await;
        loop {
            let seen = reader.next().await.unwrap();
            if seen.name != "log" {
                continue;
            }
            let batch = seen.json();
            let batch = batch.as_array().unwrap();
            assert!(batch.len() <= 500);
            for line in batch {
                lines += 1;
                assert_eq!(line["seq"], lines);
            }
            assert_eq!(
                seen.id.as_deref().unwrap().split('.').nth(1).unwrap(),
                lines.to_string()
            );
            last = seen.id;
            break;
        }
    }
    assert_eq!(lines, LINES);
    let found = app
        .get(&format!("/api/tasks/{id}/logs?q=LINE%202499"))
        .await
        .json();
    assert_eq!(found["items"][0]["seq"], LINES);
    let found = app
        .get(&format!(
            "/api/tasks/{id}/logs/matches?q=LINE%2024&kind=conversation&limit=1"
        ))
        .await
        .json();
    assert_eq!(found["items"], serde_json::json!([LINES]));
    assert!(found["next_cursor"].is_string());
}

#[tokio::test]
async fn a_tab_sees_the_status_of_all_tasks_and_what_becomes_of_it() {
    let app = TestApp::new().await;
    let first = app.create("custom").await;
    let second = app.create("custom").await;
    let mut reader = Reader::open(&app, "/api/stream", None).await;
    let mut shown = Vec::new();
    for _ in 0..2 {
        let seen = reader.next().await.unwrap();
        assert_eq!((seen.name.as_str(), &seen.id), ("status", &None));
        shown.push(seen.json()["id"].clone());
    }
    assert!(shown.contains(&first["id"]) && shown.contains(&second["id"]));
    let id: TaskId = first["id"].as_str().unwrap().parse().unwrap();
    rename(&app, id, "New".to_owned()).await;
    let seen = reader.next().await.unwrap();
    assert_eq!(seen.json()["title"], "New");
    app.send(
        request("DELETE", &format!("/api/tasks/{id}"))
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    let seen = reader.next().await.unwrap();
    assert_eq!(
        (seen.name.as_str(), seen.json()),
        ("reset", json!({ "task_id": id }))
    );
}

#[tokio::test]
async fn a_cursor_beyond_the_history_is_reset_and_one_that_is_none_is_refused() {
    let app = TestApp::new().await;
    let id = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/tasks/{id}/stream");
    let mut reader = Reader::open(&app, &path, Some("99.5")).await;
    let seen = reader.next().await.unwrap();
    assert_eq!(
        (seen.name.as_str(), seen.id.as_deref()),
        ("reset", Some("1.0"))
    );
    let bad = request("GET", &path).header("last-event-id", "nonsense");
    assert_eq!(
        app.send(bad.body(Body::empty()).unwrap())
            .await
            .status
            .as_u16(),
        400
    );
    // The page's own cursor outranks nonsense of the browser.
    let mut reader = Reader::open(&app, &format!("{path}?after=0.0"), Some("nonsense")).await;
    assert_eq!(reader.next().await.unwrap().id.as_deref(), Some("1.0"));
}

#[tokio::test]
async fn streams_end_when_the_task_is_put_away_and_when_the_server_stops() {
    let app = TestApp::new().await;
    let gone = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let kept = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut reader = Reader::open(&app, &format!("/api/tasks/{gone}/stream"), None).await;
    app.send(
        request("DELETE", &format!("/api/tasks/{gone}"))
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    while reader.next().await.is_some() {}
    let mut reader = Reader::open(&app, &format!("/api/tasks/{kept}/stream"), None).await;
    reader.next().await.unwrap();
    app.shutdown.cancel();
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_shows_that_it_lives() {
    let app = TestApp::new().await;
    let mut reader = Reader::open(&app, "/api/stream", None).await;
    let heartbeat = async {
        loop {
            let frame = reader.body.frame().await.expect("no end").unwrap();
            let data = frame.into_data().unwrap();
            if data.starts_with(b":") {
                return;
            }
        }
    };
    timeout(PATIENCE, heartbeat).await.expect("a heartbeat");
}

/// What a client is told of one domain event: everything up to the next id.
async fn told(reader: &mut Reader) -> Vec<Seen> {
    let mut all = Vec::new();
    loop {
        let seen = reader.next().await.unwrap();
        let is_last = seen.id.is_some();
        all.push(seen);
        if is_last {
            return all;
        }
    }
}

#[tokio::test]
async fn a_decision_elsewhere_changes_the_review_and_the_phase_of_whoever_watches() {
    let app = TestApp::new().await;
    let (id, review) = app.at_gate().await;
    let path = format!("/api/tasks/{id}");
    let head = app.get(&path).await.json()["version"].as_u64().unwrap();
    let mut whole = Reader::open(&app, &format!("{path}/stream"), None).await;
    let mut phase = Value::Null;
    loop {
        let told = told(&mut whole).await;
        let mut phases = told.iter().filter(|seen| seen.name.ends_with("_update"));
        phase = phases.next_back().map_or(phase, Seen::json);
        if version(told.last().unwrap()) == head {
            break;
        }
    }
    assert_eq!(phase["status"], "in_review");

    let mut reader = Reader::open(&app, &format!("{path}/stream?after={head}.0"), None).await;
    app.send(
        request("PATCH", &format!("/api/reviews/{review}/approve"))
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    let approved = told(&mut reader).await;
    let names: Vec<_> = approved.iter().map(|seen| seen.name.as_str()).collect();
    assert_eq!(names, ["review_required", "phase_update", "status"]);
    assert_eq!(approved[0].json()["status"], "approved");
    assert_eq!(approved[1].json()["status"], "active");
    let completed = told(&mut reader).await;
    assert_eq!(completed[0].json()["status"], "completed");
}

#[tokio::test]
async fn a_message_is_told_when_it_is_sent() {
    let app = TestApp::new().await;
    let id = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/tasks/{id}");
    app.post(&format!("{path}/execute")).await;
    let mut reader = Reader::open(&app, &format!("{path}/stream?after=2.0"), None).await;
    let send = request("POST", &format!("{path}/messages"))
        .header("content-type", "application/json")
        .body(Body::from(r#"{"text":"Hurry."}"#))
        .unwrap();
    app.send(send).await;
    let told = told(&mut reader).await;
    let names: Vec<_> = told.iter().map(|seen| seen.name.as_str()).collect();
    assert_eq!(names, ["message_update", "status"]);
    let message = told[0].json();
    assert_eq!(message["text"], "Hurry.");
    assert_eq!(message["delivered_at"], Value::Null);
    // What everybody is told of every task is short.
    assert!(told[1].json().get("description").is_none());
}

/// A conversation whose agent waits for an answer.
async fn asking(app: &TestApp) -> TaskId {
    let id: TaskId = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    app.post(&format!("/api/tasks/{id}/execute")).await;
    let claim = app.store.claim("test", PATIENCE).await.unwrap().unwrap();
    ask(&app.service, &claim, None).await;
    id
}

#[tokio::test]
async fn a_question_that_is_withdrawn_is_told_to_whoever_watches() {
    let app = TestApp::new().await;
    let path = format!("/api/tasks/{}", asking(&app).await);
    let head = app.get(&path).await.json()["version"].as_u64().unwrap();
    let mut reader = Reader::open(&app, &format!("{path}/stream?after={head}.0"), None).await;
    app.post(&format!("{path}/cancel")).await;
    let told = told(&mut reader).await;
    let names: Vec<_> = told.iter().map(|seen| seen.name.as_str()).collect();
    assert_eq!(names, ["user_question", "status"]);
    assert_eq!(told[0].json()["status"], "withdrawn");
}

#[tokio::test]
async fn an_old_task_is_told_to_its_end_and_newer_ones_put_nothing_away() {
    const SHOWN: usize = 200;
    let app = TestApp::new().await;
    let old = app.create("custom").await;
    let cancel = async |task: &Value| {
        let path = format!("/api/tasks/{}/cancel", task["id"].as_str().unwrap());
        app.post(&path).await;
    };
    for _ in 0..SHOWN {
        cancel(&app.create("custom").await).await;
    }
    let mut reader = Reader::open(&app, "/api/stream", None).await;
    for _ in 0..=SHOWN {
        assert_eq!(reader.next().await.unwrap().name, "status");
    }
    cancel(&old).await;
    let seen = reader.next().await.unwrap();
    assert_eq!(seen.name, "status");
    assert_eq!(seen.json()["id"], old["id"]);
    assert_eq!(seen.json()["status"], "cancelled");

    // It takes the place of one that is finished, which nobody has put away.
    let new = app.create("custom").await;
    assert_eq!(reader.next().await.unwrap().json()["id"], new["id"]);
    let path = format!("/api/tasks/{}", new["id"].as_str().unwrap());
    app.send(request("DELETE", &path).body(Body::empty()).unwrap())
        .await;
    loop {
        let seen = reader.next().await.unwrap();
        if seen.name == "reset" {
            assert_eq!(seen.json(), json!({ "task_id": new["id"] }));
            break;
        }
    }
}

/// The next event but those of the tasks' statuses.
async fn beyond_status(reader: &mut Reader) -> Seen {
    loop {
        let seen = reader.next().await.unwrap();
        if seen.name != "status" {
            return seen;
        }
    }
}

#[tokio::test]
async fn what_is_being_written_is_told_without_an_id_until_its_line_takes_its_place() {
    let app = TestApp::new().await;
    let id = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let task: TaskId = id.parse().unwrap();
    app.post(&format!("/api/tasks/{id}/execute")).await;
    let log = Log::of_next(&app).await;
    let head = app.get(&format!("/api/tasks/{id}")).await.json()["version"].clone();
    let path = format!("/api/stream?task={id}&after={head}.0");
    let mut reader = Reader::open(&app, &path, None).await;
    let mut told = async |name: &str, id: Option<&str>, data: Value| {
        let seen = beyond_status(&mut reader).await;
        assert_eq!((seen.name.as_str(), seen.id.as_deref()), (name, id));
        let data_seen = match name {
            "log" => seen.json()[0]["text"].clone(),
            _ => seen.json(),
        };
        assert_eq!(data_seen, data);
    };
    let writing = |text: &str, append: bool| json!({ "text": text, "append": append });

    told("writing", None, writing("", false)).await;
    app.live.write(task, "Once upon");
    told("writing", None, writing("Once upon", false)).await;
    app.live.write(task, " a time");
    told("writing", None, writing(" a time", true)).await;

    // Whoever comes in the middle is told at once what there is, and no event of another task.
    let mut late = Reader::open(&app, &path, None).await;
    let seen = beyond_status(&mut late).await;
    assert_eq!(seen.json(), writing("Once upon a time", false));
    let other = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut elsewhere = Reader::open(&app, &format!("/api/stream?task={other}"), None).await;
    let seen = loop {
        let seen = beyond_status(&mut elsewhere).await;
        if seen.name == "writing" {
            break seen;
        }
    };
    assert_eq!(seen.json(), writing("", false));

    app.live.end_text(task, true);
    app.live.write(task, "The end");
    log.write(&["Once upon a time".to_owned()]).await;
    let at = |line: u64| format!("{head}.{line}");
    told("log", Some(&at(1)), json!("Once upon a time")).await;
    told("writing", None, writing("The end", false)).await;
    app.live.end_text(task, true);
    log.write(&["The end".to_owned()]).await;
    told("log", Some(&at(2)), json!("The end")).await;
    // Cut off by a crash: nothing stands for it in the log.
    app.live.write(task, "And the");
    told("writing", None, writing("And the", false)).await;
    app.live.end_text(task, false);
    told("writing", None, writing("", false)).await;
    log.write(&["Good night".to_owned()]).await;
    told("log", Some(&at(3)), json!("Good night")).await;
}

#[tokio::test]
async fn the_stream_of_one_task_tells_of_finished_lines_only() {
    let app = TestApp::new().await;
    let id = app.create("custom").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.live.write(id.parse().unwrap(), "Half a sen");
    let path = format!("/api/tasks/{id}/stream");
    let mut reader = Reader::open(&app, &path, None).await;
    rename(&app, id.parse().unwrap(), "New".to_owned()).await;
    for _ in 0..2 {
        assert_eq!(reader.next().await.unwrap().name, "status");
    }
}
