//! What holds after any sequence of commands.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A choice that becomes a command in the light of the present state.
type Choice = (u8, u8);

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((0..60_u8, any::<u8>()), 0..120)
}

fn workflow(kind: u8) -> Workflow {
    match kind % 5 {
        0 => conversation(),
        1 => two_phases(),
        2 | 3 => inspected(),
        _ => Workflow {
            phases: vec![phase("one", &["a", "b"], true), phase("two", &["c"], true)],
            ..two_phases()
        },
    }
}

fn run_id(number: u64) -> RunId {
    RunId::from_uuid(Uuid::from_u128(0xa000 + u128::from(number)))
}

/// A review that exists, or one that doesn't.
fn any_review(task: &Task, pick: u8) -> ReviewId {
    let known = task.reviews.get(usize::from(pick % 4));
    known.map_or(REVIEW, |review| review.id)
}

fn any_message(task: &Task, pick: u8) -> MessageId {
    let known = task.messages.iter().rev().nth(usize::from(pick % 3));
    known.map_or(MESSAGE, |message| message.id)
}

fn comment(pick: u8) -> Comment {
    Comment {
        file: pick.is_multiple_of(2).then(|| "docs/a.md".to_owned()),
        line: None,
        end_line: None,
        text: note("Hm."),
    }
}

/// What a person may say, sensible or not.
fn order(task: &Task, fresh: u128, kind: u8, pick: u8) -> TaskCommand {
    let feedback = FeedbackId::from_uuid(Uuid::from_u128(fresh));
    let review = any_review(task, pick);
    match kind {
        0 => TaskCommand::Execute,
        1 if pick < 64 => TaskCommand::Cancel,
        2 if pick < 64 => TaskCommand::Archive,
        3 => TaskCommand::RequestReview,
        4 => TaskCommand::SendMessage {
            message: MessageId::from_uuid(Uuid::from_u128(fresh)),
            text: note("Hello"),
            deliver_at: match pick % 3 {
                0 => DeliverAt::OwnTurn,
                _ => DeliverAt::ToolResult,
            },
        },
        43 => TaskCommand::Interrupt,
        49 => TaskCommand::Pause {
            at: match pick % 2 {
                0 => PauseAt::Now,
                _ => PauseAt::TurnEnd,
            },
        },
        50 | 51 => TaskCommand::Resume,
        57 => TaskCommand::Rank {
            place: at(i64::from(pick)),
        },
        44 => TaskCommand::CancelMessage {
            message: any_message(task, pick),
        },
        45 => TaskCommand::EditMessage {
            message: any_message(task, pick),
            text: pick.is_multiple_of(2).then(|| note("Changed")),
            deliver_at: pick.is_multiple_of(3).then_some(DeliverAt::OwnTurn),
        },
        5 => TaskCommand::AddFeedback {
            review,
            feedback,
            comment: comment(pick),
        },
        6 => {
            let mut all = task.reviews.iter().flat_map(|review| &review.feedback);
            let known = all.nth(usize::from(pick % 3)).map(|known| known.id);
            TaskCommand::ResolveFeedback {
                feedback: known.unwrap_or(feedback),
            }
        }
        7..=9 => TaskCommand::Approve {
            review,
            comment: None,
        },
        10 | 11 => TaskCommand::RequestChanges {
            review,
            feedback: Some(note("Again.")),
            comments: vec![(feedback, comment(pick))],
        },
        12 => TaskCommand::Edit(TaskEdit {
            auto_approve: Some(pick.is_multiple_of(2)),
            auto_resume: Some(pick.is_multiple_of(4)),
            // About two turns' worth, or none.
            budget_tokens: pick.is_multiple_of(7).then_some(u64::from(pick % 2) * 30),
            priority: pick.is_multiple_of(3).then_some(Priority::High),
            description: pick.is_multiple_of(5).then(|| "New".parse().unwrap()),
            ..TaskEdit::default()
        }),
        13 => create(two_phases()),
        27 | 28 => TaskCommand::AnswerQuestion {
            question: task
                .questions
                .get(usize::from(pick % 4))
                .map_or(QuestionId::from_uuid(Uuid::from_u128(fresh)), |known| {
                    known.id
                }),
            answer: match pick % 5 {
                0 => answer(&[]),
                1 => answer(&["A", "B"]),
                _ => answer(&["A"]),
            },
            reason: None,
        },
        40 | 41 => provide(task, fresh, pick),
        _ => TaskCommand::Retry,
    }
}

