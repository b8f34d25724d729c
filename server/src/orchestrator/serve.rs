//! What an agent asks of the platform while its turn runs, and what it is answered.

use app::domain::id::MessageId;
use app::domain::log::LogKind;
use app::domain::task::{RunCommand, TurnPurpose, Via};
use uuid::Uuid;

use super::asked;
use super::run::{Run, RunError};
use super::session::Session;
use super::turn::{Turn, line};
use crate::agent::driver::ControlError;
use crate::agent::event::{StopHook, ToolHook};
use crate::agent::marker::Marker;
use crate::agent::mcp::{ToolCall, ToolReply};
use crate::agent::platform_tool::PlatformTool;
use crate::agent::request::StepState;
use crate::agent::stdin::HookAnswer;
use crate::error::Error;
use crate::prompts;

/// How often the agent is sent back for files that are missing before the turn may end.
const MAX_SENT_BACK: u32 = 3;

/// What a call is told that can't be parked.
const ASKED_AS_WELL: &str = "The person is asked this too. The answer comes later, in a message of \
    its own: go on without it as far as you can, and don't ask again.";

impl Run {
    /// Sends an agent that wants to end its turn back to what is missing.
    pub(super) async fn may_stop(
        &self,
        session: &Session,
        turn: &mut Turn,
        hook: &StopHook,
    ) -> Result<(), RunError> {
        let missing = self.missing(&turn.purpose).await?;
        let answer = if missing.is_empty() || turn.sent_back >= MAX_SENT_BACK {
            HookAnswer::Continue
        } else {
            turn.sent_back += 1;
            let files = missing.join(", ");
            self.log(vec![line(
                LogKind::Note,
                format!("Sent back: {files} is missing."),
            )])
            .await?;
            HookAnswer::Block(format!(
                "Not done yet: these files are missing or empty: {files}. Write them, exactly \
                 there, before you end."
            ))
        };
        let control = session.agent.control();
        said(control.answer_hook(&hook.request_id, &answer).await);
        Ok(())
    }

    async fn missing(&self, purpose: &TurnPurpose) -> Result<Vec<String>, RunError> {
        let Some(task) = self.load().await? else {
            return Ok(Vec::new());
        };
        let due = prompts::due_in(&task, purpose);
        let present = self.deps.workspaces.present(self.task, due.clone()).await?;
        Ok(due
            .into_iter()
            .filter(|path| !present.contains(path))
            .collect())
    }

