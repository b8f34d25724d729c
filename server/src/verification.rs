//! The checks that a phase's results go through before a person sees them.

use app::domain::plan::DeliverableRule;
use app::domain::task::{Check, Task};

use crate::workspace::{WorkspaceError, Workspaces};

/// Words that stand for something that is still missing, each as a whole word.
const PLACEHOLDERS: [&str; 5] = ["TODO", "FIXME", "TBD", "lorem ipsum", "XXX"];

/// Checks every file that is due at the end of a phase.
pub async fn verify(
    workspaces: &Workspaces,
    task: &Task,
    phase: u32,
) -> Result<Vec<Check>, WorkspaceError> {
    let Some(phase) = task.phase(phase) else {
        return Ok(Vec::new());
    };
    let mut checks = Vec::new();
    for due in phase.plan.due() {
        match workspaces.read(task.id, &due.path).await {
            Ok(content) => checks.extend(check_text(due, content.text.as_deref(), content.size)),
            Err(
                error @ (WorkspaceError::NotFound { .. }
                | WorkspaceError::Outside { .. }
                | WorkspaceError::NotAFile { .. }
                | WorkspaceError::Denied { .. }),
            ) => checks.push(check("deliverable", due, false, error.to_string())),
            Err(error) => return Err(error),
        }
    }
    Ok(checks)
}

fn check_text(due: &DeliverableRule, text: Option<&str>, size: u64) -> Vec<Check> {
    let Some(text) = text else {
        let evidence = format!("{} is not readable text ({size} bytes)", due.path);
        return vec![check("deliverable", due, false, evidence)];
    };
    let length = text.trim().chars().count();
    let evidence = format!("{length} characters, at least {} are due", due.min_chars);
    let long_enough = length >= due.min_chars as usize;
    let mut checks = vec![check("deliverable", due, long_enough, evidence)];
    let extension = std::path::Path::new(&due.path).extension();
    if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("md")) {
        let found = placeholder(text);
        let evidence = match found {
            Some((line, word)) => format!("line {line} still says {word}"),
            None => "no placeholder left".to_owned(),
        };
        checks.push(check("placeholder", due, found.is_none(), evidence));
    }
    checks
}

fn check(id: &str, due: &DeliverableRule, passed: bool, evidence: String) -> Check {
    Check {
        id: id.to_owned(),
        subject: due.path.clone(),
        passed,
        evidence,
    }
}

/// The first placeholder with its line. Quoted ones are talked about and not left behind.
fn placeholder(text: &str) -> Option<(usize, &'static str)> {
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let found = PLACEHOLDERS.iter().find(|word| contains_word(line, word));
        if let Some(word) = found {
            return Some((number, word));
        }
    }
    None
}

fn contains_word(line: &str, word: &str) -> bool {
    let (line, word) = if word.starts_with(char::is_lowercase) {
        (line.to_lowercase(), word.to_owned())
    } else {
        (line.to_owned(), word.to_owned())
    };
    let borders = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '`' && c != '"');
    line.match_indices(&word).any(|(at, _)| {
        borders(line[..at].chars().next_back()) && borders(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> DeliverableRule {
        DeliverableRule {
            path: "docs/a.md".to_owned(),
            min_chars: 10,
        }
    }

    fn failed(text: &str) -> Vec<String> {
        let checks = check_text(&rule(), Some(text), 0).into_iter();
        checks
            .filter(|check| !check.passed)
            .map(|check| check.evidence)
            .collect()
    }

    #[test]
    fn a_text_that_is_too_short_is_found() {
        assert_eq!(failed("é é"), ["3 characters, at least 10 are due"]);
        assert!(failed("long enough it is").is_empty());
    }

    #[test]
    fn a_placeholder_is_found_with_its_line() {
        assert_eq!(
            failed("long enough\n\nTODO: write this"),
            ["line 3 still says TODO"]
        );
        assert_eq!(
            failed("long enough, Lorem Ipsum dolor"),
            ["line 1 still says lorem ipsum"]
        );
    }

    #[test]
    fn a_placeholder_that_is_quoted_or_part_of_a_word_is_none() {
        assert!(failed("The check finds `TODO` in MASTODON posts").is_empty());
        assert!(failed("long enough\n```\n// TODO\n```\n").is_empty());
    }

    #[test]
    fn what_is_not_text_is_no_deliverable() {
        let checks = check_text(&rule(), None, 7);
        assert!(!checks[0].passed && checks[0].evidence.contains("7 bytes"));
    }
}
