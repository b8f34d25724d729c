//! An agent that a person holds up in the middle of its turn.
//!
//! At first its processes stand still where they are, so that a short pause costs nothing. After a
//! while they are ended instead: the turn stays open, and the next process goes on with it.

use app::api::AgentState;
use app::domain::task::Task;
use tokio::time::Instant;

use super::run::{Run, RunError};
use super::session::Session;
use super::turn::Turn;

/// The agent stands still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    since: Instant,
    /// When its processes are ended.
    pub(super) until: Instant,
}

impl Run {
    /// Holds the agent up or lets it go on, as the person wants it.
    pub(super) async fn hold(
        &self,
        session: &Session,
        turn: &mut Turn,
        task: &Task,
    ) -> Result<(), RunError> {
        match (task.status.is_paused(), turn.held) {
            (true, None) => {
                let since = Instant::now();
                let until = since + self.deps.options.stands_still;
                turn.held = Some(Hold { since, until });
                session.agent.control().hold(true);
                self.deps.live.set(self.task, AgentState::Paused);
                self.note("Paused: the agent stands still.").await
            }
            (false, Some(hold)) => {
                turn.held = None;
                turn.grant(hold.since.elapsed());
                self.note("Resumed: the agent goes on where it was.")
                    .await?;
                session.agent.control().hold(false);
                self.deps.live.set(self.task, session.at_work());
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
