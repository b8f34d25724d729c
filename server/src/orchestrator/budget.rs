//! What a run does about the budget of the day, which no task knows of by itself.

use app::domain::task::{Budget, BudgetScope, BudgetUse, RunCommand};
use chrono::{DateTime, TimeDelta, Utc};

use super::run::{Run, RunError};
use crate::error::Error;

impl Run {
    /// The budget of the day, if it is used up. Says so in time, once a day.
    pub(super) async fn day_budget_used_up(&self) -> Result<Option<BudgetUse>, RunError> {
        let values = self.deps.service.settings().in_force().values;
        let budget = Budget {
            usd: values.day_budget_usd,
            tokens: values.day_budget_tokens,
        };
        if budget == Budget::default() {
            return Ok(None);
        }
        let (began, ends) = day_of(Utc::now());
        let store = &self.deps.store;
        let spent = store.spent_since(began).await.map_err(Error::from)?;
        let used = BudgetUse {
            scope: BudgetScope::Day,
            budget,
            spent,
            until: Some(ends),
        };
        if budget.is_used_up(spent) {
            return Ok(Some(used));
        }
        if budget.is_nearly_used_up(spent) {
            let is_known = store.is_day_warned(began).await.map_err(Error::from)?;
            if !is_known {
                self.say(RunCommand::WarnOfDay(used)).await?;
            }
        }
        Ok(None)
    }
}

/// From when to when the day lasts, in UTC.
fn day_of(now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let began = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    (began, began + TimeDelta::days(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lasts_from_midnight_to_midnight() {
        let now: DateTime<Utc> = "2026-02-28T23:59:59.5Z".parse().unwrap();
        let (began, ends) = day_of(now);
        assert_eq!(began.to_rfc3339(), "2026-02-28T00:00:00+00:00");
        assert_eq!(ends.to_rfc3339(), "2026-03-01T00:00:00+00:00");
        assert_eq!(day_of(ends).0, ends);
    }
}
