//! The answer of an agent that verifies: its JSON schema, and reading it without believing more
//! than it says. Pure.

use std::collections::HashSet;
use std::sync::LazyLock;

use app::domain::task::Check;
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

/// The most criteria of an answer.
const MAX_CRITERIA: usize = 200;
/// The most characters of a criterion's id, of its evidence and of its suggestion.
const MAX_ID: usize = 60;
const MAX_TEXT: usize = 4_000;
/// The most documents that are named for a criterion, and the most characters of their paths.
const MAX_DOCUMENTS: usize = 20;
const MAX_PATH: usize = 300;
/// How many missing criteria are named.
const MAX_NAMED: usize = 10;

/// Why an answer can't be used. Told to the agent and shown to people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The agent never used the form that it was given.
    #[error("It gave no answer in the form that was asked for.")]
    Missing,
    /// The answer does not follow the schema.
    #[error("Its answer does not follow the schema: {reason}.")]
    Malformed {
        /// What the reader stumbled over.
        reason: String,
    },
    /// Nothing was judged.
    #[error("Its answer judges no criterion.")]
    Empty,
    /// More than anybody can read.
    #[error("Its answer has {count} criteria; at most {MAX_CRITERIA} can be shown.")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// Criteria of the guide were left out.
    #[error("Its answer leaves out these criteria of the guide: {ids}.")]
    LeftOut {
        /// Their ids.
        ids: String,
    },
    /// A criterion was judged twice.
    #[error("Its answer judges the criterion {id} twice.")]
    Twice {
        /// Its id.
        id: String,
    },
    /// A judgement without a reason.
    #[error("Its answer gives no evidence for the criterion {id}.")]
    NoEvidence {
        /// The criterion's id.
        id: String,
    },
}

/// The JSON schema that the CLI holds the answer to.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["criteria"],
        "properties": {"criteria": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["id", "passed", "evidence"],
                "properties": {
                    "id": {"type": "string", "minLength": 1},
                    "passed": {"type": "boolean"},
                    "evidence": {"type": "string", "minLength": 1},
                    "suggestion": {"type": "string"},
                    "documents": {"type": "array", "items": {"type": "string"}},
                },
            },
        }},
    })
}

#[derive(Deserialize)]
struct Verdict {
    criteria: Vec<Criterion>,
}

#[derive(Deserialize)]
struct Criterion {
    id: String,
    passed: bool,
    evidence: String,
    #[serde(default)]
    suggestion: Option<String>,
    #[serde(default)]
    documents: Vec<String>,
}

/// The criteria of an answer as checks, in its order. Every criterion of the guide has to be among
/// them: what was not looked at has not passed.
pub fn read(answer: Option<&Value>, guide: Option<&str>) -> Result<Vec<Check>, Unusable> {
    let answer = answer.filter(|answer| !answer.is_null());
    let answer = answer.ok_or(Unusable::Missing)?;
    let Verdict { criteria } =
        Verdict::deserialize(answer).map_err(|error| Unusable::Malformed {
            reason: shortened(&error.to_string(), MAX_PATH),
        })?;
    let count = criteria.len();
    if count == 0 {
        return Err(Unusable::Empty);
    }
    if count > MAX_CRITERIA {
        return Err(Unusable::TooMany { count });
    }
    let mut judged = HashSet::new();
    for criterion in &criteria {
        let id = shortened(&criterion.id, MAX_ID);
        if criterion.evidence.trim().is_empty() {
            return Err(Unusable::NoEvidence { id });
        }
        if !judged.insert(criterion.id.trim()) {
            return Err(Unusable::Twice { id });
        }
    }
    let required = criteria_of(guide.unwrap_or_default());
    let left_out = required.into_iter().filter(|id| !judged.contains(id));
    let left_out: Vec<_> = left_out.collect();
    if !left_out.is_empty() {
        return Err(Unusable::LeftOut {
            ids: listed(&left_out),
        });
    }
    Ok(criteria.into_iter().map(check).collect())
}

/// The ids of a guide's checklist, in its order.
pub fn criteria_of(guide: &str) -> Vec<&str> {
    static ITEM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^- \[ \] `([A-Z][A-Z0-9]*-\d+)`").expect("a constant expression")
    });
    let found = ITEM.captures_iter(guide);
    found
        .filter_map(|item| item.get(1).map(|id| id.as_str()))
        .collect()
}