/// Gives or declines what the agent needs, in a way that fits or in another.
fn provide(task: &Task, fresh: u128, pick: u8) -> TaskCommand {
    let known = task.dependencies.get(usize::from(pick % 4));
    let unknown = DependencyId::from_uuid(Uuid::from_u128(fresh));
    let dependency = known.map_or(unknown, |known| known.id);
    if pick.is_multiple_of(5) {
        let reason = pick.is_multiple_of(2).then(|| note("No."));
        return TaskCommand::Decline { dependency, reason };
    }
    let given = match pick % 3 {
        0 => Given::Done { note: None },
        _ => Given::Value,
    };
    TaskCommand::Provide { dependency, given }
}

/// What a run may say, in turn or not.
fn report(task: &Task, fresh: u128, kind: u8, pick: u8) -> RunCommand {
    let message = task.turn.as_ref().map_or(MESSAGE, |turn| turn.message);
    match kind {
        15 => RunCommand::Limit(next_try(i64::from(pick))),
        16 => RunCommand::RefuseCredentials {
            message: "no".to_owned(),
        },
        17 => RunCommand::End {
            end: match pick % 4 {
                0 => RunEnd::Shutdown,
                1 => RunEnd::Lost,
                2 => RunEnd::Settled,
                _ => RunEnd::Failed {
                    message: "broken".to_owned(),
                    last_lines: Vec::new(),
                },
            },
            retry_at: at(60),
        },
        18 => RunCommand::ReportStep {
            step: ["a", "b", "c", "01_idea"][usize::from(pick % 4)].to_owned(),
            completed: pick.is_multiple_of(2),
            note: None,
        },
        19 => RunCommand::ReportPhase {
            phase: u32::from(pick % 3),
            summary: "Done.".to_owned(),
            files: Vec::new(),
        },
        20 => RunCommand::DeliverMessage {
            message: task.messages.last().map_or(MESSAGE, |message| message.id),
            revision: task.messages.last().map_or(0, |message| message.revision),
        },
        21 => RunCommand::EndTurn {
            message,
            outcome: TurnOutcome::Deferred,
            usage: Some(usage()),
            present: Vec::new(),
            asked: vec![Answerable::Question(
                QuestionId::from_uuid(Uuid::from_u128(fresh)),
                question(),
            )],
        },
        29 => RunCommand::DeliverAnswers {
            questions: task.questions.iter().map(|known| known.id).collect(),
            dependencies: task.dependencies.iter().map(|known| known.id).collect(),
        },
        42 => RunCommand::EndTurn {
            message,
            outcome: match pick % 2 {
                0 => TurnOutcome::Deferred,
                _ => TurnOutcome::Completed,
            },
            usage: None,
            present: Vec::new(),
            asked: needing(fresh, pick),
        },
        46 => RunCommand::LoseMessage {
            message: any_message(task, pick),
        },
        47 => RunCommand::AwaitMessage,
        52 => RunCommand::Pause,
        59 => {
            let next = next(task, fresh, pick);
            RunCommand::Checkpoint {
                point: Box::new(Point {
                    checkpoint: CheckpointId::from_uuid(Uuid::from_u128(fresh | 1 << 100)),
                    kind: CheckpointKind::Interval,
                    commit: "commit".to_owned(),
                    session: task.session().unwrap_or(SESSION),
                    place: ConversationPlace::default(),
                    label: "Here".to_owned(),
                }),
                then: pick.is_multiple_of(2).then(|| Box::new(next)),
            }
        }
        55 => RunCommand::FallSilent(Silence {
            since: at(i64::from(pick)),
            restart_at: at(i64::from(pick) + 600),
        }),
        56 => RunCommand::Stir,
        54 => RunCommand::Estimate {
            phases: vec![
                estimated(1, usize::from(pick % 5)),
                estimated(2, usize::from(pick % 3)),
            ],
        },
        // What was interrupted, if somebody wanted that.
        48 => RunCommand::EndTurn {
            message,
            outcome: TurnOutcome::Interrupted,
            usage: None,
            present: Vec::new(),
            asked: Vec::new(),
        },
        22 => verify(
            pick.is_multiple_of(2),
            ReviewId::from_uuid(Uuid::from_u128(fresh)),
        ),
        23 => RunCommand::Complete,
        _ => next(task, fresh, pick),
    }
}

