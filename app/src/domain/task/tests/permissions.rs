//! What a person allows an agent, once or for the whole task.

use super::*;

fn asking(asked: Vec<AskedQuestion>) -> Story {
    let ids = (0x91..).map(|number| QuestionId::from_uuid(Uuid::from_u128(number)));
    let asked = ids
        .zip(asked)
        .map(|(id, asked)| Answerable::Question(id, asked));
    Story::asked(TurnOutcome::Deferred, asked.collect())
}

fn decide(consent: Consent, reason: Option<&str>) -> TaskCommand {
    TaskCommand::AnswerQuestion {
        question: QUESTION,
        answer: consent.into(),
        reason: reason.map(note),
    }
}

fn grant(number: u128, begins_with: &str) -> TaskCommand {
    TaskCommand::GrantPermission {
        id: RuleId::from_uuid(Uuid::from_u128(number)),
        rule: rule(begins_with),
    }
}

#[test]
fn a_yes_once_counts_for_this_call_and_is_used_up_by_it() {
    let story = asking(vec![call("toolu_1", "f1")]);
    assert_eq!(story.task().decided_call("toolu_1", "f1"), None);
    let story = story.then(decide(Consent::Once, None));
    assert_eq!(story.status(), "queued");
    assert!(story.task().rules.is_empty());
    let decided = |story: &Story, call: &str, fingerprint: &str| {
        let question = story.task().decided_call(call, fingerprint);
        question.and_then(Question::consent)
    };
    assert_eq!(decided(&story, "toolu_1", "f1"), Some(Consent::Once));
    assert_eq!(decided(&story, "toolu_1", "f2"), None, "other arguments");
    // The call was lost, and is made again.
    assert_eq!(decided(&story, "toolu_2", "f1"), Some(Consent::Once));
    let questions = vec![QUESTION];
    let story = story.then(start(2)).run(RunCommand::DeliverAnswers {
        questions,
        dependencies: Vec::new(),
    });
    assert_eq!(decided(&story, "toolu_1", "f1"), Some(Consent::Once));
    assert_eq!(decided(&story, "toolu_2", "f1"), None, "used up");
}

#[test]
fn a_yes_for_the_task_is_a_rule_and_a_no_has_a_reason() {
    let story = asking(vec![call("toolu_1", "f1")]);
    let expected = ["QuestionAnswered", "PermissionGranted", "TaskQueued"];
    assert_eq!(story.names(decide(Consent::Task, None)), expected);
    let allowed = story.clone().then(decide(Consent::Task, None));
    assert_eq!(allowed.task().rules[0].rule, rule("npm publish"));
    let denied = story.then(decide(Consent::Deny, Some("Not today.")));
    let question = denied.task().decided_call("toolu_1", "f1").unwrap();
    assert_eq!(question.consent(), Some(Consent::Deny));
    assert_eq!(question.reason(), Some(&note("Not today.")));
    assert!(denied.task().rules.is_empty());
}

#[test]
fn a_decision_is_one_of_three_words() {
    let story = asking(vec![call("toolu_1", "f1")]);
    for parts in [&["yes"][..], &["once", "task"], &["Once"]] {
        let refused = story.refused(TaskCommand::AnswerQuestion {
            question: QUESTION,
            answer: answer(parts),
            reason: None,
        });
        let is_expected = matches!(refused, Refusal::NoConsent | Refusal::OneAnswer);
        assert!(is_expected, "{parts:?}");
    }
    let mut once_only = call("toolu_1", "f1");
    once_only.permission.as_mut().unwrap().offered.clear();
    let story = asking(vec![once_only]);
    let refused = story.refused(decide(Consent::Task, None));
    assert_eq!(refused, Refusal::NotForTask);
    let other = asking(vec![question()]);
    let refused = other.refused(decide(Consent::Once, Some("Because.")));
    assert_eq!(refused, Refusal::NoReason);
}

#[test]
fn rules_are_added_once_and_taken_away() {
    let story = Story::of(conversation()).then(grant(1, "npm publish"));
    assert_eq!(story.names(grant(2, "npm publish")), [""; 0]);
    let story = story.then(grant(2, "curl"));
    let revoke = TaskCommand::RevokePermission {
        id: story.task().rules[0].id,
    };
    let story = story.then(revoke.clone());
    let left: Vec<_> = story
        .task()
        .rules
        .iter()
        .map(|known| known.rule.subject())
        .collect();
    assert_eq!(left, ["curl"]);
    assert_eq!(story.refused(revoke), Refusal::UnknownRule);
}

#[test]
fn there_are_only_so_many_rules() {
    let mut story = Story::of(conversation());
    for number in 0..MAX_RULES {
        story = story.then(grant(number as u128, &format!("tool {number}")));
    }
    let refused = story.refused(grant(0xffff, "one more"));
    assert!(matches!(refused, Refusal::TooMany { .. }));
}

#[test]
fn a_call_that_is_called_off_can_not_be_decided_any_more() {
    let story = asking(vec![call("toolu_1", "f1")]).then(TaskCommand::Cancel);
    let refused = story.refused(decide(Consent::Once, None));
    assert!(matches!(refused, Refusal::NotAllowed { .. }));
    assert_eq!(story.task().decided_call("toolu_1", "f1"), None);
}
