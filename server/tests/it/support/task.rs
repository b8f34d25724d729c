//! Tasks to test with, and a hand that leads them on.

use app::domain::id::{
    CheckpointId, FeedbackId, MessageId, QuestionId, ReviewId, RunId, SessionId, TaskId,
};
use app::domain::permission::PermissionMode;
use app::domain::plan::{DeliverableRule, PhasePlan, StepPlan, TaskType, Workflow};
use app::domain::task::{
    Actor, Answerable, AskedQuestion, Check, Limit, LimitCause, NewTask, Priority, RunCommand,
    Task, TaskCommand, TurnOutcome, TurnPurpose, Via, Work,
};
use server::jobs::Claim;
use server::service::Service;
use server::store::{Append, Appended, Fence, Store, StoreError};
use uuid::Uuid;

pub fn task_id() -> TaskId {
    TaskId::from_uuid(Uuid::now_v7())
}

pub fn run_id() -> RunId {
    RunId::from_uuid(Uuid::now_v7())
}

/// Two phases of one step each, with a gate behind the first.
pub fn two_phases() -> Workflow {
    let phase = |id: &str, gate| PhasePlan {
        id: id.to_owned(),
        name: id.to_uppercase(),
        aim: format!("Finish {id}."),
        steps: vec![StepPlan {
            id: format!("01_{id}"),
            name: id.to_owned(),
            aim: None,
            deliverable: Some(DeliverableRule {
                path: format!("docs/{id}.md"),
                min_chars: 1,
            }),
            guide: None,
        }],
        deliverables: Vec::new(),
        writes: None,
        verification: None,
        gate,
    };
    Workflow {
        id: TaskType::CreateApp,
        title: "Two phases".to_owned(),
        summary: "For tests.".to_owned(),
        phases: vec![phase("planning", true), phase("testing", false)],
    }
}

/// One free conversation.
pub fn conversation() -> Workflow {
    Workflow {
        id: TaskType::Custom,
        title: "Free".to_owned(),
        summary: "For tests.".to_owned(),
        phases: Vec::new(),
    }
}

pub fn new_task(title: &str, workflow: Workflow) -> NewTask {
    NewTask {
        title: title.parse().unwrap(),
        description: "Do what is to be done.".parse().unwrap(),
        workflow,
        priority: Priority::Normal,
        permission_mode: PermissionMode::default(),
        model: None,
        repository: None,
        depends_on: Vec::new(),
        auto_approve: false,
        answer_after: 0,
        auto_resume: true,
        schedule: None,
        budget_usd: None,
        budget_tokens: None,
        start: false,
    }
}

/// Stores a new task.
pub async fn create(store: &Store, new: NewTask) -> Task {
    let id = task_id();
    let command = TaskCommand::Create(Box::new(new));
    act(store, id, command, None).await.unwrap().task
}

/// Stores a new task that waits for its run.
pub async fn create_queued(store: &Store, title: &str) -> Task {
    let start = true;
    create(
        store,
        NewTask {
            start,
            ..new_task(title, two_phases())
        },
    )
    .await
}

/// Load, decide, append; once more whenever somebody else was faster.
pub async fn act(
    store: &Store,
    task: TaskId,
    command: TaskCommand,
    epoch: Option<u64>,
) -> Result<Appended, StoreError> {
    loop {
        let before = store.load(task).await?;
        let events = Task::decide(before.as_ref(), command.clone()).unwrap();
        let write = Append {
            task,
            before,
            events,
            actor: Actor::Person,
            cause: Some("test".to_owned()),
            fence: epoch.map(|epoch| Fence { epoch }),
        };
        match store.append(write).await {
            Err(StoreError::Conflict) => {}
            result => return result,
        }
    }
}

/// A run in progress: what the orchestrator does, without an agent.
pub struct Hand<'a> {
    pub store: &'a Store,
    pub task: TaskId,
    pub run: RunId,
    pub epoch: u64,
}

impl<'a> Hand<'a> {
    /// Claims the task that is next and starts its run.
    pub async fn take(store: &'a Store) -> Self {
        let lease = std::time::Duration::from_secs(30);
        let claim = store.claim("test", lease).await.unwrap().unwrap();
        let hand = Self {
            store,
            task: claim.task,
            run: run_id(),
            epoch: claim.epoch,
        };
        let (run, epoch) = (hand.run, hand.epoch);
        let started = TaskCommand::StartRun { run, epoch };
        act(store, hand.task, started, Some(epoch)).await.unwrap();
        hand
    }