fn check(criterion: Criterion) -> Check {
    let Criterion {
        id,
        passed,
        evidence,
        suggestion,
        documents,
    } = criterion;
    let documents = documents.iter().map(|path| shortened(path, MAX_PATH));
    let documents: Vec<_> = documents
        .filter(|path| !path.is_empty())
        .take(MAX_DOCUMENTS)
        .collect();
    let suggestion = suggestion.map(|text| shortened(&text, MAX_TEXT));
    Check {
        id: shortened(&id, MAX_ID),
        subject: documents.first().cloned().unwrap_or_default(),
        passed,
        evidence: shortened(&evidence, MAX_TEXT),
        suggestion: suggestion.filter(|text| !text.is_empty()),
        documents,
    }
}

fn listed(ids: &[&str]) -> String {
    let named: Vec<_> = ids.iter().take(MAX_NAMED).copied().collect();
    match ids.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Without what can't be shown, and cut where it is too long.
fn shortened(text: &str, limit: usize) -> String {
    let text = text.trim();
    let shown = |c: &char| !c.is_control() || *c == '\n';
    let mut kept: String = text.chars().filter(shown).take(limit).collect();
    if text.chars().filter(shown).count() > limit {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GUIDE: &str =
        "# Guide\n\n- [ ] `P1-01` All is there.\n- [ ] `P1-02` All is\n      right.\n";

    fn criterion(id: &str, passed: bool) -> Value {
        json!({"id": id, "passed": passed, "evidence": "docs/a.md:3"})
    }

    fn unusable(criteria: &[Value]) -> Unusable {
        read(Some(&json!({"criteria": criteria})), Some(GUIDE)).unwrap_err()
    }

    #[test]
    fn an_answer_becomes_checks_in_its_order() {
        let answer = json!({"criteria": [
            criterion("P1-01", true),
            {"id": "P1-02", "passed": false, "evidence": "docs/a.md:3 contradicts docs/b.md:9",
             "suggestion": "Take the figure of a.", "documents": ["docs/b.md", "docs/a.md"]},
        ]});
        let checks = read(Some(&answer), Some(GUIDE)).unwrap();
        assert!(checks[0].passed && checks[0].subject.is_empty());
        assert_eq!(checks[1].subject, "docs/b.md");
        assert_eq!(checks[1].documents, ["docs/b.md", "docs/a.md"]);
        let suggestion = checks[1].suggestion.as_deref();
        assert_eq!(suggestion, Some("Take the figure of a."));
    }

    #[test]
    fn what_was_not_judged_has_not_passed() {
        assert_eq!(read(None, Some(GUIDE)), Err(Unusable::Missing));
        assert_eq!(unusable(&[]), Unusable::Empty);
        let left_out = unusable(&[criterion("P1-01", true)]);
        assert_eq!(
            left_out.to_string(),
            "Its answer leaves out these criteria of the guide: P1-02."
        );
    }

    #[test]
    fn a_judgement_that_can_not_be_relied_on_is_refused() {
        let twice = [criterion("P1-01", false), criterion("P1-01", true)];
        let id = "P1-01".to_owned();
        assert_eq!(unusable(&twice), Unusable::Twice { id: id.clone() });
        let silent = json!({"id": "P1-01", "passed": true, "evidence": " "});
        assert_eq!(unusable(&[silent]), Unusable::NoEvidence { id });
        let word = json!({"id": "P1-01", "passed": "yes", "evidence": "x"});
        assert!(matches!(unusable(&[word]), Unusable::Malformed { .. }));
        let many: Vec<_> = (0..201)
            .map(|n| criterion(&format!("X-{n}"), true))
            .collect();
        assert_eq!(unusable(&many), Unusable::TooMany { count: 201 });
    }

    #[test]
    fn without_a_guide_any_criteria_will_do() {
        let answer = json!({"criteria": [criterion("complete", true)]});
        assert_eq!(read(Some(&answer), None).unwrap().len(), 1);
    }

    #[test]
    fn the_checklists_of_the_guides_are_found() {
        let guides = crate::guides::Guides::default();
        for phase in 1..=3 {
            let name = format!("verification/phase{phase}.md");
            let guide = guides.get(&name).unwrap().unwrap();
            let ids = criteria_of(&guide);
            assert!(ids.len() >= 20, "{name}: {ids:?}");
            assert_eq!(ids[0], format!("P{phase}-01"));
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "é".repeat(MAX_TEXT + 1);
        let answer = json!({"criteria": [{"id": "a", "passed": true, "evidence": long}]});
        let checks = read(Some(&answer), None).unwrap();
        assert_eq!(checks[0].evidence.chars().count(), MAX_TEXT + 1);
        assert!(checks[0].evidence.ends_with('…'));
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_a_verdict(text in any::<String>()) {
            prop_assert!(read(Some(&Value::String(text)), None).is_err());
        }
    }
}
