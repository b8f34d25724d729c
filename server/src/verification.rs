//! The checks that a phase's results go through before a person sees them: first the platform's own,
//! in plain code, then an agent that did not do the work.

mod document;
mod scope;
mod secret;
pub mod verdict;

use app::api::{Diff, FileChange, FileDiff};
use app::domain::plan::DeliverableRule;
use app::domain::task::{Check, Phase, Task};

use crate::workspace::{RECORDED_FILE_LIMIT, WorkspaceError, Workspaces};

/// The most secrets and `.env` files that are reported one by one.
const MAX_NAMED: usize = 20;

/// Checks every file that is due at the end of a phase, and what the phase has changed up to the
/// commit `head`.
pub async fn verify(
    workspaces: &Workspaces,
    task: &Task,
    phase: u32,
    head: &str,
) -> Result<Vec<Check>, WorkspaceError> {
    let Some(phase) = task.phase(phase) else {
        return Ok(Vec::new());
    };
    let mut checks = due_files(workspaces, task, phase).await?;
    if let Some(base) = &phase.base {
        if phase.plan.writes.is_some() {
            let changed = workspaces.changed_paths(task.id, base, head).await?;
            checks.extend(scope::check(&phase.plan, &changed));
        }
        let changes = workspaces.changes(task.id, base, head).await?;
        checks.extend(check_secrets(&changes));
        let paths = vec![".env".to_owned()];
        let has_env = !workspaces.present(task.id, paths).await?.is_empty();
        checks.extend(check_env_files(&changes, has_env));
    }
    Ok(checks)
}

async fn due_files(
    workspaces: &Workspaces,
    task: &Task,
    phase: &Phase,
) -> Result<Vec<Check>, WorkspaceError> {
    let mut checks = Vec::new();
    for due in phase.plan.due() {
        match workspaces.read(task.id, &due.path).await {
            Ok(content) => checks.extend(check_text(due, content.text.as_deref(), content.size)),
            Err(
                error @ (WorkspaceError::NotFound { .. }
                | WorkspaceError::Outside { .. }
                | WorkspaceError::NotAFile { .. }
                | WorkspaceError::Denied { .. }),
            ) => checks.push(check("deliverable", &due.path, false, error.to_string())),
            Err(error) => return Err(error),
        }
    }
    Ok(checks)
}

fn check_text(due: &DeliverableRule, text: Option<&str>, size: u64) -> Vec<Check> {
    let path = due.path.as_str();
    if size > RECORDED_FILE_LIMIT {
        let evidence = format!(
            "{path} has {size} bytes; files of more than {RECORDED_FILE_LIMIT} are not recorded, \
             so no review can show it"
        );
        return vec![check("deliverable", path, false, evidence)];
    }
    let Some(text) = text else {
        let evidence = format!("{path} is not readable text ({size} bytes)");
        return vec![check("deliverable", path, false, evidence)];
    };
    let length = text.trim().chars().count();
    let evidence = format!("{length} characters, at least {} are due", due.min_chars);
    let long_enough = length >= due.min_chars as usize;
    let mut checks = vec![check("deliverable", path, long_enough, evidence)];
    let extension = std::path::Path::new(path).extension();
    if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("md")) {
        let found = document::placeholder(text);
        let evidence = match &found {
            Some((line, word)) => format!("line {line} still says {word}"),
            None => "no placeholder left".to_owned(),
        };
        checks.push(check("placeholder", path, found.is_none(), evidence));
        let found = document::template_field(text);
        let evidence = match &found {
            Some((line, field)) => {
                format!("line {line} still has {field}, as a template leaves it to be filled in")
            }
            None => "no field of a template left".to_owned(),
        };
        checks.push(check("template", path, found.is_none(), evidence));
    }
    checks
}

/// Looks for secrets in the lines that were added. What a diff is too long for is not looked at,
/// and said so.
fn check_secrets(changes: &Diff) -> Vec<Check> {
    let mut checks = Vec::new();
    for file in &changes.files {
        for (line, kind) in secret::in_added_lines(file) {
            let evidence = format!("line {line} holds what looks like {kind}");
            checks.push(check("secret", &file.path, false, evidence));
        }
    }
    let (count, cut) = (changes.files.len(), changes.truncated);
    if checks.is_empty() && count > 0 {
        let rest = if cut {
            "; the changes are too long to be looked at whole"
        } else {
            ""
        };
        let evidence = format!("no known form of a secret in {count} changed files{rest}");
        checks.push(check("secret", "changed files", true, evidence));
    }
    named(checks, "secret")
}

/// A file with settings for one machine must be ignored by git: what is recorded is not ignored.
fn check_env_files(changes: &Diff, is_present: bool) -> Vec<Check> {
    let is_new = |file: &&FileDiff| {
        matches!(file.change, FileChange::Added | FileChange::Renamed) && is_env_file(&file.path)
    };
    let recorded = changes.files.iter().filter(is_new);
    let mut checks: Vec<_> = recorded
        .map(|file| {
            let evidence = "no .gitignore covers this file; its settings would be published";
            check("env_file", &file.path, false, evidence.to_owned())
        })
        .collect();
    if checks.is_empty() && is_present {
        let evidence = "git ignores it, or it was there before the phase began";
        checks.push(check("env_file", ".env", true, evidence.to_owned()));
    }
    named(checks, "env_file")
}

