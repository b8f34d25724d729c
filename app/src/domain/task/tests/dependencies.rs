//! What an agent needs, and how its work goes on with it or without.

use super::*;

const SECOND: DependencyId = DependencyId::from_uuid(Uuid::from_u128(0xdf));

fn by_call() -> NeededDependency {
    NeededDependency {
        via: Via::Tool {
            tool: "request_dependency".to_owned(),
            tool_use_id: "toolu_1".to_owned(),
        },
        ..dependency()
    }
}

fn of_kind(kind: DependencyKind) -> NeededDependency {
    NeededDependency { kind, ..by_call() }
}

fn parked(needed: NeededDependency) -> Story {
    let asked = vec![Answerable::Dependency(DEPENDENCY, needed)];
    Story::asked(TurnOutcome::Deferred, asked)
}

fn provide(dependency: DependencyId, given: Given) -> TaskCommand {
    TaskCommand::Provide { dependency, given }
}

fn decline(dependency: DependencyId, reason: Option<&str>) -> TaskCommand {
    let reason = reason.map(note);
    TaskCommand::Decline { dependency, reason }
}

const DONE: Given = Given::Done { note: None };

#[test]
fn a_value_lets_the_parked_turn_go_on() {
    let story = parked(by_call());
    assert_eq!(story.status(), "waiting (dependency)");
    assert_eq!(story.task().actions()[0], Action::Provide);
    let value = provide(DEPENDENCY, Given::Value);
    assert_eq!(
        story.names(value.clone()),
        ["DependencyProvided", "TaskQueued"]
    );
    let story = story.then(value).then(start(2));
    let purpose = TurnPurpose::Prompt;
    assert_eq!(story.task().next_work(), Work::Turn(purpose.clone()));
    let message = MESSAGE;
    let story = story.run(RunCommand::StartTurn { message, purpose });
    let deliver = RunCommand::DeliverAnswers {
        questions: Vec::new(),
        dependencies: vec![DEPENDENCY],
    };
    let story = story.run(deliver.clone());
    let run = story.task().run().unwrap().id;
    let again = TaskCommand::Run {
        run,
        command: deliver,
    };
    assert_eq!(story.names(again), [""; 0]);
    let story = story.run(end_turn(MESSAGE, TurnOutcome::Completed));
    assert_eq!(story.task().next_work(), Work::Complete);
}

#[test]
fn a_refusal_lets_the_task_go_on_as_well() {
    for reason in [None, Some("Too dear.")] {
        let story = parked(by_call()).then(decline(DEPENDENCY, reason));
        assert_eq!(story.status(), "queued");
        assert_eq!(story.names(decline(DEPENDENCY, reason)), [""; 0]);
        let refused = story.refused(decline(DEPENDENCY, Some("Another one.")));
        assert_eq!(refused, Refusal::AlreadyDeclined);
        let refused = story.refused(provide(DEPENDENCY, Given::Value));
        assert_eq!(refused, Refusal::AlreadyDeclined);
    }
}

#[test]
fn what_is_given_has_to_fit_the_kind() {
    use DependencyKind::{ApiKey, EnvVariable, File, Package, Permission, Service};
    let file = Given::File { size: 3 };
    let secret = Given::Secret {
        name: "maps".to_owned(),
    };
    let ways = [Given::Value, file, secret, DONE];
    let fits = |kind, given: &Given| {
        let story = parked(of_kind(kind));
        story.when(provide(DEPENDENCY, given.clone())).is_ok()
    };
    for (kind, expected) in [
        (ApiKey, [true, false, true, false]),
        (EnvVariable, [true, false, true, false]),
        (File, [false, true, true, false]),
        (Service, [true, false, false, true]),
        (Package, [true, false, false, true]),
        (Permission, [false, false, false, true]),
    ] {
        let found: Vec<_> = ways.iter().map(|given| fits(kind, given)).collect();
        assert_eq!(found, expected, "{kind}");
    }
    let refused = parked(by_call()).refused(provide(DEPENDENCY, DONE));
    assert_eq!(refused, Refusal::DoesNotFit(ApiKey));
    let unknown = parked(by_call()).refused(provide(SECOND, Given::Value));
    assert_eq!(unknown, Refusal::UnknownDependency);
}

#[test]
fn a_value_can_be_replaced_and_a_yes_is_said_once() {
    let story = parked(by_call()).then(provide(DEPENDENCY, Given::Value));
    let again = provide(DEPENDENCY, Given::Value);
    assert_eq!(story.names(again), ["DependencyProvided"]);
    let refused = story.refused(decline(DEPENDENCY, None));
    assert_eq!(refused, Refusal::AlreadyProvided);
    let allowed = parked(of_kind(DependencyKind::Permission)).then(provide(DEPENDENCY, DONE));
    assert_eq!(allowed.names(provide(DEPENDENCY, DONE)), [""; 0]);
    let other = Given::Done {
        note: Some(note("Once.")),
    };
    let refused = allowed.refused(provide(DEPENDENCY, other));
    assert_eq!(refused, Refusal::AlreadyProvided);
}

