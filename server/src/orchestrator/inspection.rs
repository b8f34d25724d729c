//! The end of a verifying agent's turn.

use std::ops::ControlFlow;

use app::domain::id::ReviewId;
use app::domain::task::{Check, RunCommand, Task, TurnPurpose};
use uuid::Uuid;

use super::outcome::{self, Verdict};
use super::run::{Next, Run, RunError};
use super::turn::Turn;
use crate::agent::turn_result::TurnResult;
use crate::verification::verdict::{self, Unusable};

/// Whether a turn has ended with the answer of a verifying agent, a good one or not. Limits,
/// refusals and failures are the same for every agent.
pub(super) fn is_answer(purpose: &TurnPurpose, ended: &Verdict, result: &TurnResult) -> bool {
    let is_verification = matches!(purpose, TurnPurpose::Verification { .. });
    is_verification && (matches!(ended, Verdict::GoOn | Verdict::Deferred) || is_given_up(result))
}

/// The CLI has sent the agent's answer back too often.
fn is_given_up(result: &TurnResult) -> bool {
    let reason = result.terminal_reason.as_deref().unwrap_or_default();
    reason == "structured_output_retry_exhausted" || result.subtype.contains("structured_output")
}

impl Run {
    /// Records what the verifying agent has found, or that its answer is of no use.
    pub(super) async fn conclude_inspection(
        &mut self,
        task: &Task,
        turn: Turn,
        result: &TurnResult,
    ) -> Result<Next, RunError> {
        let guide = self.guide(task, &turn.purpose)?;
        let answer = result.structured_output.as_ref();
        let answer = answer.filter(|_| !result.is_error);
        let found = verdict::read(answer, guide.as_deref());
        // Before a person sees what came of it, nobody is left who could still change something.
        if let Some(session) = self.session.take() {
            session.stop().await;
        }
        self.note(&in_words(&found)).await?;
        self.deps.logs.flush(self.task, self.epoch).await?;
        let command = RunCommand::ConcludeVerification {
            message: turn.message,
            usage: outcome::usage_delta(&turn.usage, turn.api),
            verdict: found.map_err(|unusable| unusable.to_string()),
            review: ReviewId::from_uuid(Uuid::now_v7()),
        };
        self.say(command).await.map(ControlFlow::Continue)
    }
}

fn in_words(found: &Result<Vec<Check>, Unusable>) -> String {
    match found {
        Ok(checks) => {
            let passed = checks.iter().filter(|check| check.passed).count();
            format!("Verified: {passed} of {} criteria hold.", checks.len())
        }
        Err(unusable) => format!("The verification can't be used. {unusable}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_never_finds_the_form_has_answered_badly_and_not_failed() {
        let given_up = TurnResult {
            is_error: true,
            subtype: "error_max_structured_output_retries".to_owned(),
            terminal_reason: Some("structured_output_retry_exhausted".to_owned()),
            ..TurnResult::default()
        };
        let verification = TurnPurpose::Verification { phase: 1 };
        let message = String::new();
        let failed = Verdict::Failed { message };
        assert!(is_answer(&verification, &failed, &given_up));
        assert!(!is_answer(&TurnPurpose::Prompt, &failed, &given_up));
        let broken = TurnResult {
            is_error: true,
            ..TurnResult::default()
        };
        assert!(!is_answer(&verification, &failed, &broken));
        assert!(is_answer(&verification, &Verdict::GoOn, &broken));
    }
}
