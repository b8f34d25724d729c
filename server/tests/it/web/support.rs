//! The real router on a fresh database.

use std::ffi::OsStr;
use std::net::SocketAddr;

use app::domain::id::{MessageId, ReviewId, RunId, SessionId, TaskId};
use app::domain::task::{Check, RunCommand, Task, TurnOutcome, TurnPurpose, Work};
use axum::Router;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use server::config;
use server::guides::Guides;
use server::http::assets::Site;
use server::http::board::Board;
use server::http::gate::Gate;
use server::orchestrator::Live;
use server::service::{Installation, Parts, Service};
use server::state::AppState;
use server::store::Store;
use server::workflows::Workflows;
use server::workspace::Workspaces;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::support::database::{notifier, settings, vault};

pub const HOST: &str = "localhost:3000";

/// The whole web server without a socket.
pub struct TestApp {
    pub router: Router,
    pub service: Service,
    pub store: Store,
    /// What agents would be doing, if there were any.
    pub live: Live,
    pub shutdown: CancellationToken,
    pub data: tempfile::TempDir,
    background: JoinSet<()>,
}

/// What was answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl TestApp {
    pub async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", data.path().join("ccs.db").display());
        let store = Store::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        let workspaces = Workspaces::new(data.path(), OsStr::new("/usr/bin:/bin"));
        let live = Live::default();
        let service = Service::new(Parts {
            store: store.clone(),
            vault: vault(&store),
            notifier: notifier(&store),
            settings: settings(&store),
            account_trial: None,
            workspaces,
            workflows: Workflows::built_in().unwrap(),
            guides: Guides::new(Some(data.path().join("guides"))),
            live: live.clone(),
            installation: Installation {
                only_scripted: false,
                problems: Vec::new(),
                sandbox: "none".to_owned(),
                sample_repository: None,
            },
        });
        let shutdown = CancellationToken::new();
        let board = Board::new(service.clone());
        let mut background = JoinSet::new();
        background.spawn(board.clone().run(shutdown.clone()));
        let bound = SocketAddr::from(([127, 0, 0, 1], 3000));
        let site = data.path().join("site");
        std::fs::create_dir_all(site.join("pkg")).unwrap();
        std::fs::write(site.join("pkg/app.css"), "body{}".repeat(100)).unwrap();
        let router = server::http::router(AppState {
            service: service.clone(),
            board,
            gate: Gate::new(&config::Http::default(), bound),
            site: Site::new(Some(site)),
            leptos: server::leptos_options(bound),
            background: TaskTracker::new(),
            shutdown: shutdown.clone(),
        });
        Self {
            router,
            service,
            store,
            live,
            shutdown,
            data,
            background,
        }
    }

    pub async fn raw(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.raw(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).unwrap())
            .await
    }

    pub async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = request(method, path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub async fn post(&self, path: &str) -> Answer {
        self.send(request("POST", path).body(Body::empty()).unwrap())
            .await
    }

    /// A task of this type, as it was answered.
    pub async fn create(&self, task_type: &str) -> Value {
        let new = json!({ "title": "Title", "type": task_type, "description": "What to do" });
        let answer = self.json("POST", "/api/tasks", &new).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.json()
    }

    /// A `create_app` task at its first gate, driven there as a run does; its id and its review's.
    pub async fn at_gate(&self) -> (String, String) {
        let task = self.create("create_app").await;
        let id = task["id"].as_str().unwrap().to_owned();
        self.post(&format!("/api/tasks/{id}/execute")).await;
        let review = self.drive_to_gate(id.parse().unwrap()).await;
        (id, review.to_string())
    }

    /// Does what a run does, without an agent, until the task waits for a review.
    pub async fn drive_to_gate(&self, id: TaskId) -> ReviewId {
        self.drive_to_gate_at(id, &"0".repeat(40), &"1".repeat(40))
            .await
    }

    /// The same with the commits that the phase begins and ends with.
    pub async fn drive_to_gate_at(&self, id: TaskId, base: &str, head: &str) -> ReviewId {
        let claim = self
            .store
            .claim("test", std::time::Duration::from_mins(1))
            .await
            .unwrap();
        let epoch = claim.expect("a claim").epoch;
        let run = RunId::from_uuid(Uuid::now_v7());
        let mut task = self.service.start_run(id, run, epoch).await.unwrap();
        loop {
            let command = match task.next_work() {
                Work::StartPhase { .. } => RunCommand::StartPhase {
                    session: SessionId::from_uuid(Uuid::now_v7()),
                    base: base.to_owned(),
                },
                Work::Turn(purpose) => {
                    task = self.turn(&task, run, epoch, purpose).await;
                    continue;
                }
                Work::Verify { .. } => RunCommand::Verify {
                    checks: vec![Check {
                        id: "deliverable".to_owned(),
                        subject: "docs/planning/01_idea.md".to_owned(),
                        passed: true,
                        evidence: "there".to_owned(),
                        suggestion: None,
                        documents: Vec::new(),
                    }],
                    review: ReviewId::from_uuid(Uuid::now_v7()),
                    checkpoint: app::domain::id::CheckpointId::from_uuid(Uuid::now_v7()),
                    head: head.to_owned(),
                    verifier: SessionId::from_uuid(Uuid::now_v7()),
                },
                Work::Nothing => break,
                other => panic!("unexpected work {other:?}"),
            };
            task = self
                .service
                .run_command(id, run, epoch, command)
                .await
                .unwrap();
        }
        task.open_review().expect("a review").id
    }

    async fn turn(&self, task: &Task, run: RunId, epoch: u64, purpose: TurnPurpose) -> Task {
        let message = MessageId::from_uuid(Uuid::now_v7());
        let present = match &purpose {
            TurnPurpose::Step { step, .. } => vec![format!("docs/planning/{step}.md")],
            _ => Vec::new(),
        };
        let is_verification = matches!(purpose, TurnPurpose::Verification { .. });
        let start = RunCommand::StartTurn { message, purpose };
        self.service
            .run_command(task.id, run, epoch, start)
            .await
            .unwrap();
        let end = if is_verification {
            RunCommand::ConcludeVerification {
                message,
                usage: None,
                verdict: Ok(vec![Check {
                    id: "P1-05".to_owned(),
                    subject: "docs/planning/01_idea.md".to_owned(),
                    passed: true,
                    evidence: "4 of 4 have a figure".to_owned(),
                    suggestion: Some("Round the second one.".to_owned()),
                    documents: vec![
                        "docs/planning/01_idea.md".to_owned(),
                        "docs/planning/06_product.md".to_owned(),
                    ],
                }]),
                review: ReviewId::from_uuid(Uuid::now_v7()),
            }
        } else {
            RunCommand::EndTurn {
                message,
                outcome: TurnOutcome::Completed,
                usage: None,
                present,
                asked: Vec::new(),
            }
        };
        self.service
            .run_command(task.id, run, epoch, end)
            .await
            .unwrap()
    }

    /// The same server on a socket of its own; its address.
    pub async fn listen(&mut self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let served =
            server::http::listener::serve(listener, self.router.clone(), self.shutdown.clone());
        self.background.spawn(served);
        addr
    }
}

/// A request as a program on this machine sends it.
pub fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", HOST)
}
