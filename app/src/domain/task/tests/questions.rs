//! What an agent asks, and how its work goes on with the answer.

use super::*;

const SECOND: QuestionId = QuestionId::from_uuid(Uuid::from_u128(0x92));

fn by_marker() -> AskedQuestion {
    AskedQuestion {
        via: Via::Marker,
        ..question()
    }
}

fn several() -> AskedQuestion {
    AskedQuestion {
        multi_select: true,
        required: false,
        ..question()
    }
}

/// A conversation whose first turn has ended with these questions.
fn asking(outcome: TurnOutcome, asked: Vec<(QuestionId, AskedQuestion)>) -> Story {
    let asked = asked.into_iter();
    let asked = asked.map(|(id, asked)| Answerable::Question(id, asked));
    Story::asked(outcome, asked.collect())
}

fn parked() -> Story {
    asking(TurnOutcome::Deferred, vec![(QUESTION, question())])
}

fn give(question: QuestionId, parts: &[&str]) -> TaskCommand {
    let answer = answer(parts);
    TaskCommand::AnswerQuestion {
        question,
        answer,
        reason: None,
    }
}

#[test]
fn an_answer_lets_the_parked_turn_go_on_under_its_message() {
    let story = parked();
    assert_eq!(story.task().actions()[0], Action::Answer);
    let expected = ["QuestionAnswered", "TaskQueued"];
    assert_eq!(story.names(give(QUESTION, &["A"])), expected);
    let story = story.then(give(QUESTION, &["A"])).then(start(2));
    let parked = story.task().parked.clone().unwrap();
    assert_eq!(parked.message, MESSAGE);
    assert_eq!(story.task().next_work(), Work::Turn(TurnPurpose::Prompt));
    let story = story.run(RunCommand::StartTurn {
        message: MESSAGE,
        purpose: TurnPurpose::Prompt,
    });
    assert_eq!(story.task().parked, None);
    let questions = vec![QUESTION];
    let story = story.run(RunCommand::DeliverAnswers {
        questions,
        dependencies: Vec::new(),
    });
    let story = story.run(end_turn(MESSAGE, TurnOutcome::Completed));
    assert_eq!(story.task().next_work(), Work::Complete);
}

#[test]
fn words_of_ones_own_are_an_answer() {
    let story = parked().then(give(QUESTION, &["Something else"]));
    let given = story.task().questions[0].answer().unwrap();
    assert_eq!(given.text().as_deref(), Some("Something else"));
}

#[test]
fn the_same_answer_twice_is_harmless_and_another_one_is_refused() {
    let story = parked().then(give(QUESTION, &["A"]));
    assert_eq!(story.names(give(QUESTION, &["A"])), [""; 0]);
    let refused = story.refused(give(QUESTION, &["B"]));
    assert_eq!(refused, Refusal::AlreadyAnswered);
}

#[test]
fn an_answer_has_to_fit_the_question() {
    let story = parked();
    let refused = |question, parts| story.refused(give(question, parts));
    assert_eq!(refused(SECOND, &["A"]), Refusal::UnknownQuestion);
    assert_eq!(refused(QUESTION, &[]), Refusal::AnswerMissing);
    assert_eq!(refused(QUESTION, &["A", "B"]), Refusal::OneAnswer);
    let story = asking(TurnOutcome::Deferred, vec![(QUESTION, several())]);
    assert!(story.when(give(QUESTION, &[])).is_ok());
    assert!(story.when(give(QUESTION, &["A", "B"])).is_ok());
}

#[test]
fn the_task_goes_on_when_all_questions_are_answered() {
    let asked = vec![(QUESTION, question()), (SECOND, several())];
    let story = asking(TurnOutcome::Deferred, asked);
    assert_eq!(story.names(give(SECOND, &["B"])), ["QuestionAnswered"]);
    let story = story.then(give(SECOND, &["B"]));
    assert_eq!(story.status(), "waiting (question)");
    let story = story.then(give(QUESTION, &["A"]));
    assert_eq!(story.status(), "queued");
}