/// A key, and now and then a question with it.
fn needing(fresh: u128, pick: u8) -> Vec<Answerable> {
    let id = Uuid::from_u128(fresh);
    let mut asked = vec![Answerable::Dependency(
        DependencyId::from_uuid(id),
        dependency(),
    )];
    if pick.is_multiple_of(3) {
        let id = QuestionId::from_uuid(id);
        asked.insert(0, Answerable::Question(id, question()));
    }
    asked
}

/// What is next, with a result by chance.
fn next(task: &Task, fresh: u128, pick: u8) -> RunCommand {
    let uuid = Uuid::from_u128(fresh);
    let review = ReviewId::from_uuid(uuid);
    if let Some(turn) = &task.turn {
        let is_verification = matches!(turn.purpose, TurnPurpose::Verification { .. });
        if is_verification && pick % 8 > 2 {
            let verdict = match pick % 8 {
                3 => Err("It gave no answer.".to_owned()),
                4 => Ok(vec![criterion(true), criterion(false)]),
                _ => Ok(vec![criterion(true)]),
            };
            return RunCommand::ConcludeVerification {
                message: turn.message,
                usage: pick.is_multiple_of(2).then(usage),
                verdict,
                review,
            };
        }
        let outcome = match pick % 8 {
            0 => TurnOutcome::Unseen,
            1 => TurnOutcome::Interrupted,
            2 => TurnOutcome::Failed {
                message: "no".to_owned(),
            },
            _ => TurnOutcome::Completed,
        };
        let present = ["docs/a.md", "docs/b.md", "docs/c.md", "docs/01_idea.md"];
        return RunCommand::EndTurn {
            message: turn.message,
            outcome,
            usage: pick.is_multiple_of(2).then(usage),
            present: present.map(str::to_owned)[usize::from(pick % 4)..].to_vec(),
            asked: Vec::new(),
        };
    }
    match task.next_work() {
        Work::StartConversation => RunCommand::StartConversation {
            session: SessionId::from_uuid(uuid),
        },
        Work::StartPhase { .. } => RunCommand::StartPhase {
            session: SessionId::from_uuid(uuid),
            base: "base".to_owned(),
        },
        Work::Turn(purpose) => RunCommand::StartTurn {
            message: MessageId::from_uuid(uuid),
            purpose,
        },
        Work::Verify { .. } => verify(!pick.is_multiple_of(3), review),
        Work::OpenReview { .. } => RunCommand::OpenReview {
            review,
            head: "head".to_owned(),
        },
        Work::AwaitMessage => RunCommand::AwaitMessage,
        Work::AwaitBudget => RunCommand::AwaitBudget,
        Work::Pause => RunCommand::Pause,
        Work::RestoreFiles => RunCommand::RestoreFiles,
        Work::Complete | Work::Nothing => RunCommand::Complete,
    }
}

fn command(story: &Story, fresh: u128, epoch: u64, (kind, pick): Choice) -> TaskCommand {
    let task = story.task();
    match kind {
        58 => go_back(story, fresh, pick),
        0..=14 | 27 | 28 | 40 | 41 | 43..=45 | 49..=51 | 57 => order(task, fresh, kind, pick),
        24..=26 => TaskCommand::StartRun {
            run: run_id(epoch),
            epoch,
        },
        _ => TaskCommand::Run {
            // Now and then a run that was replaced.
            run: match task.run() {
                Some(run) if pick != 0 => run.id,
                _ => run_id(0),
            },
            command: report(task, fresh, kind, pick),
        },
    }
}

/// Goes back to a checkpoint, if there is one.
fn go_back(story: &Story, fresh: u128, pick: u8) -> TaskCommand {
    let known = story.checkpoints();
    match known.iter().rev().nth(usize::from(pick % 4)) {
        Some(checkpoint) => story.going_back(*checkpoint, fresh),
        None => TaskCommand::Retry,
    }
}

/// Plays the choices and calls `judge` after each decision.
fn play(
    kind: u8,
    choices: Vec<Choice>,
    mut judge: impl FnMut(
        &Story,
        &TaskCommand,
        &Result<Vec<TaskEvent>, Refusal>,
    ) -> Result<(), TestCaseError>,
) -> Result<Story, TestCaseError> {
    let mut story = Story::of(workflow(kind));
    let mut fresh = 0xf000;
    for (epoch, choice) in (1..).zip(choices) {
        fresh += 1;
        let command = command(&story, fresh, epoch, choice);
        let decision = story.when(command.clone());
        judge(&story, &command, &decision)?;
        if let Ok(events) = decision {
            story.add(events);
        }
    }
    Ok(story)
}

