//! What a task may use.

use super::*;

/// A turn uses ten tokens.
const TURN: u64 = 10;

fn budget(tokens: u64) -> TaskCommand {
    TaskCommand::Edit(TaskEdit {
        budget_tokens: Some(tokens),
        ..TaskEdit::default()
    })
}

/// A task in its first phase, with so many turns' worth of tokens.
fn with_turns(turns: u64) -> Story {
    let story = Story::running().run(start_phase(1));
    story.then(budget(turns * TURN))
}

/// The end of the turn that comes next.
fn turn(story: Story) -> Story {
    let Work::Turn(purpose) = story.task().next_work() else {
        panic!("{:?} comes next", story.task().next_work());
    };
    let number = 0x2000 + story.records.len() as u128;
    let message = MessageId::from_uuid(Uuid::from_u128(number));
    let end = RunCommand::EndTurn {
        message,
        outcome: TurnOutcome::Completed,
        usage: Some(usage()),
        present: vec!["docs/01_idea.md".to_owned()],
        asked: Vec::new(),
    };
    story
        .run(RunCommand::StartTurn { message, purpose })
        .run(end)
}

fn kinds(story: &Story) -> Vec<ConcernKind> {
    let concerns = story.task().concerns();
    concerns.into_iter().map(|concern| concern.kind).collect()
}

fn warnings(story: &Story) -> usize {
    let events = story.records.iter().map(|record| &record.event);
    events
        .filter(|event| matches!(event, TaskEvent::BudgetWarned { .. }))
        .count()
}

#[test]
fn a_task_stops_between_turns_when_its_budget_is_used_up_and_goes_on_with_a_larger_one() {
    let story = turn(with_turns(2));
    assert_eq!(kinds(&story), []);
    let story = turn(story);
    assert_eq!(kinds(&story), [ConcernKind::BudgetWarning]);
    assert_eq!(story.task().next_work(), Work::AwaitBudget);
    assert_eq!(
        story.names(TaskCommand::Run {
            run: RUN,
            command: RunCommand::AwaitBudget,
        }),
        ["BudgetExceeded", "RunEnded"]
    );
    let story = story.run(RunCommand::AwaitBudget);
    assert_eq!(story.status(), "waiting (budget)");
    assert_eq!(kinds(&story), [ConcernKind::Budget]);
    assert!(!story.task().actions().contains(&Action::Retry));
    assert_eq!(story.names(budget(TURN)), ["BudgetRaised"], "too small");
    assert_eq!(
        story.names(budget(4 * TURN)),
        ["BudgetRaised", "TaskQueued"]
    );
    let story = story.then(budget(4 * TURN));
    assert_eq!(kinds(&story), []);
    assert!(matches!(
        story.then(start(2)).task().next_work(),
        Work::Turn(_)
    ));
}

#[test]
fn a_warning_comes_once_for_a_budget() {
    let story = turn(turn(with_turns(2)));
    assert_eq!(warnings(&story), 1);
    let story = turn(story.then(budget(3 * TURN)));
    assert_eq!(warnings(&story), 2);
}

#[test]
fn money_and_tokens_are_raised_apart_and_zero_takes_a_budget_away() {
    let story = with_turns(2);
    let money = TaskCommand::Edit(TaskEdit {
        budget_usd: Some(Usd::from_micros(5_000_000)),
        ..TaskEdit::default()
    });
    let story = story.then(money.clone());
    assert_eq!(story.task().budget().tokens, Some(2 * TURN));
    assert_eq!(story.names(money), [] as [&str; 0]);
    let story = story.then(budget(0));
    assert_eq!(story.task().budget().tokens, None);
    assert_eq!(story.task().budget().usd, Some(Usd::from_micros(5_000_000)));
}

#[test]
fn work_that_is_done_costs_nothing_more() {
    let mut story = with_turns(1);
    story = story.then(budget(1_000));
    while matches!(story.task().next_work(), Work::Turn(_)) {
        story = turn(story);
    }
    let story = story.then(budget(1));
    assert!(matches!(story.task().next_work(), Work::Verify { .. }));
}

#[test]
fn the_budget_of_a_day_is_waited_for_until_the_next_day() {
    let used = BudgetUse {
        scope: BudgetScope::Day,
        budget: Budget {
            usd: None,
            tokens: Some(100),
        },
        spent: Spent::default().and(Usd::ZERO, 120),
        until: Some(at(3_600)),
    };
    let story = Story::running().run(start_phase(1));
    let story = story.run(RunCommand::WarnOfDay(used));
    assert_eq!(kinds(&story), [ConcernKind::BudgetWarning]);
    let story = story.run(RunCommand::AwaitDay(used));
    assert_eq!(story.status(), "waiting (budget)");
    assert_eq!(
        story.names(TaskCommand::Retry),
        ["TaskRetried", "TaskQueued"]
    );
    assert_eq!(story.names(start(2)), ["RunStarted"]);
}