#[test]
fn a_group_of_questions_and_dependencies_goes_on_with_the_last_of_them() {
    let asked = vec![
        Answerable::Dependency(DEPENDENCY, by_call()),
        Answerable::Question(QUESTION, question()),
        Answerable::Dependency(SECOND, by_call()),
    ];
    let story = Story::asked(TurnOutcome::Deferred, asked);
    assert_eq!(story.status(), "waiting (question)");
    let actions = story.task().actions();
    assert_eq!(actions[..2], [Action::Answer, Action::Provide]);
    let answered = TaskCommand::AnswerQuestion {
        question: QUESTION,
        answer: answer(&["A"]),
        reason: None,
    };
    let story = story.then(provide(DEPENDENCY, Given::Value));
    assert_eq!(story.status(), "waiting (question)");
    let needing = story.clone().then(answered.clone());
    assert_eq!(needing.status(), "waiting (dependency)");
    let whole = needing.then(decline(SECOND, None));
    assert_eq!(whole.status(), "queued");
    let other = story.then(decline(SECOND, None));
    assert_eq!(other.status(), "waiting (question)");
    assert_eq!(other.then(answered).status(), "queued");
}

#[test]
fn what_became_of_a_dependency_in_a_text_is_told_in_a_turn_of_its_own() {
    let asked = vec![Answerable::Dependency(DEPENDENCY, dependency())];
    let story = Story::asked(TurnOutcome::Completed, asked);
    let story = story.then(decline(DEPENDENCY, Some("No."))).then(start(2));
    let answers = TurnPurpose::Answers {
        questions: Vec::new(),
        dependencies: vec![DEPENDENCY],
    };
    assert_eq!(story.task().next_work(), Work::Turn(answers.clone()));
    let message = story.next_message();
    let begun = story.run(RunCommand::StartTurn {
        message,
        purpose: answers.clone(),
    });
    let told = begun.clone().run(end_turn(message, TurnOutcome::Completed));
    assert_eq!(told.task().next_work(), Work::Complete);
    let again = begun.run(end_turn(message, TurnOutcome::Interrupted));
    assert_eq!(again.task().next_work(), Work::Turn(answers));
}

#[test]
fn a_task_that_is_called_off_withdraws_what_it_needs() {
    let story = parked(by_call()).then(TaskCommand::Cancel);
    let state = story.task().dependencies[0].state();
    assert_eq!(state, DependencyState::Withdrawn);
    assert!(!story.task().actions().contains(&Action::Provide));
    for command in [provide(DEPENDENCY, Given::Value), decline(DEPENDENCY, None)] {
        let refused = story.refused(command);
        assert!(matches!(refused, Refusal::NotAllowed { .. }));
    }
}

#[test]
fn a_file_is_found_by_a_variable_that_nothing_else_uses() {
    let variable = |name: &str| file_variable(name).to_string();
    assert_eq!(
        variable("service-account.json"),
        "FILE_SERVICE_ACCOUNT_JSON"
    );
    assert_eq!(
        variable("GOOGLE_APPLICATION_CREDENTIALS"),
        "GOOGLE_APPLICATION_CREDENTIALS"
    );
    assert_eq!(variable("PATH"), "FILE_PATH");
    assert_eq!(variable("path"), "FILE_PATH");
    let free = NeededDependency {
        name: "PostgreSQL ≥ 15 (a test database)".repeat(10),
        ..of_kind(DependencyKind::Service)
    };
    let variable = free.variable().unwrap().unwrap().to_string();
    assert!(variable.starts_with("SERVICE_POSTGRESQL"), "{variable}");
}

#[test]
fn a_name_has_to_fit_the_kind() {
    use DependencyKind::{ApiKey, File, Permission};
    let refused = |kind: DependencyKind, name: &str| kind.check_name(name).is_err();
    assert!(refused(ApiKey, "PATH") && refused(ApiKey, "Stripe key"));
    assert!(refused(File, "../key.pem") && refused(File, ".env") && refused(File, ""));
    assert!(!refused(ApiKey, "STRIPE_KEY") && !refused(File, "key.pem"));
    assert!(!refused(Permission, "Delete the old branch"));
}

#[test]
fn what_was_given_before_does_not_hold_up_an_answer_that_is_taken_by_itself() {
    let asked = vec![
        Answerable::Dependency(DEPENDENCY, by_call()),
        Answerable::Question(QUESTION, question()),
    ];
    let story = Story::asked(TurnOutcome::Deferred, asked).then(TaskCommand::Edit(TaskEdit {
        answer_after: Some(1),
        ..TaskEdit::default()
    }));
    let by_itself = TaskCommand::AnswerByItself;
    assert_eq!(story.names(by_itself.clone()), ["QuestionAnswered"]);
    let story = story.then(provide(DEPENDENCY, Given::Value));
    assert_eq!(story.names(by_itself), ["QuestionAnswered", "TaskQueued"]);
}
