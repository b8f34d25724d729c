//! What happens to reviews that nobody decides, and to questions that nobody answers.

use std::time::Duration;

use app::domain::task::{Actor, ReviewHours, TaskCommand};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Service;
use crate::error::Error;
use crate::jobs::{ReviewTimer, TimerPurpose};

/// How often the timers are looked at. They count in minutes and hours.
const PACE: Duration = Duration::from_secs(30);

impl Service {
    /// Calls reviews to mind and approves what is due for it, until `stop` is cancelled. Several
    /// processes may do so at once: what one has done, another finds done.
    pub async fn watch_reviews(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.settings().refresh().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the settings can't be read; those read last go on"
                );
            }
            let hours = self.settings().in_force().values.review_hours();
            let seen = self.see_to_reviews(hours).await;
            if let Err(error) = seen.and(self.see_to_questions().await) {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the timers of reviews and questions can't be read"
                );
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = sleep(PACE) => {}
            }
        }
    }

    /// Answers what nobody has answered in time, as the agents have proposed. A task that fails is left
    /// for the next time.
    pub async fn see_to_questions(&self) -> Result<(), Error> {
        for task in self.parts.store.overdue_questions().await? {
            let command = TaskCommand::AnswerByItself;
            if let Err(error) = self.execute(task, Actor::Platform, command).await {
                tracing::error!(
                    task.id = %task,
                    error = &error as &dyn std::error::Error,
                    "a question could not be seen to"
                );
            }
        }
        Ok(())
    }

    /// Does what is due now. A task that fails is left for the next time.
    pub async fn see_to_reviews(&self, hours: ReviewHours) -> Result<(), Error> {
        for timer in self.parts.store.review_timers().await? {
            let Some(command) = due(timer, hours) else {
                continue;
            };
            if let Err(error) = self.execute(timer.task, Actor::Platform, command).await {
                tracing::error!(
                    task.id = %timer.task,
                    error = &error as &dyn std::error::Error,
                    "a review could not be seen to"
                );
            }
        }
        Ok(())
    }
}

fn due(timer: ReviewTimer, hours: ReviewHours) -> Option<TaskCommand> {
    let review = timer.review;
    match timer.purpose {
        TimerPurpose::Reminder { reached } => {
            let level = hours.due(reached, timer.age)?;
            Some(TaskCommand::RemindReview { review, level })
        }
        TimerPurpose::Approval => {
            hours
                .is_approval_due(timer.age)
                .then_some(TaskCommand::ApproveByItself {
                    review,
                    hours: hours.approval,
                })
        }
    }
}
