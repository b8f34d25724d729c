//! What an agent is told of a person's decisions: answers, what was given or declined, permissions.

use std::path::Path;

use app::domain::id::{DependencyId, MessageId, QuestionId};
use app::domain::permission::Consent;
use app::domain::task::{
    Answer, Dependency, DependencyKind, DependencyStatus, Given, Question, Task,
};

use super::Frame;

/// Instead of an answer.
pub const NO_ANSWER: &str = "The person gave no answer: go on without, and say what you assumed.\n";

/// What was answered to questions in the agent's text, and given or declined of what it needs.
pub(super) fn turn(
    task: &Task,
    questions: &[QuestionId],
    dependencies: &[DependencyId],
    frame: &Frame,
) -> String {
    let mut text = "[turn: answer]\n\nThe person has answered what you asked:\n".to_owned();
    let asked = task.questions.iter();
    for question in asked.filter(|known| questions.contains(&known.id)) {
        text.push('\n');
        if let Some(consent) = question.consent() {
            text.push_str(&decision(question, consent, frame));
            continue;
        }
        text.push_str(&frame.data("QUESTION", &question.asked.question));
        match question.answer().and_then(Answer::text) {
            Some(answer) => text.push_str(&frame.data("ANSWER", &answer)),
            None => text.push_str(NO_ANSWER),
        }
    }
    let needed = task.dependencies.iter();
    for known in needed.filter(|known| dependencies.contains(&known.id)) {
        text.push('\n');
        text.push_str(&frame.data("DEPENDENCY", &known.needed.name));
        text.push_str(&outcome(known, frame, None));
    }
    text.push_str("\nGo on with your work where you stopped.\n");
    text
}

/// What an agent is told that asked by a call. `mark` is fresh.
pub fn tool_answer(question: &Question, mark: MessageId) -> String {
    match question.answer().filter(|answer| answer.text().is_some()) {
        Some(_) => format!("The person answered: {}", own_words(question, mark)),
        None => NO_ANSWER.to_owned(),
    }
}

/// What an agent is told whose call a person has refused. `mark` is fresh.
pub fn denial(question: &Question, mark: MessageId) -> String {
    refusal(question, &Frame::of(mark))
}

fn refusal(question: &Question, frame: &Frame) -> String {
    let mut text = "A person has decided that this may not be done. Don't look for another way to \
                    do the same: go on without it, or ask.\n"
        .to_owned();
    if let Some(reason) = question.reason() {
        text.push_str("The reason given:\n");
        text.push_str(&frame.data("REASON", reason.as_str()));
    }
    text
}

/// What is told of a call that was decided while the agent could not make it.
fn decision(question: &Question, consent: Consent, frame: &Frame) -> String {
    let call = question.asked.permission.as_ref();
    let call = call.map_or("", |call| call.text.as_str());
    let call: String = call.chars().take(2_000).collect();
    let call = frame.data("CALL", &format!("{}\n{call}", question.asked.question));
    let said = match consent {
        Consent::Once => "It may be done, once: make the very same call again.\n".to_owned(),
        Consent::Task => "It may be done: make the very same call again.\n".to_owned(),
        Consent::Deny => refusal(question, frame),
    };
    call + &said
}

/// What an agent is told of something that it has asked for by a call. `mark` is fresh, `files` the
/// folder of the files of people as the agent sees it.
pub fn dependency(known: &Dependency, mark: MessageId, files: Option<&Path>) -> String {
    outcome(known, &Frame::of(mark), files)
}

/// What became of a dependency; never a value.
fn outcome(known: &Dependency, frame: &Frame, files: Option<&Path>) -> String {
    let needed = &known.needed;
    match &known.status {
        DependencyStatus::Provided { given, .. } => provided(known, given, frame, files),
        DependencyStatus::Declined { reason, .. } => {
            let mut text = "The person won't give you this.\n".to_owned();
            if let Some(reason) = reason {
                text.push_str("The reason, in the person's own words:\n");
                text.push_str(&frame.data("REASON", reason.as_str()));
            }
            text.push_str(if needed.required {
                "Look for another way. If there is none, say so with a report of an error, and do \
                 what can be done without it.\n"
            } else {
                "Go on without it, and say what you left out.\n"
            });
            text
        }
        DependencyStatus::Open | DependencyStatus::Withdrawn => {
            "Nobody has given this.\n".to_owned()
        }
    }
}

fn provided(known: &Dependency, given: &Given, frame: &Frame, files: Option<&Path>) -> String {
    let needed = &known.needed;
    let variable = needed.variable().ok().flatten();
    let variable = variable.as_ref().map_or("", |name| name.as_str());
    match (given, needed.kind) {
        (Given::Done { note }, kind) => {
            let mut text = match kind {
                DependencyKind::Permission => "The person allows it.\n",
                _ => "The person says that it is there now.\n",
            }
            .to_owned();
            if let Some(note) = note {
                text.push_str("The person's remark:\n");
                text.push_str(&frame.data("REMARK", note.as_str()));
            }
            text
        }
        (_, DependencyKind::File) => {
            let place = files.map(|folder| folder.join(&needed.name));
            let place = place.map_or_else(String::new, |path| format!(" at `{}`", path.display()));
            format!(
                "The person has given you the file. It lies{place} outside of the working \
                 directory, and its path is in the environment variable `{variable}`. Don't copy it \
                 into the working directory, and don't print it.\n"
            )
        }
        (_, DependencyKind::Service | DependencyKind::Package) => format!(
            "The person says that it is there now. What belongs to it is the value of the \
             environment variable `{variable}` of your commands. Don't print it.\n"
        ),
        _ => format!(
            "The person has given it to you: it is the value of the environment variable \
             `{variable}` of your commands. Don't print it, and don't write it into a file.\n"
        ),
    }
}

/// An answer within a sentence: choices that the agent has offered as they are, a person's own words
/// as data.
pub fn own_words(question: &Question, mark: MessageId) -> String {
    let Some((answer, text)) = question
        .answer()
        .and_then(|answer| Some((answer, answer.text()?)))
    else {
        return NO_ANSWER.trim_end().to_owned();
    };
    let offered = |part: &str| {
        question
            .asked
            .options
            .iter()
            .any(|option| option.label == part)
    };
    if answer.parts().all(offered) {
        return text;
    }
    format!("\n{}", Frame::of(mark).data("ANSWER", &text))
}
