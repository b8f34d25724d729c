//! What an agent asks of a person, and what it is answered.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::decide::{Decision, queued};
use super::{
    Action, AskedQuestion, Refusal, Status, Task, TaskEvent, TurnPurpose, Via, Waiting, Work,
};
use crate::domain::id::{DependencyId, QuestionId};
use crate::domain::permission::Consent;
use crate::domain::text::Note;
use crate::domain::word::words;

/// The most choices and texts that one answer is made of.
pub const MAX_ANSWER_PARTS: usize = 100;

/// The longest answer, all of its parts together, in bytes.
pub const MAX_ANSWER_BYTES: usize = 100_000;

/// A question that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub id: QuestionId,
    pub asked: AskedQuestion,
    pub asked_at: DateTime<Utc>,
    pub status: QuestionStatus,
    /// Whether the agent knows the answer: its call has got it, or a turn has begun that tells it.
    pub told: bool,
    /// Whether the call that asked has got the answer.
    #[serde(default)]
    pub taken: bool,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionStatus {
    /// It waits.
    Open,
    /// A person has answered.
    Answered {
        at: DateTime<Utc>,
        answer: Answer,
        #[serde(default)]
        reason: Option<Note>,
    },
    /// The task was called off before.
    Withdrawn,
}

words! {
    /// What became of a question, by its name on the wire.
    pub enum QuestionState {
        Open,
        Answered,
        Withdrawn,
    }
}

/// An answer: chosen labels or words of one's own, each not empty. Without any part it says that the
/// agent is to go on without an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Vec<Note>")]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema), schema(value_type = Vec<String>))]
pub struct Answer(Vec<Note>);

/// An answer on the wire: one text or a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Parts {
    One(Note),
    Many(Vec<Note>),
}

/// Why an answer was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Too many choices and texts.
    #[error("must not have more than {MAX_ANSWER_PARTS} parts")]
    TooManyParts,
    /// Its parts are too long together.
    #[error("must not be longer than {MAX_ANSWER_BYTES} bytes altogether")]
    TooLong,
}

impl TryFrom<Parts> for Answer {
    type Error = AnswerError;

    fn try_from(parts: Parts) -> Result<Self, AnswerError> {
        match parts {
            Parts::One(text) => Self::try_from(vec![text]),
            Parts::Many(texts) => Self::try_from(texts),
        }
    }
}

impl TryFrom<Vec<Note>> for Answer {
    type Error = AnswerError;

    fn try_from(parts: Vec<Note>) -> Result<Self, AnswerError> {
        if parts.len() > MAX_ANSWER_PARTS {
            return Err(AnswerError::TooManyParts);
        }
        let bytes: usize = parts.iter().map(|part| part.as_str().len()).sum();
        if bytes > MAX_ANSWER_BYTES {
            return Err(AnswerError::TooLong);
        }
        Ok(Self(parts))
    }
}

impl From<Answer> for Vec<Note> {
    fn from(answer: Answer) -> Self {
        answer.0
    }
}

impl Answer {
    /// Its parts, in the order in which they were given.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(Note::as_str)
    }

    /// Its parts in one line, as the Claude CLI joins choices; `None` if there is none.
    pub fn text(&self) -> Option<String> {
        let parts: Vec<_> = self.parts().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The decision on a call.
    pub fn consent(&self) -> Option<Consent> {
        match self.0.as_slice() {
            [word] => word.as_str().parse().ok(),
            _ => None,
        }
    }
}

impl From<Consent> for Answer {
    fn from(consent: Consent) -> Self {
        let word = consent.to_string().parse();
        Self(vec![word.expect("a word is short and printable")])
    }
}

