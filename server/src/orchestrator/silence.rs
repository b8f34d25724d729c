//! Looking after an agent of which nothing is heard in the middle of its turn.
//!
//! Everything that it says, every call of the platform's tools and every byte to and from the model's
//! API is a sign of life. Without one for some time it is nudged: one that waits for something that
//! will never come is then told so. After as long again its process is ended as one that has failed, and
//! the next one goes on with the turn, as often as an agent may fail.

use std::time::Duration;

use app::domain::task::{RunCommand, Silence};
use chrono::{TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::run::{Ending, Run, RunError};
use super::serve::said;
use super::session::Session;
use super::turn::Turn;
use crate::agent::stdin::Priority;

/// What is known of the agent's signs of life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vigil {
    /// The last one.
    heard: Instant,
    /// It was nudged since.
    is_nudged: bool,
}

impl Vigil {
    pub(super) fn from_now() -> Self {
        Self {
            heard: Instant::now(),
            is_nudged: false,
        }
    }

    /// When something has to be done about its silence, if nothing is heard until then.
    pub(super) fn over_at(&self, patience: Option<Duration>) -> Option<Instant> {
        let patience = patience?;
        let times = if self.is_nudged { 2 } else { 1 };
        self.heard.checked_add(patience * times)
    }

    /// The agent could give no sign for so long.
    pub(super) fn grant(&mut self, time: Duration) {
        self.heard += time;
        self.is_nudged = false;
    }
}

impl Run {
    /// A sign of life, given at `at`.
    pub(super) async fn heard(&self, turn: &mut Turn, at: Instant) -> Result<(), RunError> {
        turn.vigil.heard = turn.vigil.heard.max(at);
        if std::mem::take(&mut turn.vigil.is_nudged) {
            self.say(RunCommand::Stir).await?;
            self.note("The agent has given a sign again.").await?;
        }
        Ok(())
    }

    /// Nudges an agent that has been silent for too long. One that was nudged is ended, to be started
    /// again.
    pub(super) async fn look_after(
        &self,
        session: &Session,
        turn: &mut Turn,
    ) -> Result<Option<Ending>, RunError> {
        let Some(patience) = self.deps.options.silence else {
            return Ok(None);
        };
        let passed = session.api.passed();
        if passed > turn.vigil.heard {
            self.heard(turn, passed).await?;
            return Ok(None);
        }
        let silent = turn.vigil.heard.elapsed();
        if turn.vigil.is_nudged {
            let message = format!("nothing was heard of the agent for {}", words(silent));
            return Ok(Some(Ending::Failed { message }));
        }
        turn.vigil.is_nudged = true;
        let ago = |time: Duration| TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX);
        let since = Utc::now() - ago(silent);
        let restart_at = since + ago(patience * 2);
        let silence = Silence { since, restart_at };
        self.say(RunCommand::FallSilent(silence)).await?;
        let silent = words(silent);
        self.note(&format!(
            "Nothing was heard of the agent for {silent}. It is nudged, and started again if it stays silent."
        ))
        .await?;
        let text = format!(
            "[platform] Nothing was heard of you for {silent}. If something hangs, end it and go \
             another way; if you wait for the person, say so with ask_user. Otherwise go on."
        );
        let control = session.agent.control();
        said(
            control
                .send_user(Uuid::new_v4(), &text, Some(Priority::Next))
                .await,
        );
        Ok(None)
    }
}

/// In whole minutes, or seconds if it is less than two of them.
fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(10);

    #[test]
    fn a_nudge_comes_after_the_time_and_the_end_after_as_long_again() {
        let mut vigil = Vigil::from_now();
        let heard = vigil.heard;
        assert_eq!(vigil.over_at(Some(PATIENCE)), Some(heard + PATIENCE));
        vigil.is_nudged = true;
        assert_eq!(vigil.over_at(Some(PATIENCE)), Some(heard + PATIENCE * 2));
        assert_eq!(vigil.over_at(None), None);
    }

    #[test]
    fn an_agent_that_stood_still_gets_all_of_its_time_again() {
        let mut vigil = Vigil::from_now();
        vigil.is_nudged = true;
        let heard = vigil.heard;
        vigil.grant(Duration::from_secs(30));
        let over_at = heard + Duration::from_secs(30) + PATIENCE;
        assert_eq!(vigil.over_at(Some(PATIENCE)), Some(over_at));
    }

    #[test]
    fn times_are_told_as_people_do() {
        assert_eq!(words(Duration::from_secs(119)), "119 s");
        assert_eq!(words(Duration::from_secs(659)), "10 min");
    }
}