/// `.env` and `.env.local`, but no `.env.example`.
fn is_env_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_sample = ["example", "sample", "template", "dist", "defaults"]
        .iter()
        .any(|word| name.ends_with(word));
    name == ".env" || name.starts_with(".env.") && !is_sample
}

/// The first of many checks of a kind, with a word on the others.
fn named(mut checks: Vec<Check>, id: &str) -> Vec<Check> {
    let more = checks.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        checks.truncate(MAX_NAMED);
        let evidence = format!("and {more} more places");
        checks.push(check(id, "other files", false, evidence));
    }
    checks
}

fn check(id: &str, subject: &str, passed: bool, evidence: String) -> Check {
    Check {
        id: id.to_owned(),
        subject: subject.to_owned(),
        passed,
        evidence,
        suggestion: None,
        documents: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use app::api::{DiffLine, DiffLineKind, Hunk};

    use super::*;

    fn rule() -> DeliverableRule {
        DeliverableRule {
            path: "docs/a.md".to_owned(),
            min_chars: 10,
        }
    }

    fn failed(text: &str) -> Vec<String> {
        evidence(check_text(&rule(), Some(text), 0))
    }

    fn evidence(checks: Vec<Check>) -> Vec<String> {
        let failed = checks.into_iter().filter(|check| !check.passed);
        failed.map(|check| check.evidence).collect()
    }

    fn added(path: &str, lines: &[&str]) -> FileDiff {
        let lines = (1..).zip(lines).map(|(number, text)| DiffLine {
            kind: DiffLineKind::Added,
            old: None,
            new: Some(number),
            text: (*text).to_owned(),
        });
        FileDiff {
            path: path.to_owned(),
            old_path: None,
            change: FileChange::Added,
            mode: None,
            binary: false,
            additions: 0,
            deletions: 0,
            hunks: vec![Hunk {
                header: String::new(),
                lines: lines.collect(),
            }],
        }
    }

    fn diff(files: Vec<FileDiff>) -> Diff {
        Diff {
            base: String::new(),
            head: String::new(),
            files,
            truncated: false,
        }
    }

    #[test]
    fn a_text_that_is_too_short_is_found() {
        assert_eq!(failed("é é"), ["3 characters, at least 10 are due"]);
        assert!(failed("long enough it is").is_empty());
    }

    #[test]
    fn a_field_of_a_template_is_found_with_its_line() {
        let found = failed("# Idea: <name of the product>\n\nlong enough");
        assert!(found[0].starts_with("line 1 still has <name of the product>"));
    }

    #[test]
    fn what_is_not_text_is_no_deliverable() {
        let checks = check_text(&rule(), None, 7);
        assert!(!checks[0].passed && checks[0].evidence.contains("7 bytes"));
    }

    #[test]
    fn what_is_too_large_to_be_recorded_is_no_deliverable() {
        let text = Some("long enough it is");
        let checks = check_text(&rule(), text, RECORDED_FILE_LIMIT + 1);
        assert!(!checks[0].passed && checks[0].evidence.contains("33554433 bytes"));
        assert!(check_text(&rule(), text, RECORDED_FILE_LIMIT)[0].passed);
    }

    #[test]
    fn a_secret_is_named_by_its_place_and_never_repeated() {
        let key = format!("AKIA{}", "Q7RW3TZ5XJ2MNB4K");
        let files = vec![added("src/a.py", &["import os", &format!("key = '{key}'")])];
        let checks = check_secrets(&diff(files));
        assert_eq!(checks[0].subject, "src/a.py");
        assert_eq!(
            evidence(checks.clone()),
            ["line 2 holds what looks like an AWS access key"]
        );
        assert!(!checks[0].evidence.contains(&key));
        let clean = check_secrets(&diff(vec![added("src/a.py", &["import os"])]));
        assert!(clean[0].passed);
        assert!(check_secrets(&diff(Vec::new())).is_empty());
    }

    #[test]
    fn of_many_places_the_first_are_named_and_the_others_counted() {
        let line = format!("-----BEGIN {} KEY-----", "RSA PRIVATE");
        let files = (0..30)
            .map(|n| added(&format!("{n}.pem"), &[&line]))
            .collect();
        let checks = check_secrets(&diff(files));
        assert_eq!(checks.len(), MAX_NAMED + 1);
        assert_eq!(checks[MAX_NAMED].evidence, "and 10 more places");
    }

    #[test]
    fn settings_of_one_machine_must_be_ignored_by_git() {
        let files = vec![
            added("app/.env", &["A=1"]),
            added(".env.local", &["A=1"]),
            added(".env.example", &["A="]),
        ];
        let checks = check_env_files(&diff(files), true);
        let subjects: Vec<_> = checks.iter().map(|check| check.subject.as_str()).collect();
        assert_eq!(subjects, ["app/.env", ".env.local"]);
        assert!(checks.iter().all(|check| !check.passed));
        assert!(check_env_files(&diff(Vec::new()), true)[0].passed);
        assert!(check_env_files(&diff(Vec::new()), false).is_empty());
    }
}
