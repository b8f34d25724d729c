//! The choice of which notifications somebody gets.

use leptos::prelude::*;

use crate::domain::task::ConcernKind;
use crate::reactive::list;

/// A box for each kind of notification, checked for those that are chosen.
pub fn kind_boxes(chosen: &[ConcernKind]) -> AnyView {
    let kind = |kind: ConcernKind| {
        let name = match kind {
            ConcernKind::Review => "Reviews",
            ConcernKind::Question => "Questions",
            ConcernKind::Permission => "Permissions",
            ConcernKind::Dependency => "Dependencies",
            ConcernKind::Completed => "Completed tasks",
            ConcernKind::Failed => "Failed tasks",
            ConcernKind::Interrupted => "Interrupted agents",
            ConcernKind::Limit => "Rate limits",
            ConcernKind::Budget => "Budgets that are used up",
            ConcernKind::BudgetWarning => "Budgets that will not last",
            ConcernKind::Error => "Refused credentials",
        };
        let is_chosen = chosen.contains(&kind);
        view! {
            <label>
                <input type="checkbox" class="checkbox checkbox-sm" name="kinds[]" value=kind.to_string() checked=is_chosen />
                {name}
            </label>
        }
    };
    list(ConcernKind::ALL.map(kind))
}
