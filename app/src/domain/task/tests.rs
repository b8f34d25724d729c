//! What the rules say: given a history, when somebody asks for something, then these events
//! follow, or this refusal.

mod budgets;
mod checkpoints;
mod contract;
mod dependencies;
mod estimates;
mod messages;
mod orders;
mod pauses;
mod permissions;
mod properties;
mod questions;
mod reminders;
mod runs;
mod verification;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::*;
use crate::domain::estimate::{EstimatedPhase, PhaseEstimate, Sample};
use crate::domain::id::{
    CheckpointId, DependencyId, FeedbackId, MessageId, QuestionId, ReviewId, RuleId, RunId,
    SessionId, TaskId,
};
use crate::domain::money::Usd;
use crate::domain::permission::{
    AskedPermission, CallForm, Consent, GrantedRule, MAX_RULES, PermissionMode, PermissionRule,
    RuleKind,
};
use crate::domain::plan::{
    DeliverableRule, PhasePlan, StepPlan, TaskType, VerificationPlan, Workflow,
};
use crate::domain::text::Note;

const TASK: TaskId = TaskId::from_uuid(Uuid::from_u128(0x7a5c));
const RUN: RunId = RunId::from_uuid(Uuid::from_u128(0x21));
const SESSION: SessionId = SessionId::from_uuid(Uuid::from_u128(0x5e));
const VERIFIER: SessionId = SessionId::from_uuid(Uuid::from_u128(0x5e_7e));
const REVIEW: ReviewId = ReviewId::from_uuid(Uuid::from_u128(0x4e));
const FEEDBACK: FeedbackId = FeedbackId::from_uuid(Uuid::from_u128(0xfe));
const MESSAGE: MessageId = MessageId::from_uuid(Uuid::from_u128(0x3e));
const CHECKPOINT: CheckpointId = CheckpointId::from_uuid(Uuid::from_u128(0xc4));
const QUESTION: QuestionId = QuestionId::from_uuid(Uuid::from_u128(0x91));
const RULE: RuleId = RuleId::from_uuid(Uuid::from_u128(7));
const DEPENDENCY: DependencyId = DependencyId::from_uuid(Uuid::from_u128(0xde));

/// Seconds after a fixed moment.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
}

fn note(text: &str) -> Note {
    text.parse().unwrap()
}

fn phase(id: &str, steps: &[&str], gate: bool) -> PhasePlan {
    let step = |name: &&str| StepPlan {
        id: (*name).to_owned(),
        name: (*name).to_owned(),
        aim: None,
        deliverable: Some(DeliverableRule {
            path: format!("docs/{name}.md"),
            min_chars: 1,
        }),
        guide: None,
    };
    PhasePlan {
        id: id.to_owned(),
        name: id.to_owned(),
        aim: format!("Finish {id}."),
        steps: steps.iter().map(step).collect(),
        deliverables: Vec::new(),
        writes: None,
        verification: None,
        gate,
    }
}

/// A limit whose end nobody has told.
fn next_try(second: i64) -> Limit {
    Limit {
        until: at(second),
        told: false,
        cause: LimitCause::Account,
        name: None,
    }
}

/// A gate behind the first phase of two.
fn two_phases() -> Workflow {
    Workflow {
        id: TaskType::CreateApp,
        title: "Two phases".to_owned(),
        summary: "For tests.".to_owned(),
        phases: vec![
            phase("planning", &["01_idea"], true),
            phase("testing", &[], false),
        ],
    }
}

/// The same, with an agent that verifies each phase.
fn inspected() -> Workflow {
    let mut workflow = two_phases();
    for phase in &mut workflow.phases {
        let guide = Some("verification/phase1.md".to_owned());
        phase.verification = Some(VerificationPlan { guide });
    }
    workflow
}

fn conversation() -> Workflow {
    Workflow {
        id: TaskType::Custom,
        title: "Conversation".to_owned(),
        summary: "For tests.".to_owned(),
        phases: Vec::new(),
    }
}

fn create(workflow: Workflow) -> TaskCommand {
    TaskCommand::Create(Box::new(NewTask {
        title: "A title".parse().unwrap(),
        description: "A description".parse().unwrap(),
        workflow,
        priority: Priority::Normal,
        permission_mode: PermissionMode::default(),
        model: None,
        repository: None,
        depends_on: Vec::new(),
        auto_approve: false,
        budget_usd: None,
        budget_tokens: None,
        answer_after: 0,
        auto_resume: true,
        schedule: None,
        start: false,
    }))
}

/// A task and how it came about.
#[derive(Clone, Debug, Default)]
struct Story {
    task: Option<Task>,
    records: Vec<EventRecord>,
}

impl Story {
    fn of(workflow: Workflow) -> Self {
        Self::default().then(create(workflow))
    }