impl Question {
    /// What a person has answered.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.status {
            QuestionStatus::Answered { answer, .. } => Some(answer),
            QuestionStatus::Open | QuestionStatus::Withdrawn => None,
        }
    }

    /// Why a call was decided as it was.
    pub fn reason(&self) -> Option<&Note> {
        match &self.status {
            QuestionStatus::Answered { reason, .. } => reason.as_ref(),
            QuestionStatus::Open | QuestionStatus::Withdrawn => None,
        }
    }

    /// A person's decision on the call that this is about.
    pub fn consent(&self) -> Option<Consent> {
        self.asked.permission.as_ref()?;
        self.answer()?.consent()
    }

    /// What became of it, by its name on the wire.
    pub const fn state(&self) -> QuestionState {
        match self.status {
            QuestionStatus::Open => QuestionState::Open,
            QuestionStatus::Answered { .. } => QuestionState::Answered,
            QuestionStatus::Withdrawn => QuestionState::Withdrawn,
        }
    }

    /// Whether it was asked by the call with this id.
    pub fn is_of_call(&self, id: &str) -> bool {
        matches!(&self.asked.via, Via::Tool { tool_use_id, .. } if tool_use_id == id)
    }
}

impl Task {
    /// The questions that wait for an answer, oldest first.
    pub fn open_questions(&self) -> impl Iterator<Item = &Question> {
        let is_open = |question: &&Question| question.status == QuestionStatus::Open;
        self.questions.iter().filter(is_open)
    }

    /// The task goes on once nothing is open that its agent has asked for.
    pub(super) fn answer(&self, id: QuestionId, answer: Answer, reason: Option<Note>) -> Decision {
        let known = self.questions.iter().find(|known| known.id == id);
        let question = known.ok_or(Refusal::UnknownQuestion)?;
        match question.answer() {
            // A second click is harmless.
            Some(given) if *given == answer => return Ok(Vec::new()),
            Some(_) => return Err(Refusal::AlreadyAnswered),
            None => self.allow(Action::Answer)?,
        }
        match answer.parts().len() {
            0 if question.asked.required => return Err(Refusal::AnswerMissing),
            2.. if !question.asked.multi_select => return Err(Refusal::OneAnswer),
            _ => {}
        }
        let granted = match &question.asked.permission {
            Some(permission) => self.granted_by(permission, &answer)?,
            None if reason.is_some() => return Err(Refusal::NoReason),
            None => Vec::new(),
        };
        let mut events = vec![TaskEvent::QuestionAnswered { id, answer, reason }];
        events.extend(granted);
        let is_last = self.open_questions().all(|open| open.id == id);
        if is_last && self.open_dependencies().next().is_none() {
            events.push(queued());
        }
        Ok(events)
    }

    /// The questions that wait and the answers that their agent has proposed.
    pub fn proposed_answers(&self) -> impl Iterator<Item = (&Question, Answer)> {
        let waits = matches!(self.status, Status::Waiting(_)) && !self.archived;
        let open = self.open_questions().filter(move |_| waits);
        open.filter_map(|question| {
            let proposed = question.asked.default.as_deref()?.parse().ok()?;
            let answer = Answer::try_from(vec![proposed]).ok()?;
            question
                .asked
                .permission
                .is_none()
                .then_some((question, answer))
        })
    }

    /// A task that is to wait for people after all goes on waiting, and so does a question without a
    /// proposed answer.
    pub(super) fn answer_by_itself(&self) -> Vec<TaskEvent> {
        if self.answer_after == 0 {
            return Vec::new();
        }
        let answered = self.proposed_answers();
        let mut events: Vec<_> = answered
            .map(|(question, answer)| TaskEvent::QuestionAnswered {
                id: question.id,
                answer,
                reason: None,
            })
            .collect();
        let is_complete = events.len() == self.open_questions().count();
        if is_complete && !events.is_empty() && self.open_dependencies().next().is_none() {
            events.push(queued());
        }
        events
    }

    pub(super) fn ask(&mut self, id: QuestionId, asked: AskedQuestion, at: DateTime<Utc>) {
        self.questions.push(Question {
            id,
            asked,
            asked_at: at,
            status: QuestionStatus::Open,
            told: false,
            taken: false,
        });
        self.stand(Status::Waiting(Waiting::Question));
    }