    /// Takes a text marker as seriously as a tool call.
    pub(super) async fn heed(&self, turn: &mut Turn, marker: Marker) -> Result<(), RunError> {
        match marker {
            Marker::Question(question) => turn.asked.push(asked::question(question, Via::Marker)),
            Marker::Dependency(needed) => turn.asked.push(asked::dependency(needed, Via::Marker)),
            Marker::PhaseComplete { phase } => {
                let (summary, files) = (String::new(), Vec::new());
                self.tell(RunCommand::ReportPhase {
                    phase,
                    summary,
                    files,
                })
                .await?;
            }
            Marker::Failure(report) => {
                self.tell(RunCommand::ReportError {
                    kind: report.kind.to_string(),
                    message: report.message,
                    details: report.details,
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Answers a call of one of the platform's tools.
    pub(super) async fn serve(&self, session: &Session, call: ToolCall) -> Result<(), RunError> {
        if session.is_onlooker && !matches!(call.tool, PlatformTool::ReportError(_)) {
            let text = "This is for the agent that does the work. You verify it.".to_owned();
            call.reply.send(ToolReply::Failed(text)).ok(); // the agent may be gone
            return Ok(());
        }
        let command = match call.tool {
            PlatformTool::ReportStep(report) => RunCommand::ReportStep {
                step: report.step,
                completed: report.status == StepState::Completed,
                note: report.note,
            },
            PlatformTool::CompletePhase(report) => RunCommand::ReportPhase {
                phase: report.phase,
                summary: report.summary,
                files: report.files,
            },
            PlatformTool::ReportError(report) => RunCommand::ReportError {
                kind: report.kind.to_string(),
                message: report.message,
                details: report.details,
            },
            PlatformTool::AskUser(_) if let Some(answer) = self.answer_to(&call).await? => {
                call.reply.send(ToolReply::Done(answer)).ok(); // the agent may be gone
                return Ok(());
            }
            PlatformTool::RequestDependency(_)
                if let Some(told) = self.told_of_dependency(session, &call).await? =>
            {
                call.reply.send(ToolReply::Done(told)).ok(); // the agent may be gone
                return Ok(());
            }
            PlatformTool::AskUser(_) | PlatformTool::RequestDependency(_) => {
                let text = "A person has not answered yet. End your turn.".to_owned();
                call.reply.send(ToolReply::Failed(text)).ok(); // the agent may be gone
                return Ok(());
            }
        };
        let reply = match self.tell(command).await? {
            None => ToolReply::Done("Recorded.".to_owned()),
            Some(refusal) => ToolReply::Failed(format!("Not recorded: {refusal}.")),
        };
        call.reply.send(reply).ok(); // the agent may be gone
        Ok(())
    }

    /// What a person has answered to a call that was parked.
    async fn answer_to(&self, call: &ToolCall) -> Result<Option<String>, RunError> {
        let Some(id) = &call.tool_use_id else {
            return Ok(None);
        };
        let Some(task) = self.load().await? else {
            return Ok(None);
        };
        let mut asked = task.questions.iter();
        let asked = asked.find(|known| known.is_of_call(id) && known.answer().is_some());
        let mark = MessageId::from_uuid(Uuid::new_v4());
        Ok(asked.map(|known| prompts::answers::tool_answer(known, mark)))
    }

    /// What became of the dependency that a parked call has asked for.
    async fn told_of_dependency(
        &self,
        session: &Session,
        call: &ToolCall,
    ) -> Result<Option<String>, RunError> {
        let (Some(id), Some(task)) = (&call.tool_use_id, self.load().await?) else {
            return Ok(None);
        };
        let mut needed = task.dependencies.iter();
        let known = needed.find(|known| known.is_of_call(id) && known.is_settled());
        let mark = MessageId::from_uuid(Uuid::new_v4());
        let told =
            known.map(|known| prompts::answers::dependency(known, mark, Some(&session.files)));
        Ok(told)
    }

    /// Parks a call that waits for a person: the turn ends, and the call is kept. Once the person has
    /// answered, the same call comes again, and goes through with the answer.
    pub(super) async fn park_or_answer(
        &self,
        session: &Session,
        turn: &mut Turn,
        hook: &ToolHook,
    ) -> Result<(), RunError> {
        let task = self.load().await?;
        let answered = task.as_ref().and_then(|task| asked::answered(task, hook));
        let settled = task.as_ref().and_then(|task| asked::settled(task, hook));
        let answered = answered
            .map(|(questions, answer)| (questions, Vec::new(), answer))
            .or_else(|| settled.map(|(needed, answer)| (Vec::new(), needed, answer)));
        let answer = match (answered, asked::by_tool(hook)) {
            (Some((questions, dependencies, answer)), _) => {
                self.say(RunCommand::DeliverAnswers {
                    questions,
                    dependencies,
                })
                .await?;
                answer
            }
            (None, Ok(_)) if session.is_onlooker => {
                let reason = "Nobody waits for a verification. Judge by what you can read.";
                HookAnswer::Deny(reason.to_owned())
            }
            (None, Ok(asked)) => {
                turn.asked.extend(asked);
                // Of several calls the CLI keeps one, and of a subagent's none.
                if turn.is_parked || hook.is_subagent {
                    HookAnswer::Deny(ASKED_AS_WELL.to_owned())
                } else {
                    turn.is_parked = true;
                    HookAnswer::Defer
                }
            }
            (None, Err(reason)) => HookAnswer::Deny(reason),
        };
        let control = session.agent.control();
        said(control.answer_hook(&hook.request_id, &answer).await);
        Ok(())
    }

    /// Records what the agent says; the refusal, if the rules don't allow it.
    async fn tell(&self, command: RunCommand) -> Result<Option<String>, RunError> {
        match self.say(command).await {
            Ok(_) => Ok(None),
            Err(RunError::Service(refusal @ Error::OutOfTurn(_))) => Ok(Some(refusal.to_string())),
            Err(error) => Err(error),
        }
    }
}

/// An agent that has ended needs no answer: its last event tells.
pub(super) fn said(sent: Result<(), ControlError>) {
    let Err(error) = sent else { return };
    tracing::debug!(
        error = &error as &dyn std::error::Error,
        "the agent was not reached"
    );
}