    /// A conversation whose first turn has ended with these.
    fn asked(outcome: TurnOutcome, asked: Vec<Answerable>) -> Self {
        Self::talking()
            .run(RunCommand::StartConversation { session: SESSION })
            .run(RunCommand::StartTurn {
                message: MESSAGE,
                purpose: TurnPurpose::Prompt,
            })
            .run(RunCommand::EndTurn {
                message: MESSAGE,
                outcome,
                usage: None,
                present: Vec::new(),
                asked,
            })
    }

    /// Two phases, and a run that holds them.
    fn running() -> Self {
        Self::of(two_phases())
            .then(TaskCommand::Execute)
            .then(start(1))
    }

    /// A conversation, and a run that holds it.
    fn talking() -> Self {
        Self::of(conversation())
            .then(TaskCommand::Execute)
            .then(start(1))
    }

    /// Two phases, the first of them at its gate.
    fn at_the_gate() -> Self {
        Self::running().worked()
    }

    fn task(&self) -> &Task {
        self.task.as_ref().unwrap()
    }

    fn status(&self) -> String {
        self.task().status.describe()
    }

    fn when(&self, command: TaskCommand) -> Result<Vec<TaskEvent>, Refusal> {
        Task::decide(self.task.as_ref(), command)
    }

    fn refused(&self, command: TaskCommand) -> Refusal {
        self.when(command).unwrap_err()
    }

    /// The names of the events that follow.
    fn names(&self, command: TaskCommand) -> Vec<String> {
        names(&self.when(command).unwrap())
    }

    fn then(mut self, command: TaskCommand) -> Self {
        let events = self.when(command).unwrap();
        self.add(events);
        self
    }

    fn run(self, command: RunCommand) -> Self {
        let run = self.task().run().map_or(RUN, |run| run.id);
        self.then(TaskCommand::Run { run, command })
    }

    fn add(&mut self, events: Vec<TaskEvent>) {
        for event in events {
            let version = self.records.len() as u64 + 1;
            let record = EventRecord {
                task_id: TASK,
                version,
                event,
                actor: Actor::Platform,
                at: at(i64::try_from(version).unwrap()),
            };
            self.task = Task::apply(self.task.take(), &record);
            self.records.push(record);
        }
    }

    /// A turn that did what it was for.
    fn turn(self, purpose: TurnPurpose) -> Self {
        let message = self.next_message();
        let end = match purpose {
            TurnPurpose::Verification { .. } => conclude(message, Ok(vec![criterion(true)])),
            _ => end_turn(message, TurnOutcome::Completed),
        };
        self.run(RunCommand::StartTurn { message, purpose })
            .run(end)
    }

    fn next_message(&self) -> MessageId {
        MessageId::from_uuid(Uuid::from_u128(0x1000 + self.records.len() as u128))
    }

    /// Everything that comes next, with good results, until the run is over.
    fn worked(mut self) -> Self {
        loop {
            self = match self.task().next_work() {
                Work::Nothing => return self,
                Work::StartConversation => {
                    self.run(RunCommand::StartConversation { session: SESSION })
                }
                Work::StartPhase { phase } => self.run(start_phase(phase)),
                Work::Turn(purpose) => self.turn(purpose),
                Work::Verify { .. } => {
                    let review =
                        ReviewId::from_uuid(Uuid::from_u128(0x40 + self.records.len() as u128));
                    self.run(verify(true, review))
                }
                Work::OpenReview { .. } => self.run(RunCommand::OpenReview {
                    review: REVIEW,
                    head: "head".to_owned(),
                }),
                Work::AwaitMessage => self.run(RunCommand::AwaitMessage),
                Work::AwaitBudget => self.run(RunCommand::AwaitBudget),
                Work::Pause => self.run(RunCommand::Pause),
                Work::RestoreFiles => self.run(RunCommand::RestoreFiles),
                Work::Complete => self.run(RunCommand::Complete),
            };
        }
    }

    /// Goes back to a checkpoint of its history.
    fn going_back(&self, checkpoint: CheckpointId, fresh: u128) -> TaskCommand {
        let known = self.records.iter().find_map(|record| match &record.event {
            TaskEvent::CheckpointCreated {
                checkpoint: id,
                commit,
                session,
                label,
                kind,
                place,
                ..
            } if *id == checkpoint => Some((
                record.version,
                Point {
                    checkpoint,
                    kind: *kind,
                    commit: commit.clone(),
                    session: *session,
                    place: *place,
                    label: label.clone(),
                },
            )),
            _ => None,
        });
        let (version, to) = known.unwrap();
        let index = usize::try_from(version).unwrap();
        let then = Task::replay(&self.records[..index]).unwrap();
        let left = Point {
            checkpoint: CheckpointId::from_uuid(Uuid::from_u128(fresh)),
            kind: CheckpointKind::Restore,
            ..to.clone()
        };
        TaskCommand::Restore(Box::new(Restore {
            to,
            version,
            session: SessionId::from_uuid(Uuid::from_u128(fresh)),
            standing: Standing::of(&then),
            left: Some(left),
        }))
    }

    /// The checkpoints of its history, oldest first.
    fn checkpoints(&self) -> Vec<CheckpointId> {
        let made = self
            .records
            .iter()
            .filter_map(|record| match &record.event {
                TaskEvent::CheckpointCreated { checkpoint, .. } => Some(*checkpoint),
                _ => None,
            });
        made.collect()
    }