    pub(super) fn take_answer(
        &mut self,
        id: QuestionId,
        answer: &Answer,
        reason: Option<&Note>,
        at: DateTime<Utc>,
    ) {
        if let Some(known) = self.questions.iter_mut().find(|known| known.id == id) {
            known.status = QuestionStatus::Answered {
                at,
                answer: answer.clone(),
                reason: reason.cloned(),
            };
        }
        if *self.status.beneath() == Status::Waiting(Waiting::Question) {
            self.wait_for_person();
        }
    }

    pub(super) fn withdraw_questions(&mut self) {
        for question in &mut self.questions {
            if question.status == QuestionStatus::Open {
                question.status = QuestionStatus::Withdrawn;
            }
        }
    }

    /// Marks what a turn tells the agent, or takes that back if the turn has come to nothing.
    pub(super) fn mark_told(&mut self, purpose: &TurnPurpose, told: bool) {
        let TurnPurpose::Answers {
            questions,
            dependencies,
        } = purpose
        else {
            return;
        };
        self.mark_dependencies(dependencies, |known| known.told = told);
        for question in &mut self.questions {
            if questions.contains(&question.id) {
                question.told = told;
            }
        }
    }

    /// The calls that asked get their answers.
    pub(super) fn deliver_answers(
        &self,
        questions: &[QuestionId],
        dependencies: &[DependencyId],
    ) -> Vec<TaskEvent> {
        let is_due = |question: &&Question| {
            let is_answered = question.answer().is_some();
            is_answered && !question.taken && questions.contains(&question.id)
        };
        let due = self.questions.iter().filter(is_due);
        let questions: Vec<_> = due.map(|question| question.id).collect();
        let dependencies = self.due_dependencies(dependencies);
        if questions.is_empty() && dependencies.is_empty() {
            return Vec::new();
        }
        vec![TaskEvent::AnswersDelivered {
            questions,
            dependencies,
        }]
    }

    pub(super) fn take_answers(&mut self, questions: &[QuestionId], dependencies: &[DependencyId]) {
        self.mark_dependencies(dependencies, |known| {
            known.told = true;
            known.taken = true;
        });
        for question in &mut self.questions {
            if questions.contains(&question.id) {
                question.told = true;
                question.taken = true;
            }
        }
    }

    /// The turn that tells what was answered to questions in a text, and to calls that have not come
    /// again for their answer. While a turn is parked, its call may still do so.
    pub(super) fn next_answers(&self) -> Option<Work> {
        let is_due = |question: &&Question| question.answer().is_some() && !question.told;
        let due = self.questions.iter().filter(is_due);
        let questions: Vec<_> = due.map(|question| question.id).collect();
        let dependencies = self.untold_dependencies();
        if questions.is_empty() && dependencies.is_empty() {
            return None;
        }
        Some(Work::Turn(TurnPurpose::Answers {
            questions,
            dependencies,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_text_or_a_list() {
        let read = |json: &str| serde_json::from_str::<Answer>(json);
        assert_eq!(read("\"Teal\"").unwrap().text().as_deref(), Some("Teal"));
        let both = read("[\"Teal\", \"Grey\"]").unwrap();
        assert_eq!(both.text().as_deref(), Some("Teal, Grey"));
        assert_eq!(serde_json::to_string(&both).unwrap(), "[\"Teal\",\"Grey\"]");
        assert_eq!(read("[]").unwrap().text(), None);
        assert!(read("\" \"").is_err() && read("[\"\"]").is_err() && read("7").is_err());
        let many = serde_json::to_string(&vec!["x"; MAX_ANSWER_PARTS + 1]).unwrap();
        assert!(read(&many).is_err());
        let long = vec!["x".repeat(Note::LIMIT); 6];
        assert!(read(&serde_json::to_string(&long).unwrap()).is_err());
    }
}
