//! What a task may use, alone and together with all others of a day.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::decide::Decision;
use super::{ConcernKind, Refusal, Status, Task, TaskEdit, TaskEvent, UsageDelta, Waiting, Work};
use crate::domain::id::SessionId;
use crate::domain::money::Usd;
use crate::domain::word::words;

/// The part of a budget, in percent, at which people are told that it will not last.
const NEARLY: u128 = 80;

words! {
    /// Whose budget it is.
    #[derive(Default)]
    pub enum BudgetScope {
        /// One task's.
        #[default]
        Task,
        /// That of all tasks for one day, which ends at midnight UTC.
        Day,
    }
}

/// How much may be used; what is absent has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Budget {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<Usd>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// How much was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Spent {
    pub usd: Usd,
    pub tokens: u64,
}

/// A budget, and what was used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct BudgetUse {
    #[serde(default)]
    pub scope: BudgetScope,
    pub budget: Budget,
    pub spent: Spent,
    /// When a new day's budget begins; absent of a task's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl Spent {
    /// This and more.
    #[must_use]
    pub fn and(self, usd: Usd, tokens: u64) -> Self {
        Self {
            usd: self.usd + usd,
            tokens: self.tokens.saturating_add(tokens),
        }
    }
}

impl Budget {
    /// Whether nothing is left, of dollars or of tokens.
    pub fn is_used_up(&self, spent: Spent) -> bool {
        self.percent(spent).is_some_and(|percent| percent >= 100)
    }

    /// Whether little is left or nothing.
    pub fn is_nearly_used_up(&self, spent: Spent) -> bool {
        self.percent(spent).is_some_and(|percent| percent >= NEARLY)
    }

    /// How much is used, of dollars or of tokens, whichever is more.
    fn percent(&self, spent: Spent) -> Option<u128> {
        let of = |used: u128, most: u128| (used * 100).checked_div(most).unwrap_or(100);
        let usd = self.usd.map(|most| of(micros(spent.usd), micros(most)));
        let tokens = self
            .tokens
            .map(|most| of(u128::from(spent.tokens), u128::from(most)));
        usd.max(tokens)
    }
}

/// Millionths of a dollar. Nothing is ever earned.
fn micros(usd: Usd) -> u128 {
    u128::try_from(usd.as_micros()).unwrap_or(0)
}

impl BudgetUse {
    /// What the figures of a day begin with.
    pub const OF_DAY: &str = "All tasks today: ";

    /// In words: "$4.10 of $5.00".
    pub fn figures(&self) -> String {
        let usd = self.budget.usd.map(|most| {
            let (spent, most) = (self.spent.usd.to_short(), most.to_short());
            format!("{spent} of {most}")
        });
        let tokens = self.budget.tokens.map(|most| {
            let spent = self.spent.tokens;
            format!("{spent} of {most} tokens")
        });
        let parts: Vec<String> = usd.into_iter().chain(tokens).collect();
        let figures = parts.join(", ");
        match self.scope {
            BudgetScope::Task => figures,
            BudgetScope::Day => format!("{}{figures}", Self::OF_DAY),
        }
    }
}

impl Task {
    /// What the task may use by itself.
    pub fn budget(&self) -> Budget {
        Budget {
            usd: self.budget_usd,
            tokens: self.budget_tokens,
        }
    }

    /// Whether people should know that little is left, or that nothing is.
    pub(super) fn budget_concern(&self) -> Option<(ConcernKind, String)> {
        if let Some(used) = self.exceeded() {
            return Some((ConcernKind::Budget, used.figures()));
        }
        let used = self.budget_warned.as_ref()?;
        let is_over = matches!(
            self.status,
            Status::Completed | Status::Failed { .. } | Status::Cancelled
        );
        (!is_over).then(|| (ConcernKind::BudgetWarning, used.figures()))
    }

    /// What the task has used.
    pub fn spent(&self) -> Spent {
        Spent {
            usd: self.cost,
            tokens: self.tokens.total(),
        }
    }

    /// The budget that the task waits for.
    pub fn exceeded(&self) -> Option<&BudgetUse> {
        match self.status.beneath() {
            Status::Waiting(Waiting::Budget(used)) => Some(used),
            _ => None,
        }
    }

    /// What comes next, unless that would cost what the task has not got.
    pub(super) fn afforded(&self, work: Work) -> Work {
        match work {
            Work::Turn(_) if self.budget().is_used_up(self.spent()) => Work::AwaitBudget,
            work => work,
        }
    }

    pub(super) fn await_budget(&self) -> Decision {
        if self.next_work() != Work::AwaitBudget {
            return Err(Refusal::OutOfTurn("a budget"));
        }
        let used = self.own_use(self.spent());
        Ok(self.settled([TaskEvent::BudgetExceeded { used }]))
    }