/// The phases, whatever time they took.
fn timeless(task: &Task) -> Vec<Phase> {
    let mut phases = task.phases.clone();
    for phase in &mut phases {
        phase.active_ms = 0;
    }
    phases
}

/// The run that the events say holds the task.
fn holder(records: &[EventRecord]) -> Option<RunId> {
    let mut holder = None;
    for record in records {
        match &record.event {
            TaskEvent::RunStarted { run, .. } => holder = Some(*run),
            TaskEvent::RunEnded { run, .. } if holder == Some(*run) => holder = None,
            _ => {}
        }
    }
    holder
}

/// What was written and is not known to be read: neither delivered nor cancelled, delivered in the
/// course of a turn that came to nothing, or lost. Of a turn that a person has interrupted it counts as
/// read, unless the agent is to go on where it was. From the events alone.
fn unanswered(records: &[EventRecord]) -> BTreeSet<u128> {
    let number = |message: &MessageId| message.as_uuid().as_u128();
    let (mut open, mut kept) = (BTreeSet::new(), Vec::new());
    let mut in_turn = None::<Vec<u128>>;
    let mut is_wanted = false;
    for record in records {
        match &record.event {
            TaskEvent::MessageSent { message, .. } | TaskEvent::MessageLost { message } => {
                open.insert(number(message));
                if let Some(delivered) = &mut in_turn {
                    delivered.retain(|known| *known != number(message));
                }
            }
            TaskEvent::MessageCancelled { message } => {
                open.remove(&number(message));
            }
            // The turns are those of then, and so is what was said in them.
            TaskEvent::TaskRestored { standing, .. } => {
                let said = |turn: &Turn| turn.delivered.iter().map(number).collect::<Vec<_>>();
                in_turn = standing.turn.as_ref().map(said);
                kept = standing.interrupted.iter().flat_map(said).collect();
                is_wanted = false;
            }
            TaskEvent::MessageDelivered { message } => {
                let was_open = open.remove(&number(message));
                if let Some(delivered) = in_turn.as_mut().filter(|_| was_open) {
                    delivered.push(number(message));
                }
            }
            TaskEvent::InterruptRequested {} => is_wanted = true,
            TaskEvent::TaskRetried {} => {
                is_wanted = false;
                open.extend(std::mem::take(&mut kept));
            }
            TaskEvent::TurnStarted { .. } => {
                in_turn = Some(Vec::new());
                is_wanted = false;
            }
            TaskEvent::TurnEnded { outcome, .. } => {
                let delivered = in_turn.take().unwrap_or_default();
                match outcome {
                    TurnOutcome::Interrupted if is_wanted => kept.extend(delivered),
                    TurnOutcome::Interrupted | TurnOutcome::Failed { .. } => open.extend(delivered),
                    TurnOutcome::Completed | TurnOutcome::Unseen => kept.clear(),
                    TurnOutcome::Deferred => {}
                }
            }
            _ => {}
        }
    }
    open
}

