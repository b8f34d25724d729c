//! The stored JSON of every event. It is a contract: a change here is a new variant, or a field
//! with a default.

use super::*;

/// One event of every kind, with all of its fields.
fn samples() -> Vec<TaskEvent> {
    let mut samples = of_tasks();
    samples.extend(of_runs());
    samples.extend(of_phases());
    samples.extend(of_reviews());
    samples.extend(of_agents());
    samples
}

fn of_tasks() -> Vec<TaskEvent> {
    vec![
        TaskEvent::TaskCreated {
            title: "A title".parse().unwrap(),
            task_type: TaskType::CreateApp,
            description: "A description".parse().unwrap(),
            priority: Priority::High,
            phases: vec![phase("planning", &["01_idea"], true)],
            permission_mode: PermissionMode::Balanced,
            model: Some("a-model".parse().unwrap()),
            repository: Some("/srv/repository".to_owned()),
            depends_on: vec![TASK],
            auto_approve: true,
            budget_usd: Some(Usd::from_micros(12_500_000)),
            budget_tokens: Some(1_000_000),
            answer_after: 60,
            auto_resume: false,
            schedule: Some(crate::domain::id::ScheduleId::from_uuid(
                uuid::Uuid::from_u128(0x5c),
            )),
        },
        TaskEvent::TaskUpdated {
            edit: TaskEdit {
                title: Some("Another".parse().unwrap()),
                description: Some("More".parse().unwrap()),
                priority: Some(Priority::Critical),
                auto_approve: Some(false),
                permission_mode: Some(PermissionMode::Strict),
                model: Some("another-model".parse().unwrap()),
                answer_after: Some(120),
                auto_resume: Some(false),
                budget_usd: None,
                budget_tokens: None,
                depends_on: Some(vec![TASK]),
            },
        },
        TaskEvent::TaskQueued {
            not_before: Some(at(60)),
        },
        TaskEvent::TaskRanked { place: at(30) },
        TaskEvent::TaskStarted {},
        TaskEvent::TaskEstimated {
            phases: vec![
                estimated(1, 9),
                EstimatedPhase {
                    phase: 2,
                    estimate: PhaseEstimate::learned(&[], &[]),
                },
            ],
        },
        TaskEvent::TaskForked {
            origin: Origin {
                task_id: TASK,
                checkpoint_id: CHECKPOINT,
                version: 41,
            },
            title: "A title (fork)".parse().unwrap(),
        },
        restored(),
        TaskEvent::FilesRestored {},
        TaskEvent::TaskRetried {},
        TaskEvent::TaskCompleted {},
        TaskEvent::TaskFailed {
            reason: "no way".to_owned(),
            last_lines: vec!["So long.".to_owned()],
        },
        TaskEvent::TaskCancelled {},
        TaskEvent::TaskArchived {},
        TaskEvent::MessageSent {
            message: MESSAGE,
            text: note("Hello"),
            deliver_at: DeliverAt::ToolResult,
        },
        TaskEvent::MessageEdited {
            message: MESSAGE,
            text: note("Hello again"),
            deliver_at: DeliverAt::OwnTurn,
        },
        TaskEvent::MessageCancelled { message: MESSAGE },
        TaskEvent::MessageDelivered { message: MESSAGE },
        TaskEvent::MessageLost { message: MESSAGE },
        TaskEvent::InterruptRequested {},
        TaskEvent::MessageAwaited {},
        TaskEvent::PauseRequested {},
        TaskEvent::TaskPaused {},
        TaskEvent::TaskResumed {},
    ]
}

/// A task of one phase in the middle of a step, with a question.
fn restored() -> TaskEvent {
    let story = Story::of(two_phases())
        .then(TaskCommand::Execute)
        .then(start(1))
        .run(start_phase(1))
        .turn(TurnPurpose::Opening { phase: 1 })
        .run(RunCommand::StartTurn {
            message: MESSAGE,
            purpose: TurnPurpose::Step {
                phase: 1,
                step: "01_idea".to_owned(),
            },
        });
    let mut standing = Standing::of(story.task());
    standing.phases.truncate(1);
    standing.parked.clone_from(&standing.turn);
    standing.reviews = vec![IsOpen { open: true }];
    standing.questions = vec![Told {
        open: false,
        told: true,
        taken: true,
    }];
    TaskEvent::TaskRestored {
        checkpoint: CHECKPOINT,
        version: 41,
        commit: "0f".repeat(20),
        session: SESSION,
        place: ConversationPlace {
            message: Some(Uuid::from_u128(9)),
            transcript: 4_096,
        },
        standing: Box::new(standing),
    }
}

