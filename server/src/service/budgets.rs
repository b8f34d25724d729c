//! What was used, and budgets as far as they concern more than one task.

use app::api::{EditSettings, UsageBy, UsagePage, UsageQuery, UsageReport};
use app::domain::id::TaskId;
use app::domain::task::{Actor, BudgetScope, TaskCommand};
use chrono::{TimeDelta, Utc};

use super::Service;
use crate::error::Error;
use crate::store::UsageFilter;

impl Service {
    /// What was used, added up.
    pub async fn usage(&self, query: &UsageQuery) -> Result<UsageReport, Error> {
        let filter = UsageFilter::parse(query)
            .map_err(|error| Error::field(error.field, error.to_string()))?;
        Ok(self.parts.store.usage(&filter).await?)
    }

    /// What a task has used, by its phases and their models.
    pub async fn task_usage(&self, id: TaskId) -> Result<UsageReport, Error> {
        self.known(id).await?;
        let query = UsageQuery {
            by: UsageBy::PhaseModel,
            task: Some(id),
            ..UsageQuery::default()
        };
        self.usage(&query).await
    }

    /// The figures of the last thirty days.
    pub async fn usage_page(&self) -> Result<UsagePage, Error> {
        let first = Utc::now().date_naive() - TimeDelta::days(29);
        let query = |by| UsageQuery {
            by,
            from: Some(first.to_string()),
            ..UsageQuery::default()
        };
        Ok(UsagePage {
            days: self.usage(&query(UsageBy::DayModel)).await?,
            models: self.usage(&query(UsageBy::Model)).await?,
            phases: self.usage(&query(UsageBy::Phase)).await?,
        })
    }

    /// Lets the tasks that wait for a budget of the day look at it again. Those that it is still too
    /// small for wait again before they have used anything.
    pub(super) async fn wake_after_budget(&self, edit: &EditSettings) -> Result<(), Error> {
        if !edit.day_budget_usd.is_change() && !edit.day_budget_tokens.is_change() {
            return Ok(());
        }
        // What is in force is what the next turn is judged by.
        self.settings().refresh().await?;
        for id in self.parts.store.out_of_budget().await? {
            let task = self.load(id).await?;
            let waits = task.exceeded();
            if waits.is_none_or(|used| used.scope != BudgetScope::Day) {
                continue;
            }
            match self.execute(id, Actor::Platform, TaskCommand::Retry).await {
                // Somebody was faster.
                Ok(_) | Err(Error::Refused { .. } | Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
