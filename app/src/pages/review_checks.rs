//! What the checks of a phase have found.

use leptos::prelude::*;

use crate::api::VerificationView;
use crate::components::icon::{Glyph, Icon};
use crate::domain::task::Check;
use crate::number::counted;
use crate::reactive::list;
use crate::visible;

/// A check, and the other subjects that it found the same of.
type Found = (Check, Vec<String>);

/// The checks, failed ones first.
#[component]
pub fn Checks(found: VerificationView) -> impl IntoView {
    let (passed, failed): (Vec<Check>, Vec<Check>) =
        found.checks.into_iter().partition(|check| check.passed);
    let count = passed.len();
    let open = failed.is_empty() && count <= 3;
    let rows = |checks| list(grouped(checks).into_iter().map(row));
    view! {
        <ul class="check-list">{rows(failed)}</ul>
        <details class="step-list" open=open>
            <summary><Glyph icon=Icon::Chevron /> {counted(count, "check")} " passed"</summary>
            <ul class="check-list">{rows(passed)}</ul>
        </details>
    }
    .into_any()
}

/// Neighbours that say the same are one: only what they were applied to differs.
fn grouped(checks: Vec<Check>) -> Vec<Found> {
    let mut groups: Vec<Found> = Vec::new();
    for check in checks {
        let is_same = |(first, _): &Found| {
            first.id == check.id
                && first.evidence == check.evidence
                && first.suggestion == check.suggestion
                && first.documents == check.documents
        };
        match groups.last_mut() {
            Some(group) if is_same(group) => group.1.push(check.subject),
            _ => groups.push((check, Vec::new())),
        }
    }
    groups
}

fn row((check, more): Found) -> AnyView {
    let (icon, tone, word) = if check.passed {
        (Icon::Check, "completed", "passed")
    } else {
        (Icon::Cross, "failed", "did not pass")
    };
    // The first one is the subject.
    let others = check.documents.into_iter();
    let others = others.filter(|path| *path != check.subject);
    let others: Vec<_> = others
        .map(|path| view! { " " <code>{visible::name(&path)}</code> })
        .collect();
    let others = (!others.is_empty()).then(|| view! { <p class="check-note">"Also:" {others}</p> });
    let suggestion = check
        .suggestion
        .map(|text| view! { <p class="check-note">"To settle it: " {text}</p> });
    let is_one = more.is_empty();
    let subject = visible::name(&check.subject);
    let subjects = (!is_one).then(|| {
        let all =
            std::iter::once(subject.clone()).chain(more.iter().map(|path| visible::name(path)));
        let all = all.map(|path| view! { <li><code>{path}</code></li> });
        view! { <ul class="check-subjects">{list(all)}</ul> }
    });
    let subject = (is_one && !subject.is_empty()).then(|| view! { <code>{subject}</code> });
    view! {
        <li class="check-row" data-tone=tone>
            <Glyph icon />
            <span class="visually-hidden">{word}</span>
            {subject}
            <div class="check-found">
                <p>{check.id.replace('_', " ")} ": " {check.evidence}</p>
                {subjects}
                {suggestion}
                {others}
            </div>
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{Check, grouped};

    #[test]
    fn neighbours_that_say_the_same_are_one_row() {
        let check = |id: &str, subject: &str, evidence: &str| Check {
            id: id.to_owned(),
            subject: subject.to_owned(),
            passed: false,
            evidence: evidence.to_owned(),
            suggestion: None,
            documents: Vec::new(),
        };
        let rows = grouped(vec![
            check("scope", "a", "outside"),
            check("scope", "b", "outside"),
            check("scope", "30 more", "not named"),
            check("deliverable", "c", "outside"),
        ]);
        let told: Vec<_> = rows
            .iter()
            .map(|(check, more)| (check.subject.as_str(), more.len()))
            .collect();
        assert_eq!(told, [("a", 1), ("30 more", 0), ("c", 0)]);
        assert_eq!(rows[0].1, ["b"]);
    }
}