fn of_runs() -> Vec<TaskEvent> {
    vec![
        TaskEvent::RunStarted { run: RUN, epoch: 3 },
        TaskEvent::RunEnded {
            run: RUN,
            end: RunEnd::Failed {
                message: "gone".to_owned(),
                last_lines: vec!["So long.".to_owned()],
            },
        },
        TaskEvent::ConversationStarted { session: SESSION },
        TaskEvent::TurnStarted {
            message: MESSAGE,
            session: SESSION,
            purpose: TurnPurpose::Step {
                phase: 1,
                step: "01_idea".to_owned(),
            },
        },
        TaskEvent::TurnEnded {
            message: MESSAGE,
            outcome: TurnOutcome::Failed {
                message: "overloaded".to_owned(),
            },
        },
        TaskEvent::UsageRecorded {
            session: SESSION,
            usage: usage(),
        },
        TaskEvent::RateLimited {
            limit: Limit {
                until: at(3_600),
                told: true,
                cause: LimitCause::Account,
                name: Some("five_hour".to_owned()),
            },
        },
        TaskEvent::LimitLifted {},
        TaskEvent::AgentSilent {
            silence: Silence {
                since: at(0),
                restart_at: at(1_200),
            },
        },
        TaskEvent::AgentStirred {},
        TaskEvent::BudgetWarned { used: used(None) },
        TaskEvent::BudgetExceeded {
            used: used(Some(at(3_600))),
        },
        TaskEvent::BudgetRaised {
            budget: used(None).budget,
        },
        TaskEvent::CredentialsRefused {
            message: "no credit".to_owned(),
        },
    ]
}

/// Most of a budget, of the day's if it ends.
fn used(until: Option<DateTime<Utc>>) -> BudgetUse {
    BudgetUse {
        scope: until.map_or(BudgetScope::Task, |_| BudgetScope::Day),
        budget: Budget {
            usd: Some(Usd::from_micros(5_000_000)),
            tokens: Some(1_000),
        },
        spent: Spent {
            usd: Usd::from_micros(4_100_000),
            tokens: 900,
        },
        until,
    }
}

fn of_phases() -> Vec<TaskEvent> {
    vec![
        TaskEvent::PhaseStarted {
            phase: 1,
            session: SESSION,
            base: "c0ffee".to_owned(),
        },
        TaskEvent::StepStarted {
            phase: 1,
            step: "01_idea".to_owned(),
        },
        TaskEvent::StepCompleted {
            phase: 1,
            step: "01_idea".to_owned(),
            note: Some("as agreed".to_owned()),
        },
        TaskEvent::PhaseReported {
            phase: 1,
            summary: "All is written.".to_owned(),
            files: vec!["docs/01_idea.md".to_owned()],
        },
        TaskEvent::VerificationPassed {
            phase: 1,
            checks: vec![check(true)],
        },
        TaskEvent::VerificationFailed {
            phase: 1,
            checks: vec![check(false)],
        },
        TaskEvent::VerificationStarted {
            phase: 1,
            session: VERIFIER,
            head: "deadbeef".to_owned(),
            checks: vec![check(true)],
        },
        TaskEvent::VerificationUnreadable {
            phase: 1,
            reason: "It gave no answer.".to_owned(),
        },
        TaskEvent::ReworkStarted {
            phase: 1,
            rework: 2,
        },
        TaskEvent::PhaseCompleted { phase: 1 },
    ]
}

fn of_reviews() -> Vec<TaskEvent> {
    vec![
        TaskEvent::ReviewRequested {},
        TaskEvent::ReviewCreated {
            review: REVIEW,
            phase: 1,
            round: 2,
            summary: "All is written.".to_owned(),
            base: "c0ffee".to_owned(),
            head: "deadbeef".to_owned(),
            interim: true,
        },
        TaskEvent::FeedbackAdded {
            review: REVIEW,
            feedback: FEEDBACK,
            file: Some("docs/01_idea.md".to_owned()),
            line: Some(3),
            end_line: Some(7),
            text: note("Too vague."),
        },
        TaskEvent::FeedbackResolved { feedback: FEEDBACK },
        TaskEvent::ReviewReminded {
            review: REVIEW,
            level: ReminderLevel::Urgent,
        },
        TaskEvent::ReviewApproved {
            review: REVIEW,
            comment: Some(note("Good.")),
        },
        TaskEvent::ChangesRequested {
            review: REVIEW,
            feedback: note("Again."),
        },
    ]
}