    fn open_review(&self) -> ReviewId {
        self.task().open_review().unwrap().id
    }
}

fn names(events: &[TaskEvent]) -> Vec<String> {
    let name = |event: &TaskEvent| {
        let json = serde_json::to_value(event).unwrap();
        json["type"].as_str().unwrap().to_owned()
    };
    events.iter().map(name).collect()
}

fn start(epoch: u64) -> TaskCommand {
    TaskCommand::StartRun { run: RUN, epoch }
}

fn start_phase(phase: u32) -> RunCommand {
    RunCommand::StartPhase {
        session: SessionId::from_uuid(Uuid::from_u128(0x5e00 + u128::from(phase))),
        base: format!("base {phase}"),
    }
}

fn end_turn(message: MessageId, outcome: TurnOutcome) -> RunCommand {
    RunCommand::EndTurn {
        message,
        outcome,
        usage: None,
        present: vec!["docs/01_idea.md".to_owned()],
        asked: Vec::new(),
    }
}

fn check(passed: bool) -> Check {
    Check {
        id: "deliverable".to_owned(),
        subject: "docs/01_idea.md".to_owned(),
        passed,
        evidence: "412 characters".to_owned(),
        suggestion: None,
        documents: Vec::new(),
    }
}

/// What a verifying agent says of a criterion of its guide.
fn criterion(passed: bool) -> Check {
    Check {
        id: "P1-05".to_owned(),
        subject: "docs/01_idea.md".to_owned(),
        passed,
        evidence: "line 27 has no figure".to_owned(),
        suggestion: Some("Give it a figure.".to_owned()),
        documents: vec!["docs/01_idea.md".to_owned()],
    }
}

fn conclude(message: MessageId, verdict: Result<Vec<Check>, String>) -> RunCommand {
    RunCommand::ConcludeVerification {
        message,
        usage: None,
        verdict,
        review: ReviewId::from_uuid(Uuid::from_u128(0x4e00 + message.as_uuid().as_u128())),
    }
}

fn verify(passed: bool, review: ReviewId) -> RunCommand {
    RunCommand::Verify {
        checks: vec![check(passed)],
        review,
        checkpoint: CHECKPOINT,
        head: "head".to_owned(),
        verifier: VERIFIER,
    }
}

fn question() -> AskedQuestion {
    AskedQuestion {
        group: Uuid::from_u128(7),
        category: "choice".to_owned(),
        question: "Which one?".to_owned(),
        options: vec![Choice {
            label: "A".to_owned(),
            description: "The first".to_owned(),
        }],
        multi_select: false,
        default: Some("A".to_owned()),
        required: true,
        via: Via::Tool {
            tool: "ask_user".to_owned(),
            tool_use_id: "toolu_1".to_owned(),
        },
        permission: None,
    }
}

fn rule(begins_with: &str) -> PermissionRule {
    RuleKind::Command.rule(begins_with.parse().unwrap())
}

/// A call that a person is to decide on.
fn call(tool_use_id: &str, fingerprint: &str) -> AskedQuestion {
    AskedQuestion {
        category: "confirmation".to_owned(),
        question: "May the agent run this command?".to_owned(),
        options: Vec::new(),
        default: None,
        via: Via::Tool {
            tool: "Bash".to_owned(),
            tool_use_id: tool_use_id.to_owned(),
        },
        permission: Some(Box::new(AskedPermission {
            tool: "Bash".to_owned(),
            why: "It is not listed.".to_owned(),
            form: CallForm::Command,
            text: "npm publish --dry-run".to_owned(),
            omitted: 0,
            fingerprint: fingerprint.to_owned(),
            offered: vec![GrantedRule {
                id: RULE,
                rule: rule("npm publish"),
            }],
        })),
        ..question()
    }
}

fn answer(parts: &[&str]) -> Answer {
    let parts: Vec<_> = parts.iter().map(|part| note(part)).collect();
    Answer::try_from(parts).unwrap()
}

fn dependency() -> NeededDependency {
    NeededDependency {
        kind: DependencyKind::ApiKey,
        name: "MAPS_KEY".to_owned(),
        description: "For the map".to_owned(),
        required: true,
        via: Via::Marker,
    }
}

/// What is learned from so many phases that took one second and ten cents each.
fn estimated(phase: u32, samples: usize) -> EstimatedPhase {
    let sample = Sample {
        cost: Usd::from_micros(100_000),
        active_ms: 1_000,
    };
    EstimatedPhase {
        phase,
        estimate: PhaseEstimate::learned(&vec![sample; samples], &[]),
    }
}

fn usage() -> UsageDelta {
    UsageDelta {
        model: "claude-test".to_owned(),
        tokens: Tokens {
            input: 1,
            output: 2,
            cache_read: 3,
            cache_write: 4,
        },
        cost: Usd::from_micros(840_000),
        api: None,
    }
}