    fn own_use(&self, spent: Spent) -> BudgetUse {
        BudgetUse {
            scope: BudgetScope::Task,
            budget: self.budget(),
            spent,
            until: None,
        }
    }

    /// What a turn has used, with a warning if little is left then.
    pub(super) fn used_events(
        &self,
        session: SessionId,
        usage: Option<UsageDelta>,
    ) -> Vec<TaskEvent> {
        let Some(usage) = usage else {
            return Vec::new();
        };
        let spent = self.spent().and(usage.cost, usage.tokens.total());
        let is_news =
            !matches!(&self.budget_warned, Some(known) if known.scope == BudgetScope::Task);
        let warns = is_news && self.budget().is_nearly_used_up(spent);
        let mut events = vec![TaskEvent::UsageRecorded { session, usage }];
        if warns {
            let used = self.own_use(spent);
            events.push(TaskEvent::BudgetWarned { used });
        }
        events
    }

    /// Another budget, if the edit gives one; with it the task goes on if it waits for that.
    pub(super) fn change_budget(&self, edit: &TaskEdit) -> Vec<TaskEvent> {
        let usd = match edit.budget_usd {
            Some(usd) => Some(usd).filter(|usd| *usd != Usd::ZERO),
            None => self.budget_usd,
        };
        let tokens = match edit.budget_tokens {
            Some(tokens) => Some(tokens).filter(|tokens| *tokens != 0),
            None => self.budget_tokens,
        };
        let budget = Budget { usd, tokens };
        if budget == self.budget() {
            return Vec::new();
        }
        let mut events = vec![TaskEvent::BudgetRaised { budget }];
        let waits = self.exceeded();
        let waits = waits.is_some_and(|used| used.scope == BudgetScope::Task);
        if waits && !budget.is_used_up(self.spent()) {
            events.push(TaskEvent::TaskQueued { not_before: None });
        }
        events
    }

    /// What was said of budgets.
    pub(super) fn change_budgets(&mut self, event: &TaskEvent) {
        match event {
            TaskEvent::BudgetWarned { used } => self.budget_warned = Some(*used),
            TaskEvent::BudgetExceeded { used } => {
                self.stand(Status::Waiting(Waiting::Budget(*used)));
            }
            TaskEvent::BudgetRaised { budget } => {
                self.budget_usd = budget.usd;
                self.budget_tokens = budget.tokens;
                let is_enough = !budget.is_nearly_used_up(self.spent());
                self.budget_warned
                    .take_if(|known| known.scope == BudgetScope::Task && is_enough);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(cents: Option<i64>, tokens: Option<u64>) -> Budget {
        Budget {
            usd: cents.map(|cents| Usd::from_micros(cents * 10_000)),
            tokens,
        }
    }

    fn spent(cents: i64, tokens: u64) -> Spent {
        Spent {
            usd: Usd::from_micros(cents * 10_000),
            tokens,
        }
    }

    #[test]
    fn the_scarcer_of_money_and_tokens_counts() {
        let both = budget(Some(100), Some(1_000));
        let judged = |cents, tokens| {
            let spent = spent(cents, tokens);
            (both.is_nearly_used_up(spent), both.is_used_up(spent))
        };
        assert_eq!(judged(79, 799), (false, false));
        assert_eq!(judged(80, 0), (true, false));
        assert_eq!(judged(0, 800), (true, false));
        assert_eq!(judged(0, 1_000), (true, true));
        assert_eq!(judged(100, 0), (true, true));
        let nothing = budget(None, None);
        assert!(!nothing.is_nearly_used_up(spent(1_000_000, u64::MAX)));
    }

    #[test]
    fn figures_name_what_is_limited() {
        let used = |budget| BudgetUse {
            scope: BudgetScope::Task,
            budget,
            spent: spent(410, 9_000),
            until: None,
        };
        assert_eq!(used(budget(Some(500), None)).figures(), "$4.10 of $5.00");
        let both = used(budget(Some(500), Some(10_000))).figures();
        assert_eq!(both, "$4.10 of $5.00, 9000 of 10000 tokens");
    }

    proptest! {
        #[test]
        fn what_is_used_up_is_nearly_used_up(usd in any::<i64>(), most in any::<i64>(), tokens in any::<u64>()) {
            let budget = Budget { usd: Some(Usd::from_micros(most)), tokens: Some(tokens) };
            let spent = Spent { usd: Usd::from_micros(usd), tokens };
            prop_assert!(!budget.is_used_up(spent) || budget.is_nearly_used_up(spent));
        }
    }
}