fn of_agents() -> Vec<TaskEvent> {
    vec![
        TaskEvent::QuestionAsked {
            id: QUESTION,
            asked: question(),
        },
        TaskEvent::QuestionAnswered {
            id: QUESTION,
            answer: answer(&["A", "B"]),
            reason: None,
        },
        TaskEvent::PermissionGranted {
            id: RULE,
            rule: rule("npm publish"),
        },
        TaskEvent::PermissionRevoked { id: RULE },
        TaskEvent::AnswersDelivered {
            questions: vec![QUESTION],
            dependencies: vec![DEPENDENCY],
        },
        TaskEvent::DependencyRequested {
            id: DEPENDENCY,
            needed: dependency(),
        },
        TaskEvent::DependencyProvided {
            id: DEPENDENCY,
            given: Given::Secret {
                name: "maps".to_owned(),
            },
        },
        TaskEvent::DependencyDeclined {
            id: DEPENDENCY,
            reason: Some(note("Too dear.")),
        },
        TaskEvent::ErrorReported {
            kind: "missing_file".to_owned(),
            message: "There is no Cargo.toml".to_owned(),
            details: Some("ls".to_owned()),
        },
        TaskEvent::CheckpointCreated {
            checkpoint: CHECKPOINT,
            commit: "deadbeef".to_owned(),
            session: SESSION,
            phase: Some(1),
            label: "planning finished".to_owned(),
            kind: CheckpointKind::Turn,
            place: ConversationPlace {
                message: Some(Uuid::from_u128(0x3e)),
                transcript: 4_096,
            },
        },
    ]
}

/// The JSON of the sample of this name.
fn stored(name: &str) -> String {
    let mut samples = samples().into_iter();
    let sample = samples.find(|sample| names(std::slice::from_ref(sample)) == [name]);
    serde_json::to_string(&sample.expect("every event has a sample")).unwrap()
}

/// How many kinds of events there are; the variants can't be counted otherwise.
#[test]
fn every_event_has_one_sample() {
    let samples = samples();
    let kinds: std::collections::BTreeSet<_> = names(&samples).into_iter().collect();
    assert_eq!(kinds.len(), samples.len());
    let source = include_str!("../event.rs");
    let (_, variants) = source.split_once("pub enum TaskEvent {").unwrap();
    let (variants, _) = variants.split_once("\n}\n").unwrap();
    let is_variant = |line: &&str| {
        let name = line.strip_prefix("    ").unwrap_or_default();
        name.starts_with(|first: char| first.is_ascii_uppercase())
    };
    assert_eq!(variants.lines().filter(is_variant).count(), samples.len());
}

#[test]
fn what_is_stored_can_be_read_again() {
    for sample in samples() {
        let record = EventRecord {
            task_id: TASK,
            version: 7,
            event: sample,
            actor: Actor::Agent,
            at: at(0),
        };
        let json = serde_json::to_string(&record).unwrap();
        let read: EventRecord = serde_json::from_str(&json).unwrap();
        assert_eq!(read, record, "{json}");
    }
}

#[test]
fn every_way_to_end_and_to_wait_can_be_read_again() {
    let ends = [RunEnd::Settled, RunEnd::Shutdown, RunEnd::Lost];
    for end in ends {
        let event = TaskEvent::RunEnded { run: RUN, end };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<TaskEvent>(&json).unwrap(), event);
    }
    let message = MESSAGE;
    for outcome in [
        TurnOutcome::Completed,
        TurnOutcome::Deferred,
        TurnOutcome::Interrupted,
        TurnOutcome::Unseen,
    ] {
        let event = TaskEvent::TurnEnded { message, outcome };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<TaskEvent>(&json).unwrap(), event);
    }
    let phase = 1;
    for purpose in [
        TurnPurpose::Prompt,
        TurnPurpose::Opening { phase },
        TurnPurpose::Closing { phase },
        TurnPurpose::Rework { phase },
        TurnPurpose::Verification { phase },
        TurnPurpose::Messages {
            messages: vec![MESSAGE],
        },
    ] {
        let session = SESSION;
        let event = TaskEvent::TurnStarted {
            message,
            session,
            purpose,
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<TaskEvent>(&json).unwrap(), event);
    }
}