    pub async fn run(&self, command: RunCommand) -> Task {
        let run = self.run;
        let command = TaskCommand::Run { run, command };
        let appended = act(self.store, self.task, command, Some(self.epoch)).await;
        appended.unwrap().task
    }

    /// Works until the run no longer holds the task.
    pub async fn work(&self) -> Task {
        loop {
            let task = self.store.load(self.task).await.unwrap().unwrap();
            let session = SessionId::from_uuid(Uuid::now_v7());
            match task.next_work() {
                Work::Nothing => return task,
                Work::StartConversation => {
                    self.run(RunCommand::StartConversation { session }).await
                }
                Work::StartPhase { .. } => {
                    let base = "0".repeat(40);
                    self.run(RunCommand::StartPhase { session, base }).await
                }
                Work::Turn(purpose) => self.turn(purpose).await,
                Work::Verify { .. } => self.run(verified(true)).await,
                Work::OpenReview { .. } => {
                    let review = ReviewId::from_uuid(Uuid::now_v7());
                    let head = "1".repeat(40);
                    self.run(RunCommand::OpenReview { review, head }).await
                }
                Work::AwaitMessage => self.run(RunCommand::AwaitMessage).await,
                Work::AwaitBudget => self.run(RunCommand::AwaitBudget).await,
                Work::Pause => self.run(RunCommand::Pause).await,
                Work::RestoreFiles => self.run(RunCommand::RestoreFiles).await,
                Work::Complete => self.run(RunCommand::Complete).await,
            };
        }
    }

    /// One turn that does all it should.
    pub async fn turn(&self, purpose: TurnPurpose) -> Task {
        let message = MessageId::from_uuid(Uuid::now_v7());
        self.run(RunCommand::StartTurn { message, purpose }).await;
        let files = ["docs/planning.md", "docs/testing.md"];
        self.run(RunCommand::EndTurn {
            message,
            outcome: TurnOutcome::Completed,
            usage: Some(usage()),
            present: files.map(str::to_owned).to_vec(),
            asked: Vec::new(),
        })
        .await
    }
}

/// The account's limit, with its end as Claude has told it.
pub fn limit_until(until: chrono::DateTime<chrono::Utc>) -> Limit {
    Limit {
        until,
        told: true,
        cause: LimitCause::Account,
        name: None,
    }
}

pub fn usage() -> app::domain::task::UsageDelta {
    let mut usage = app::domain::task::UsageDelta {
        model: "claude\0test".to_owned(),
        ..Default::default()
    };
    usage.tokens.input = 100;
    usage.tokens.output = 20;
    usage.cost = app::domain::money::Usd::from_micros(1_234);
    usage
}

pub fn verified(passed: bool) -> RunCommand {
    RunCommand::Verify {
        checks: vec![Check {
            id: "deliverable".to_owned(),
            subject: "docs/planning.md".to_owned(),
            passed,
            evidence: "as found\0".to_owned(),
            suggestion: None,
            documents: Vec::new(),
        }],
        review: ReviewId::from_uuid(Uuid::now_v7()),
        checkpoint: CheckpointId::from_uuid(Uuid::now_v7()),
        head: "2".repeat(40),
        verifier: SessionId::from_uuid(Uuid::now_v7()),
    }
}

pub fn feedback_id() -> FeedbackId {
    FeedbackId::from_uuid(Uuid::now_v7())
}

/// Has the agent of a task that is claimed end its first turn with a question in its text.
pub async fn ask(service: &Service, claim: &Claim, default: Option<&str>) {
    let (task, run) = (claim.task, run_id());
    service.start_run(task, run, claim.epoch).await.unwrap();
    let message = MessageId::from_uuid(Uuid::now_v7());
    let asked = AskedQuestion {
        group: Uuid::now_v7(),
        category: "choice".to_owned(),
        question: "Which one?".to_owned(),
        options: Vec::new(),
        multi_select: false,
        default: default.map(str::to_owned),
        required: true,
        via: Via::Marker,
        permission: None,
    };
    let asked = Answerable::Question(QuestionId::from_uuid(Uuid::now_v7()), asked);
    for command in [
        RunCommand::StartConversation {
            session: SessionId::from_uuid(Uuid::now_v7()),
        },
        RunCommand::StartTurn {
            message,
            purpose: TurnPurpose::Prompt,
        },
        RunCommand::EndTurn {
            message,
            outcome: TurnOutcome::Completed,
            usage: None,
            present: Vec::new(),
            asked: vec![asked],
        },
    ] {
        let said = service.run_command(task, run, claim.epoch, command);
        said.await.unwrap();
    }
}