#[test]
fn an_answer_to_a_question_in_a_text_is_told_in_a_turn_of_its_own() {
    let story = asking(TurnOutcome::Completed, vec![(QUESTION, by_marker())]);
    let story = story.then(give(QUESTION, &["A"])).then(start(2));
    let questions = vec![QUESTION];
    let answers = TurnPurpose::Answers {
        questions,
        dependencies: Vec::new(),
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
fn a_call_that_does_not_come_again_is_told_its_answer_in_a_turn() {
    let asked = vec![(QUESTION, question()), (SECOND, question())];
    let story = asking(TurnOutcome::Deferred, asked);
    let story = story
        .then(give(QUESTION, &["A"]))
        .then(give(SECOND, &["B"]));
    let story = story.then(start(2)).run(RunCommand::StartTurn {
        message: MESSAGE,
        purpose: TurnPurpose::Prompt,
    });
    let second = vec![SECOND];
    let delivered = |story: &Story| {
        let run = story.task().run().unwrap().id;
        let questions = second.clone();
        let command = RunCommand::DeliverAnswers {
            questions,
            dependencies: Vec::new(),
        };
        story.names(TaskCommand::Run { run, command })
    };
    assert_eq!(delivered(&story), ["AnswersDelivered"]);
    let story = story.run(RunCommand::DeliverAnswers {
        questions: second.clone(),
        dependencies: Vec::new(),
    });
    assert_eq!(delivered(&story), [""; 0]);
    for outcome in [TurnOutcome::Completed, TurnOutcome::Unseen] {
        let story = story.clone().run(end_turn(MESSAGE, outcome));
        let questions = vec![QUESTION];
        let answers = TurnPurpose::Answers {
            questions,
            dependencies: Vec::new(),
        };
        assert_eq!(story.task().next_work(), Work::Turn(answers.clone()));
        let story = story.turn(answers);
        assert_eq!(story.task().next_work(), Work::Complete);
    }
}

#[test]
fn what_nobody_answers_takes_the_proposed_answer_if_the_task_is_to_go_on() {
    let edit = |minutes| {
        TaskCommand::Edit(TaskEdit {
            answer_after: Some(minutes),
            ..TaskEdit::default()
        })
    };
    let without = AskedQuestion {
        default: None,
        ..question()
    };
    let story = parked();
    assert_eq!(story.names(TaskCommand::AnswerByItself), [""; 0]);
    let story = story.then(edit(60));
    let expected = ["QuestionAnswered", "TaskQueued"];
    assert_eq!(story.names(TaskCommand::AnswerByItself), expected);
    let answered = story.then(TaskCommand::AnswerByItself);
    assert_eq!(answered.task().questions[0].answer(), Some(&answer(&["A"])));
    assert_eq!(answered.names(TaskCommand::AnswerByItself), [""; 0]);
    let asked = vec![(QUESTION, question()), (SECOND, without)];
    let story = asking(TurnOutcome::Deferred, asked).then(edit(60));
    assert_eq!(
        story.names(TaskCommand::AnswerByItself),
        ["QuestionAnswered"]
    );
    assert_eq!(story.names(edit(60)), [""; 0]);
    let called_off = story.then(TaskCommand::Cancel);
    assert_eq!(called_off.names(TaskCommand::AnswerByItself), [""; 0]);
}

#[test]
fn a_task_that_is_called_off_withdraws_its_questions() {
    let story = parked().then(TaskCommand::Cancel);
    let state = story.task().questions[0].state();
    assert_eq!(state, QuestionState::Withdrawn);
    assert!(!story.task().actions().contains(&Action::Answer));
    let refused = story.refused(give(QUESTION, &["A"]));
    assert!(matches!(refused, Refusal::NotAllowed { .. }));
}