#[test]
fn what_was_left_out_has_its_default() {
    let read = |json: &str| serde_json::from_str::<TaskEvent>(json).unwrap();
    let queued = read(r#"{"type":"TaskQueued","data":{}}"#);
    assert_eq!(queued, TaskEvent::TaskQueued { not_before: None });
    let created = read(
        r#"{"type":"TaskCreated","data":{"title":"T","task_type":"custom","description":"D",
        "priority":"normal","phases":[],"permission_mode":"balanced"}}"#,
    );
    let TaskEvent::TaskCreated {
        model,
        depends_on,
        auto_approve,
        ..
    } = created
    else {
        panic!("{created:?}");
    };
    assert_eq!((model, depends_on, auto_approve), (None, Vec::new(), false));
    // A later program may add fields that this one does not know.
    let later = read(r#"{"type":"PhaseCompleted","data":{"phase":2,"mood":"good"}}"#);
    assert_eq!(later, TaskEvent::PhaseCompleted { phase: 2 });
}

#[test]
fn task_created() {
    insta::assert_snapshot!(stored("TaskCreated"), @r#"{"type":"TaskCreated","data":{"title":"A title","task_type":"create_app","description":"A description","priority":"high","phases":[{"id":"planning","name":"planning","aim":"Finish planning.","steps":[{"id":"01_idea","name":"01_idea","deliverable":{"path":"docs/01_idea.md","min_chars":1}}],"deliverables":[],"gate":true}],"permission_mode":"balanced","model":"a-model","repository":"/srv/repository","depends_on":["00000000-0000-0000-0000-000000007a5c"],"auto_approve":true,"budget_usd":"12.500000","budget_tokens":1000000,"answer_after":60,"auto_resume":false,"schedule":"00000000-0000-0000-0000-00000000005c"}}"#);
}

#[test]
fn task_updated() {
    insta::assert_snapshot!(stored("TaskUpdated"), @r#"{"type":"TaskUpdated","data":{"edit":{"title":"Another","description":"More","priority":"critical","auto_approve":false,"permission_mode":"strict","model":"another-model","answer_after":120,"auto_resume":false,"depends_on":["00000000-0000-0000-0000-000000007a5c"]}}}"#);
}

#[test]
fn task_queued() {
    insta::assert_snapshot!(stored("TaskQueued"), @r#"{"type":"TaskQueued","data":{"not_before":"2027-01-15T08:01:00Z"}}"#);
}

#[test]
fn task_ranked() {
    insta::assert_snapshot!(stored("TaskRanked"), @r#"{"type":"TaskRanked","data":{"place":"2027-01-15T08:00:30Z"}}"#);
}

#[test]
fn task_started() {
    insta::assert_snapshot!(stored("TaskStarted"), @r#"{"type":"TaskStarted","data":{}}"#);
}

#[test]
fn task_retried() {
    insta::assert_snapshot!(stored("TaskRetried"), @r#"{"type":"TaskRetried","data":{}}"#);
}

#[test]
fn task_completed() {
    insta::assert_snapshot!(stored("TaskCompleted"), @r#"{"type":"TaskCompleted","data":{}}"#);
}

#[test]
fn task_failed() {
    insta::assert_snapshot!(stored("TaskFailed"), @r#"{"type":"TaskFailed","data":{"reason":"no way","last_lines":["So long."]}}"#);
}

#[test]
fn task_cancelled() {
    insta::assert_snapshot!(stored("TaskCancelled"), @r#"{"type":"TaskCancelled","data":{}}"#);
}

#[test]
fn task_archived() {
    insta::assert_snapshot!(stored("TaskArchived"), @r#"{"type":"TaskArchived","data":{}}"#);
}

#[test]
fn message_sent() {
    insta::assert_snapshot!(stored("MessageSent"), @r#"{"type":"MessageSent","data":{"message":"00000000-0000-0000-0000-00000000003e","text":"Hello"}}"#);
}

#[test]
fn message_edited() {
    insta::assert_snapshot!(stored("MessageEdited"), @r#"{"type":"MessageEdited","data":{"message":"00000000-0000-0000-0000-00000000003e","text":"Hello again","deliver_at":"own_turn"}}"#);
}

#[test]
fn message_cancelled() {
    insta::assert_snapshot!(stored("MessageCancelled"), @r#"{"type":"MessageCancelled","data":{"message":"00000000-0000-0000-0000-00000000003e"}}"#);
}

#[test]
fn message_lost() {
    insta::assert_snapshot!(stored("MessageLost"), @r#"{"type":"MessageLost","data":{"message":"00000000-0000-0000-0000-00000000003e"}}"#);
}

#[test]
fn interrupt_requested() {
    insta::assert_snapshot!(stored("InterruptRequested"), @r#"{"type":"InterruptRequested","data":{}}"#);
}

#[test]
fn agent_silent() {
    insta::assert_snapshot!(stored("AgentSilent"), @r#"{"type":"AgentSilent","data":{"since":"2027-01-15T08:00:00Z","restart_at":"2027-01-15T08:20:00Z"}}"#);
}

#[test]
fn agent_stirred() {
    insta::assert_snapshot!(stored("AgentStirred"), @r#"{"type":"AgentStirred","data":{}}"#);
}

#[test]
fn pause_requested() {
    insta::assert_snapshot!(stored("PauseRequested"), @r#"{"type":"PauseRequested","data":{}}"#);
}

#[test]
fn task_paused() {
    insta::assert_snapshot!(stored("TaskPaused"), @r#"{"type":"TaskPaused","data":{}}"#);
}

#[test]
fn task_resumed() {
    insta::assert_snapshot!(stored("TaskResumed"), @r#"{"type":"TaskResumed","data":{}}"#);
}

#[test]
fn message_awaited() {
    insta::assert_snapshot!(stored("MessageAwaited"), @r#"{"type":"MessageAwaited","data":{}}"#);
}

#[test]
fn message_delivered() {
    insta::assert_snapshot!(stored("MessageDelivered"), @r#"{"type":"MessageDelivered","data":{"message":"00000000-0000-0000-0000-00000000003e"}}"#);
}

#[test]
fn run_started() {
    insta::assert_snapshot!(stored("RunStarted"), @r#"{"type":"RunStarted","data":{"run":"00000000-0000-0000-0000-000000000021","epoch":3}}"#);
}

#[test]
fn run_ended() {
    insta::assert_snapshot!(stored("RunEnded"), @r#"{"type":"RunEnded","data":{"run":"00000000-0000-0000-0000-000000000021","end":{"reason":"failed","message":"gone","last_lines":["So long."]}}}"#);
}

#[test]
fn conversation_started() {
    insta::assert_snapshot!(stored("ConversationStarted"), @r#"{"type":"ConversationStarted","data":{"session":"00000000-0000-0000-0000-00000000005e"}}"#);
}

#[test]
fn turn_started() {
    insta::assert_snapshot!(stored("TurnStarted"), @r#"{"type":"TurnStarted","data":{"message":"00000000-0000-0000-0000-00000000003e","session":"00000000-0000-0000-0000-00000000005e","purpose":{"kind":"step","phase":1,"step":"01_idea"}}}"#);
}

#[test]
fn turn_ended() {
    insta::assert_snapshot!(stored("TurnEnded"), @r#"{"type":"TurnEnded","data":{"message":"00000000-0000-0000-0000-00000000003e","outcome":{"result":"failed","message":"overloaded"}}}"#);
}

#[test]
fn usage_recorded() {
    insta::assert_snapshot!(stored("UsageRecorded"), @r#"{"type":"UsageRecorded","data":{"session":"00000000-0000-0000-0000-00000000005e","model":"claude-test","tokens":{"input":1,"output":2,"cache_read":3,"cache_write":4},"cost":"0.840000"}}"#);
}

#[test]
fn rate_limited() {
    insta::assert_snapshot!(stored("RateLimited"), @r#"{"type":"RateLimited","data":{"until":"2027-01-15T09:00:00Z","told":true,"name":"five_hour"}}"#);
}

#[test]
fn a_limit_that_was_stored_before_more_was_known_of_it_is_read() {
    let stored = r#"{"type":"RateLimited","data":{"until":"2027-01-15T09:00:00Z"}}"#;
    let read: TaskEvent = serde_json::from_str(stored).unwrap();
    let limit = next_try(3_600);
    assert_eq!(read, TaskEvent::RateLimited { limit });
    assert_eq!(serde_json::to_string(&read).unwrap(), stored);
}

#[test]
fn limit_lifted() {
    insta::assert_snapshot!(stored("LimitLifted"), @r#"{"type":"LimitLifted","data":{}}"#);
}

#[test]
fn budgets() {
    insta::assert_snapshot!(stored("BudgetWarned"), @r#"{"type":"BudgetWarned","data":{"scope":"task","budget":{"usd":"5.000000","tokens":1000},"spent":{"usd":"4.100000","tokens":900}}}"#);
    insta::assert_snapshot!(stored("BudgetExceeded"), @r#"{"type":"BudgetExceeded","data":{"scope":"day","budget":{"usd":"5.000000","tokens":1000},"spent":{"usd":"4.100000","tokens":900},"until":"2027-01-15T09:00:00Z"}}"#);
    insta::assert_snapshot!(stored("BudgetRaised"), @r#"{"type":"BudgetRaised","data":{"usd":"5.000000","tokens":1000}}"#);
}

#[test]
fn credentials_refused() {
    insta::assert_snapshot!(stored("CredentialsRefused"), @r#"{"type":"CredentialsRefused","data":{"message":"no credit"}}"#);
}

#[test]
fn phase_started() {
    insta::assert_snapshot!(stored("PhaseStarted"), @r#"{"type":"PhaseStarted","data":{"phase":1,"session":"00000000-0000-0000-0000-00000000005e","base":"c0ffee"}}"#);
}

#[test]
fn step_started() {
    insta::assert_snapshot!(stored("StepStarted"), @r#"{"type":"StepStarted","data":{"phase":1,"step":"01_idea"}}"#);
}

#[test]
fn step_completed() {
    insta::assert_snapshot!(stored("StepCompleted"), @r#"{"type":"StepCompleted","data":{"phase":1,"step":"01_idea","note":"as agreed"}}"#);
}

#[test]
fn phase_reported() {
    insta::assert_snapshot!(stored("PhaseReported"), @r#"{"type":"PhaseReported","data":{"phase":1,"summary":"All is written.","files":["docs/01_idea.md"]}}"#);
}

#[test]
fn verification_passed() {
    insta::assert_snapshot!(stored("VerificationPassed"), @r#"{"type":"VerificationPassed","data":{"phase":1,"checks":[{"id":"deliverable","subject":"docs/01_idea.md","passed":true,"evidence":"412 characters"}]}}"#);
}

#[test]
fn verification_failed() {
    insta::assert_snapshot!(stored("VerificationFailed"), @r#"{"type":"VerificationFailed","data":{"phase":1,"checks":[{"id":"deliverable","subject":"docs/01_idea.md","passed":false,"evidence":"412 characters"}]}}"#);
}

#[test]
fn verification_started() {
    insta::assert_snapshot!(stored("VerificationStarted"), @r#"{"type":"VerificationStarted","data":{"phase":1,"session":"00000000-0000-0000-0000-000000005e7e","head":"deadbeef","checks":[{"id":"deliverable","subject":"docs/01_idea.md","passed":true,"evidence":"412 characters"}]}}"#);
}

#[test]
fn verification_unreadable() {
    insta::assert_snapshot!(stored("VerificationUnreadable"), @r#"{"type":"VerificationUnreadable","data":{"phase":1,"reason":"It gave no answer."}}"#);
}

#[test]
fn a_criterion_with_all_that_an_agent_says_of_it() {
    let json = serde_json::to_string(&criterion(false)).unwrap();
    insta::assert_snapshot!(json, @r#"{"id":"P1-05","subject":"docs/01_idea.md","passed":false,"evidence":"line 27 has no figure","suggestion":"Give it a figure.","documents":["docs/01_idea.md"]}"#);
    let purpose = TurnPurpose::Verification { phase: 1 };
    let json = serde_json::to_string(&purpose).unwrap();
    insta::assert_snapshot!(json, @r#"{"kind":"verification","phase":1}"#);
}

#[test]
fn rework_started() {
    insta::assert_snapshot!(stored("ReworkStarted"), @r#"{"type":"ReworkStarted","data":{"phase":1,"rework":2}}"#);
}

#[test]
fn task_estimated() {
    insta::assert_snapshot!(stored("TaskEstimated"), @r#"{"type":"TaskEstimated","data":{"phases":[{"phase":1,"samples":9,"same_model":true,"expected":{"coverage_percent":80,"cost_usd":{"low":"0.100000","middle":"0.100000","high":"0.100000"},"active_ms":{"low":1000,"middle":1000,"high":1000}}},{"phase":2,"samples":0,"same_model":false}]}}"#);
}

#[test]
fn phase_completed() {
    insta::assert_snapshot!(stored("PhaseCompleted"), @r#"{"type":"PhaseCompleted","data":{"phase":1}}"#);
}

#[test]
fn review_requested() {
    insta::assert_snapshot!(stored("ReviewRequested"), @r#"{"type":"ReviewRequested","data":{}}"#);
}

#[test]
fn review_created() {
    insta::assert_snapshot!(stored("ReviewCreated"), @r#"{"type":"ReviewCreated","data":{"review":"00000000-0000-0000-0000-00000000004e","phase":1,"round":2,"summary":"All is written.","base":"c0ffee","head":"deadbeef","interim":true}}"#);
}

#[test]
fn feedback_added() {
    insta::assert_snapshot!(stored("FeedbackAdded"), @r#"{"type":"FeedbackAdded","data":{"review":"00000000-0000-0000-0000-00000000004e","feedback":"00000000-0000-0000-0000-0000000000fe","file":"docs/01_idea.md","line":3,"end_line":7,"text":"Too vague."}}"#);
}

#[test]
fn feedback_resolved() {
    insta::assert_snapshot!(stored("FeedbackResolved"), @r#"{"type":"FeedbackResolved","data":{"feedback":"00000000-0000-0000-0000-0000000000fe"}}"#);
}

#[test]
fn review_reminded() {
    insta::assert_snapshot!(stored("ReviewReminded"), @r#"{"type":"ReviewReminded","data":{"review":"00000000-0000-0000-0000-00000000004e","level":"urgent"}}"#);
}

#[test]
fn review_approved() {
    insta::assert_snapshot!(stored("ReviewApproved"), @r#"{"type":"ReviewApproved","data":{"review":"00000000-0000-0000-0000-00000000004e","comment":"Good."}}"#);
}

#[test]
fn changes_requested() {
    insta::assert_snapshot!(stored("ChangesRequested"), @r#"{"type":"ChangesRequested","data":{"review":"00000000-0000-0000-0000-00000000004e","feedback":"Again."}}"#);
}

#[test]
fn question_asked() {
    insta::assert_snapshot!(stored("QuestionAsked"), @r#"{"type":"QuestionAsked","data":{"id":"00000000-0000-0000-0000-000000000091","group":"00000000-0000-0000-0000-000000000007","category":"choice","question":"Which one?","options":[{"label":"A","description":"The first"}],"multi_select":false,"default":"A","required":true,"via":{"way":"tool","tool":"ask_user","tool_use_id":"toolu_1"}}}"#);
}

#[test]
fn question_answered() {
    insta::assert_snapshot!(stored("QuestionAnswered"), @r#"{"type":"QuestionAnswered","data":{"id":"00000000-0000-0000-0000-000000000091","answer":["A","B"]}}"#);
}

#[test]
fn answers_delivered() {
    insta::assert_snapshot!(stored("AnswersDelivered"), @r#"{"type":"AnswersDelivered","data":{"questions":["00000000-0000-0000-0000-000000000091"],"dependencies":["00000000-0000-0000-0000-0000000000de"]}}"#);
}

#[test]
fn permission_granted() {
    insta::assert_snapshot!(stored("PermissionGranted"), @r#"{"type":"PermissionGranted","data":{"id":"00000000-0000-0000-0000-000000000007","rule":{"kind":"command","begins_with":"npm publish"}}}"#);
}

#[test]
fn permission_revoked() {
    insta::assert_snapshot!(stored("PermissionRevoked"), @r#"{"type":"PermissionRevoked","data":{"id":"00000000-0000-0000-0000-000000000007"}}"#);
}

#[test]
fn the_decision_on_a_call_keeps_what_was_asked_and_why_it_was_decided() {
    let asked = TaskEvent::QuestionAsked {
        id: QUESTION,
        asked: call("toolu_1", "f1"),
    };
    let decided = TaskEvent::QuestionAnswered {
        id: QUESTION,
        answer: Consent::Deny.into(),
        reason: Some(note("Not today.")),
    };
    let stored = |event: &TaskEvent| serde_json::to_string(event).unwrap();
    insta::assert_snapshot!(stored(&asked), @r#"{"type":"QuestionAsked","data":{"id":"00000000-0000-0000-0000-000000000091","group":"00000000-0000-0000-0000-000000000007","category":"confirmation","question":"May the agent run this command?","multi_select":false,"required":true,"via":{"way":"tool","tool":"Bash","tool_use_id":"toolu_1"},"permission":{"tool":"Bash","why":"It is not listed.","form":"command","text":"npm publish --dry-run","omitted":0,"fingerprint":"f1","offered":[{"id":"00000000-0000-0000-0000-000000000007","rule":{"kind":"command","begins_with":"npm publish"}}]}}}"#);
    insta::assert_snapshot!(stored(&decided), @r#"{"type":"QuestionAnswered","data":{"id":"00000000-0000-0000-0000-000000000091","answer":["deny"],"reason":"Not today."}}"#);
}

#[test]
fn dependency_requested() {
    insta::assert_snapshot!(stored("DependencyRequested"), @r#"{"type":"DependencyRequested","data":{"id":"00000000-0000-0000-0000-0000000000de","kind":"api_key","name":"MAPS_KEY","description":"For the map","required":true,"via":{"way":"marker"}}}"#);
}

#[test]
fn dependency_provided() {
    insta::assert_snapshot!(stored("DependencyProvided"), @r#"{"type":"DependencyProvided","data":{"id":"00000000-0000-0000-0000-0000000000de","given":{"way":"secret","name":"maps"}}}"#);
}

#[test]
fn dependency_declined() {
    insta::assert_snapshot!(stored("DependencyDeclined"), @r#"{"type":"DependencyDeclined","data":{"id":"00000000-0000-0000-0000-0000000000de","reason":"Too dear."}}"#);
}

#[test]
fn every_way_to_give_something_can_be_read_again() {
    let ways = [
        Given::Value,
        Given::File { size: 7 },
        Given::Done { note: None },
        Given::Done {
            note: Some(note("It runs on port 5432.")),
        },
    ];
    for given in ways {
        let event = TaskEvent::DependencyProvided {
            id: DEPENDENCY,
            given,
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<TaskEvent>(&json).unwrap(), event);
    }
}

#[test]
fn error_reported() {
    insta::assert_snapshot!(stored("ErrorReported"), @r#"{"type":"ErrorReported","data":{"kind":"missing_file","message":"There is no Cargo.toml","details":"ls"}}"#);
}

#[test]
fn checkpoint_created() {
    insta::assert_snapshot!(stored("CheckpointCreated"), @r#"{"type":"CheckpointCreated","data":{"checkpoint":"00000000-0000-0000-0000-0000000000c4","commit":"deadbeef","session":"00000000-0000-0000-0000-00000000005e","phase":1,"label":"planning finished","kind":"turn","message":"00000000-0000-0000-0000-00000000003e","transcript":4096}}"#);
}

#[test]
fn task_forked() {
    insta::assert_snapshot!(stored("TaskForked"), @r#"{"type":"TaskForked","data":{"task_id":"00000000-0000-0000-0000-000000007a5c","checkpoint_id":"00000000-0000-0000-0000-0000000000c4","version":41,"title":"A title (fork)"}}"#);
}

#[test]
fn task_restored() {
    insta::assert_snapshot!(stored("TaskRestored"), @r#"{"type":"TaskRestored","data":{"checkpoint":"00000000-0000-0000-0000-0000000000c4","version":41,"commit":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","session":"00000000-0000-0000-0000-00000000005e","message":"00000000-0000-0000-0000-000000000009","transcript":4096,"standing":{"phases":[{"number":1,"plan":{"id":"planning","name":"planning","aim":"Finish planning.","steps":[{"id":"01_idea","name":"01_idea","deliverable":{"path":"docs/01_idea.md","min_chars":1}}],"deliverables":[],"gate":true},"status":"active","steps":[{"plan":{"id":"01_idea","name":"01_idea","deliverable":{"path":"docs/01_idea.md","min_chars":1}},"status":"completed","turned":false}],"session":"00000000-0000-0000-0000-000000005e01","base":"base 1","opened":true,"closed":false,"approved":false,"report":null,"rework_due":false,"reworks":0,"verification":null,"inspection":null,"verifiers":[],"rounds":0,"tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0},"cost":"0.000000","model":null,"active_ms":0,"estimate":null,"started_at":"2027-01-15T08:00:05Z","completed_at":null}],"prompted":false,"turn":{"message":"00000000-0000-0000-0000-00000000003e","session":"00000000-0000-0000-0000-000000005e01","purpose":{"kind":"step","phase":1,"step":"01_idea"},"delivered":[]},"parked":{"message":"00000000-0000-0000-0000-00000000003e","session":"00000000-0000-0000-0000-000000005e01","purpose":{"kind":"step","phase":1,"step":"01_idea"},"delivered":[]},"reviews":[{"open":true}],"questions":[{"told":true,"taken":true}]}}}"#);
}

#[test]
fn files_restored() {
    insta::assert_snapshot!(stored("FilesRestored"), @r#"{"type":"FilesRestored","data":{}}"#);
}
