//! What a task was expected to need, and how its time is counted.

use super::*;

fn estimate(samples: usize) -> RunCommand {
    RunCommand::Estimate {
        phases: vec![estimated(1, samples), estimated(2, 0)],
    }
}

fn given(command: RunCommand) -> TaskCommand {
    TaskCommand::Run { run: RUN, command }
}

fn active_seconds(story: &Story, phase: u32) -> u64 {
    story.task().phase(phase).unwrap().active_ms / 1_000
}

/// The second at which the newest event of this name came.
fn second(story: &Story, name: &str) -> u64 {
    let mut records = story.records.iter().rev();
    let found = records.find(|record| names(std::slice::from_ref(&record.event)) == [name]);
    // One event a second.
    found.unwrap().version
}

#[test]
fn what_is_expected_is_told_once_and_before_the_first_phase() {
    let story = Story::running();
    assert_eq!(story.names(given(estimate(2))), [] as [&str; 0], "too few");
    assert_eq!(story.names(given(estimate(3))), ["TaskEstimated"]);
    let told = story.clone().run(estimate(3));
    let first = told.task().phase(1).unwrap().estimate.unwrap();
    assert_eq!(first.samples, 3);
    let expected = first.expected.unwrap();
    assert_eq!(expected.cost_usd.middle, Usd::from_micros(100_000));
    let second = told.task().phase(2).unwrap().estimate.unwrap();
    assert_eq!((second.samples, second.expected), (0, None));
    assert_eq!(told.names(given(estimate(9))), [] as [&str; 0], "known");
    let begun = story.run(start_phase(1));
    assert_eq!(begun.names(given(estimate(9))), [] as [&str; 0], "late");
    let talk = Story::talking();
    assert_eq!(talk.names(given(estimate(9))), [] as [&str; 0]);
}

#[test]
fn a_phase_keeps_what_was_expected_and_the_model_that_was_asked_for() {
    let story = Story::running().run(estimate(9));
    let model = TaskCommand::Edit(TaskEdit {
        model: Some("another-model".parse().unwrap()),
        ..TaskEdit::default()
    });
    let story = story.worked().then(model);
    let first = story.task().phase(1).unwrap();
    assert_eq!(first.model, None, "of its beginning");
    assert!(first.estimate.is_some());
    let approve = TaskCommand::Approve {
        review: story.open_review(),
        comment: None,
    };
    let story = story.then(approve).then(start(2)).worked();
    assert_eq!(story.status(), "completed");
    let model = |number| story.task().phase(number).unwrap().model.clone();
    assert_eq!(model(1), None);
    assert_eq!(model(2).map(String::from).as_deref(), Some("another-model"));
    assert!(story.task().has_finished(story.task().phase(1).unwrap()));
}

#[test]
fn the_time_that_people_take_does_not_count() {
    let story = Story::at_the_gate();
    let began = second(&story, "PhaseStarted");
    let worked = second(&story, "ReviewCreated") - began;
    assert_eq!(active_seconds(&story, 1), worked);
    assert_eq!(story.task().at_work_since, None);
    let note = note("Again.");
    let changes = TaskCommand::RequestChanges {
        review: story.open_review(),
        feedback: Some(note),
        comments: Vec::new(),
    };
    let story = story.then(changes).then(start(2));
    assert_eq!(active_seconds(&story, 1), worked, "queued");
    let again = second(&story, "RunStarted");
    let story = story.worked();
    let rework = second(&story, "ReviewCreated") - again;
    assert_eq!(active_seconds(&story, 1), worked + rework);
    let approve = TaskCommand::Approve {
        review: story.open_review(),
        comment: None,
    };
    let story = story.then(approve).then(start(3)).worked();
    let of_second = second(&story, "PhaseCompleted") - second(&story, "PhaseStarted");
    assert_eq!(active_seconds(&story, 2), of_second);
    assert_eq!(active_seconds(&story, 1), worked + rework);
}

#[test]
fn of_a_run_that_was_lost_only_what_was_seen_counts() {
    let mut story = Story::running().run(start_phase(1));
    let began = second(&story, "PhaseStarted");
    story = story.run(RunCommand::StartTurn {
        message: MESSAGE,
        purpose: TurnPurpose::Opening { phase: 1 },
    });
    let seen = second(&story, "TurnStarted");
    // The server is away for an hour.
    let version = story.task().version + 1;
    let lost = EventRecord {
        task_id: TASK,
        version,
        event: TaskEvent::RunEnded {
            run: RUN,
            end: RunEnd::Lost,
        },
        actor: Actor::Platform,
        at: at(3_600),
    };
    let task = Task::apply(story.task.take(), &lost).unwrap();
    let active = task.phase(1).unwrap().active_ms;
    assert_eq!(active, (seen - began) * 1_000);
}

#[test]
fn the_time_in_which_an_agent_stands_still_does_not_count() {
    let story = Story::running().run(start_phase(1));
    let began = second(&story, "PhaseStarted");
    let story = story.then(TaskCommand::Pause { at: PauseAt::Now });
    let paused = second(&story, "TaskPaused");
    assert_eq!(active_seconds(&story, 1), paused - began);
    let story = story.then(TaskCommand::Resume);
    assert_eq!(active_seconds(&story, 1), paused - began);
    assert!(story.task().at_work_since.is_some());
}

#[test]
fn what_another_task_has_done_is_no_work_of_this_one() {
    let mut story = Story::at_the_gate();
    let task = story.task.as_mut().unwrap();
    task.phases[0].status = PhaseStatus::Completed;
    assert!(task.has_finished(&task.phases[0]));
    // A task that goes on from another one's checkpoint has phases that are older than itself.
    task.created_at = at(3_600);
    assert!(!task.has_finished(&task.phases[0]));
    assert!(task.is_to_be_estimated());
}