/// A command for each action, with which it is tried.
fn attempts(story: &Story) -> Vec<(Action, TaskCommand)> {
    let task = story.task();
    let review = task.open_review().or(task.reviews.last());
    let review = review.map_or(REVIEW, |review| review.id);
    let title = Some("Yet another title".parse().unwrap());
    let checkpoint = story.checkpoints().last().copied();
    let back = checkpoint.map(|checkpoint| (Action::Restore, story.going_back(checkpoint, 0xfff0)));
    let mut attempts = vec![
        (Action::Execute, TaskCommand::Execute),
        (
            Action::Edit,
            TaskCommand::Edit(TaskEdit {
                title,
                ..TaskEdit::default()
            }),
        ),
        (Action::Cancel, TaskCommand::Cancel),
        (Action::Retry, TaskCommand::Retry),
        (
            Action::Answer,
            TaskCommand::AnswerQuestion {
                question: task
                    .open_questions()
                    .next()
                    .map_or(QuestionId::from_uuid(Uuid::from_u128(1)), |open| open.id),
                answer: answer(&["A"]),
                reason: None,
            },
        ),
        (
            Action::Provide,
            TaskCommand::Decline {
                dependency: task
                    .open_dependencies()
                    .next()
                    .map_or(DependencyId::from_uuid(Uuid::from_u128(1)), |open| open.id),
                reason: None,
            },
        ),
        (
            Action::Message,
            TaskCommand::SendMessage {
                message: MessageId::from_uuid(Uuid::max()),
                text: note("Hello"),
                deliver_at: DeliverAt::ToolResult,
            },
        ),
        (Action::Interrupt, TaskCommand::Interrupt),
        (Action::Pause, TaskCommand::Pause { at: PauseAt::Now }),
        (Action::Resume, TaskCommand::Resume),
        (
            Action::Approve,
            TaskCommand::Approve {
                review,
                comment: None,
            },
        ),
        (
            Action::RequestChanges,
            TaskCommand::RequestChanges {
                review,
                feedback: Some(note("Again.")),
                comments: Vec::new(),
            },
        ),
        (Action::RequestReview, TaskCommand::RequestReview),
        (Action::Delete, TaskCommand::Archive),
    ];
    attempts.extend(back);
    attempts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn replay_equals_the_live_state(kind in any::<u8>(), choices in choices()) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        prop_assert_eq!(Task::replay(&story.records), story.task.clone());
        prop_assert_eq!(story.task().version, story.records.len() as u64);
    }

    #[test]
    fn a_snapshot_brings_the_state_back(kind in any::<u8>(), choices in choices()) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let json = serde_json::to_string(story.task()).unwrap();
        let read: Task = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read, story.task());
    }

    #[test]
    fn a_task_is_running_exactly_while_a_run_holds_it(kind in any::<u8>(), choices in choices()) {
        play(kind, choices, |story, _, _| {
            prop_assert_eq!(story.task().run().map(|run| run.id), holder(&story.records));
            Ok(())
        })?;
    }

    #[test]
    fn a_stale_run_changes_nothing(kind in any::<u8>(), choices in choices()) {
        play(kind, choices, |story, command, decision| {
            if let TaskCommand::Run { run, .. } = command
                && story.task().run().map(|held| held.id) != Some(*run)
            {
                prop_assert!(decision.is_err());
            }
            Ok(())
        })?;
    }

    #[test]
    fn an_action_that_is_shown_is_allowed_and_no_other(kind in any::<u8>(), choices in choices()) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let task = story.task();
        let actions = task.actions();
        let unique: BTreeSet<_> = actions.iter().map(ToString::to_string).collect();
        prop_assert_eq!(unique.len(), actions.len());
        for (action, command) in attempts(&story) {
            let decision = story.when(command);
            let refused = matches!(decision, Err(Refusal::NotAllowed { .. }));
            if task.archived {
                prop_assert_eq!(decision, Err(Refusal::UnknownTask));
            } else if actions.contains(&action) {
                prop_assert!(decision.is_ok(), "{action} in {}: {decision:?}", story.status());
            } else if let Ok(events) = &decision {
                prop_assert!(events.is_empty(), "{action} in {}: {events:?}", story.status());
            } else {
                // What it is about may not exist, or be decided.
                let other = matches!(action, Action::Approve | Action::RequestChanges | Action::Answer | Action::Provide);
                prop_assert!(refused || other, "{action} in {}: {decision:?}", story.status());
            }
        }
    }

    #[test]
    fn what_comes_next_is_never_refused(kind in any::<u8>(), choices in choices(), pick in any::<u8>()) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let is_free = !story.task().archived && !story.task().status.is_paused();
        if let Some(run) = story.task().run().filter(|_| is_free) {
            let command = next(story.task(), 0xffff, pick);
            let decision = story.when(TaskCommand::Run { run: run.id, command });
            prop_assert!(decision.as_ref().is_ok_and(|events| !events.is_empty()), "{decision:?}");
        }
    }

    #[test]
    fn good_work_and_a_person_who_approves_bring_every_task_to_its_end(kind in any::<u8>(), choices in choices()) {
        let mut story = play(kind, choices, |_, _, _| Ok(()))?;
        for epoch in 1_000..1_100 {
            let task = story.task();
            if task.archived {
                return Ok(());
            }
            let review = task.open_review().map_or(REVIEW, |review| review.id);
            story = match &task.status {
                Status::Draft => story.then(TaskCommand::Execute),
                Status::Queued { .. } => story.then(TaskCommand::StartRun { run: run_id(epoch), epoch }),
                Status::Running(_) => {
                    if task.turn.is_some() {
                        // 7 stands for good results.
                        let command = next(task, (u128::from(epoch) << 48) + 1, 7);
                        story = story.run(command);
                    }
                    story.finish(epoch)
                }
                Status::Waiting(Waiting::Review { .. }) => story.then(TaskCommand::Approve { review, comment: None }),
                Status::Waiting(Waiting::Budget(_)) => {
                    let budget_tokens = Some(0);
                    story.then(TaskCommand::Edit(TaskEdit { budget_tokens, ..TaskEdit::default() }))
                }
                Status::Waiting(Waiting::RateLimit(_) | Waiting::Credentials { .. } | Waiting::Message)
                | Status::Failed { .. } => {
                    story.then(TaskCommand::Retry)
                }
                Status::Waiting(Waiting::Question) => {
                    let open = task.open_questions().next().map(|open| open.id);
                    prop_assert!(open.is_some(), "it waits for nothing");
                    let question = open.unwrap_or_else(|| unreachable!("checked above"));
                    let answer = answer(&["A"]);
                    let reason = None;
                    story.then(TaskCommand::AnswerQuestion { question, answer, reason })
                }
                Status::Waiting(Waiting::Dependency) => {
                    let open = task.open_dependencies().next().map(|open| open.id);
                    prop_assert!(open.is_some(), "it waits for nothing");
                    let dependency = open.unwrap_or_else(|| unreachable!("checked above"));
                    story.then(TaskCommand::Provide { dependency, given: Given::Value })
                }
                Status::Paused { .. } => story.then(TaskCommand::Resume),
                Status::Completed | Status::Cancelled => return Ok(()),
            };
        }
        prop_assert!(false, "still {}", story.status());
    }

    #[test]
    fn no_task_completes_with_an_unanswered_message(kind in any::<u8>(), choices in choices()) {
        play(kind, choices, |story, _, decision| {
            let Ok(events) = decision else { return Ok(()) };
            let completes = events.contains(&TaskEvent::TaskCompleted {});
            if completes {
                prop_assert_eq!(unanswered(&story.records), BTreeSet::new());
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_is_cancelled_or_interrupted_is_not_begun_again_by_itself(kind in any::<u8>(), choices in choices()) {
        let mut is_held = false;
        play(kind, choices, |story, command, decision| {
            let Ok(events) = decision else { return Ok(()) };
            for event in events {
                match event {
                    TaskEvent::MessageAwaited {} => is_held = true,
                    TaskEvent::TaskRetried {} => is_held = false,
                    // A message that was cancelled in time doesn't let the agent go on.
                    TaskEvent::TurnStarted { purpose, .. } if is_held => {
                        prop_assert!(matches!(purpose, TurnPurpose::Messages { .. })
                            || story.task().pending_messages().next().is_some(), "{command:?}");
                        is_held = false;
                    }
                    TaskEvent::MessageDelivered { message } => {
                        let known = story.task().message(*message);
                        prop_assert!(known.is_some_and(|known| known.status() != MessageStatus::Delivered));
                    }
                    _ => {}
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn an_open_turn_comes_before_everything_else(kind in any::<u8>(), choices in choices()) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let Some(run) = story.task().run().filter(|_| story.task().turn.is_some()) else {
            return Ok(());
        };
        let between = [
            RunCommand::Complete,
            verify(true, REVIEW),
            RunCommand::OpenReview { review: REVIEW, head: "head".to_owned() },
            start_phase(1),
            RunCommand::StartConversation { session: SESSION },
        ];
        for command in between {
            let refusal = story.when(TaskCommand::Run { run: run.id, command });
            prop_assert!(matches!(refusal, Err(Refusal::OutOfTurn(_) | Refusal::UnknownTask)));
        }
    }

    #[test]
    fn what_an_agent_has_to_verify_never_passes_by_the_platforms_checks_alone(choices in choices()) {
        let story = play(2, choices, |_, _, _| Ok(()))?;
        let mut judged = false;
        for record in &story.records {
            match &record.event {
                TaskEvent::TurnStarted { purpose, .. } => {
                    judged = matches!(purpose, TurnPurpose::Verification { .. });
                }
                TaskEvent::VerificationPassed { checks, .. } => {
                    prop_assert!(judged && checks.contains(&criterion(true)));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_wait_for_a_person_ends_with_the_last_thing_that_is_open(kind in any::<u8>(), choices in choices()) {
        play(kind, choices, |story, _, _| {
            let task = story.task();
            let (asked, needed) = (task.open_questions().count(), task.open_dependencies().count());
            match task.status.beneath() {
                Status::Waiting(Waiting::Question) => prop_assert!(asked > 0),
                Status::Waiting(Waiting::Dependency) => prop_assert!(needed > 0 && asked == 0),
                // Its files come first.
                Status::Running(_) if task.restoring.is_some() => {}
                Status::Running(_) | Status::Completed | Status::Cancelled => prop_assert_eq!(asked + needed, 0),
                _ => {}
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_task_completes_before_its_agent_knows_what_it_was_given(kind in any::<u8>(), choices in choices()) {
        play(kind, choices, |story, _, decision| {
            if decision.as_ref().is_ok_and(|events| events.contains(&TaskEvent::TaskCompleted {})) && story.task().run().is_some() {
                let mut settled = story.task().dependencies.iter().filter(|known| known.is_settled());
                prop_assert!(settled.all(|known| known.told));
            }
            Ok(())
        })?;
    }

    #[test]
    fn nothing_begins_in_a_paused_task(kind in any::<u8>(), choices in choices()) {
        play(kind, choices, |story, command, decision| {
            let task = story.task();
            let Ok(events) = decision else { return Ok(()) };
            if !task.status.is_paused() {
                return Ok(());
            }
            for event in events {
                let begins = matches!(event, TaskEvent::RunStarted { .. } | TaskEvent::PhaseStarted { .. }
                    | TaskEvent::TurnStarted { .. } | TaskEvent::ConversationStarted { .. });
                prop_assert!(!begins, "{command:?}: {event:?}");
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_pause_and_its_end_change_nothing_else(kind in any::<u8>(), choices in choices()) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let is_pausable = story.task().actions().contains(&Action::Pause) && !story.task().archived;
        if is_pausable && !story.task().pause_requested {
            let paused = story.clone().then(TaskCommand::Pause { at: PauseAt::Now });
            prop_assert!(paused.task().status.is_paused());
            prop_assert_eq!(paused.task().run(), story.task().run());
            let resumed = paused.then(TaskCommand::Resume);
            let back = Task {
                version: story.task().version,
                updated_at: story.task().updated_at,
                // The time in which the agent stood still does not count, so it is counted in two parts.
                at_work_since: story.task().at_work_since,
                phases: timeless(resumed.task()),
                ..resumed.task().clone()
            };
            let before = Task {
                phases: timeless(story.task()),
                // An agent that stands still is not a silent one.
                silence: None,
                ..story.task().clone()
            };
            prop_assert_eq!(back, before);
        }
    }

    #[test]
    fn estimates_come_once_and_before_the_work(kind in any::<u8>(), choices in choices()) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let mut comes_too_late = false;
        for record in &story.records {
            match &record.event {
                TaskEvent::TaskEstimated { phases } => {
                    prop_assert!(!comes_too_late);
                    prop_assert!(phases.iter().any(|phase| phase.estimate.expected.is_some()));
                    comes_too_late = true;
                }
                TaskEvent::PhaseStarted { .. } => comes_too_late = true,
                _ => {}
            }
        }
    }

    #[test]
    fn no_phase_was_worked_on_for_longer_than_runs_held_the_task(kind in any::<u8>(), choices in choices()) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let mut held = 0;
        for (index, record) in story.records.iter().enumerate().skip(1) {
            held += if holder(&story.records[..index]).is_some() {
                (record.at - story.records[index - 1].at).num_milliseconds()
            } else {
                0
            };
        }
        let worked: u64 = story.task().phases.iter().map(|phase| phase.active_ms).sum();
        prop_assert!(i64::try_from(worked).unwrap() <= held);
        prop_assert_eq!(story.task().at_work_since.is_some(), story.task().at_work().is_some());
    }

    #[test]
    fn a_wait_for_a_review_has_an_open_review(kind in any::<u8>(), choices in choices()) {
        play(kind, choices, |story, _, _| {
            let task = story.task();
            if let Status::Waiting(Waiting::Review { review }) = task.status.beneath() {
                prop_assert_eq!(task.open_review().map(|open| open.id), Some(*review));
            }
            let open = task.reviews.iter().filter(|review| review.status == ReviewStatus::Open);
            prop_assert!(open.count() <= 1);
            prop_assert!(task.progress() <= 100);
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_fork_stands_where_its_origin_stood_and_nothing_of_it_is_the_origins(
        kind in any::<u8>(), choices in choices(), pick in any::<u8>()
    ) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let known = story.checkpoints();
        let Some(checkpoint) = known.iter().rev().nth(usize::from(pick) % known.len().max(1)) else {
            return Ok(());
        };
        let fork = checkpoints::fork(&story, *checkpoint);
        let task = fork.task();
        let version = task.origin.map_or(0, |origin| origin.version);
        let then = Task::replay(&story.records[..usize::try_from(version).unwrap()]).unwrap();
        prop_assert_eq!(task.version, fork.records.len() as u64);
        prop_assert!(task.run().is_none() && !task.archived);
        prop_assert!(task.status.is_paused() || matches!(task.status, Status::Waiting(_)));
        prop_assert_eq!((task.cost, task.tokens.total(), task.failures), (Usd::ZERO, 0, 0));
        for (mine, others) in task.phases.iter().zip(&then.phases) {
            prop_assert_eq!((mine.status, &mine.steps, mine.opened, mine.closed, mine.rework_due),
                (others.status, &others.steps, others.opened, others.closed, others.rework_due));
            prop_assert_eq!(mine.session.is_some(), others.session.is_some());
            prop_assert!(mine.session.is_none() || mine.session != others.session);
        }
        prop_assert_eq!(task.questions.len(), then.questions.len());
        prop_assert_eq!(&task.turn.as_ref().map(|turn| turn.message), &then.turn.as_ref().map(|turn| turn.message));
        let text = serde_json::to_string(&fork.records).unwrap();
        let ids = then.reviews.iter().map(|review| review.id.to_string())
            .chain(then.questions.iter().map(|known| known.id.to_string()))
            .chain(then.dependencies.iter().map(|known| known.id.to_string()))
            .chain(then.session().map(|session| session.to_string()));
        for id in ids {
            prop_assert!(!text.contains(&id), "{id}");
        }
    }

    #[test]
    fn a_task_that_went_back_has_come_as_far_as_it_had_then(
        kind in any::<u8>(), choices in choices(), pick in any::<u8>()
    ) {
        let story = play(kind, choices, |_, _, _| Ok(()))?;
        let known = story.checkpoints();
        let Some(checkpoint) = known.iter().rev().nth(usize::from(pick) % known.len().max(1)) else {
            return Ok(());
        };
        if story.task().archived || !story.task().actions().contains(&Action::Restore) {
            return Ok(());
        }
        let back = story.clone().then(story.going_back(*checkpoint, 0xfff0)).then(start(1_000));
        prop_assert_eq!(back.task().next_work(), Work::RestoreFiles);
        let back = back.run(RunCommand::RestoreFiles);
        let (now, before) = (back.task(), story.task());
        let Some(TaskEvent::TaskRestored { version, .. }) = back.records.iter().rev()
            .map(|record| &record.event).find(|event| matches!(event, TaskEvent::TaskRestored { .. })) else {
            return Err(TestCaseError::fail("nothing says that it went back"));
        };
        let then = Task::replay(&story.records[..usize::try_from(*version).unwrap()]).unwrap();
        prop_assert!(now.run().is_none() && now.restoring.is_none());
        prop_assert!(now.status.is_paused() || matches!(now.status, Status::Waiting(_)));
        prop_assert_eq!((now.cost, now.tokens), (before.cost, before.tokens), "spent is spent");
        for (mine, others) in now.phases.iter().zip(&then.phases) {
            prop_assert_eq!((mine.status, &mine.steps, mine.opened, mine.closed, mine.rework_due),
                (others.status, &others.steps, others.opened, others.closed, others.rework_due));
        }
        prop_assert_eq!(now.open_questions().count(), then.open_questions().count());
        prop_assert_eq!(now.open_review().map(|review| review.id), then.open_review().map(|review| review.id));
        prop_assert_eq!(now.turn.as_ref().map(|turn| turn.message), then.turn.as_ref().map(|turn| turn.message));
    }
}

impl Story {
    /// [`Story::worked`] with ids of its own.
    fn finish(mut self, salt: u64) -> Self {
        for step in 0..1_000_u128 {
            let fresh = (u128::from(salt) << 32) + step;
            if self.task().run().is_none() {
                break;
            }
            // 7 stands for good results.
            let command = next(self.task(), fresh, 7);
            self = self.run(command);
        }
        self
    }
}
