//! Whether a phase has changed only what it may.

use app::domain::plan::PhasePlan;
use app::domain::task::Check;

const ID: &str = "scope";

/// Judges the paths that are different since the phase began.
pub fn check(plan: &PhasePlan, changed: &[String]) -> Vec<Check> {
    let written = plan.written();
    let outside = changed.iter().filter(|path| !plan.may_change(path));
    let checks: Vec<_> = outside
        .map(|path| {
            let evidence = format!(
                "the phase writes {written}; this file has to be as it was when the phase began, \
                 or away if it is new"
            );
            super::check(ID, path, false, evidence)
        })
        .collect();
    if checks.is_empty() {
        let count = changed.len();
        let evidence = format!("the phase writes {written}; {count} changed, all of them there");
        return vec![super::check(ID, "changed files", true, evidence)];
    }
    super::named(checks, ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(changed: &[&str]) -> Vec<Check> {
        let json = r#"{"id":"a","name":"A","aim":"x","writes":["docs/**"]}"#;
        let plan = serde_json::from_str(json).unwrap();
        let changed: Vec<_> = changed.iter().map(|path| (*path).to_owned()).collect();
        check(&plan, &changed)
    }

    #[test]
    fn what_lies_outside_is_named_and_fails() {
        let checks = checked(&["docs/a.md", "src/a.rs", "Cargo.toml"]);
        let subjects: Vec<_> = checks.iter().map(|check| check.subject.as_str()).collect();
        assert_eq!(subjects, ["src/a.rs", "Cargo.toml"]);
        assert!(checks.iter().all(|check| !check.passed));
        assert!(checks[0].evidence.contains("only `docs/**`"));
    }

    #[test]
    fn what_lies_inside_passes_with_the_count() {
        let checks = checked(&["docs/a.md"]);
        assert!(checks[0].passed && checks[0].evidence.contains("1 changed"));
        assert!(checked(&[])[0].passed);
    }

    #[test]
    fn of_very_many_files_the_first_are_named() {
        let paths: Vec<_> = (0..50).map(|n| format!("src/{n}.rs")).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let checks = checked(&paths);
        assert_eq!(checks.len(), super::super::MAX_NAMED + 1);
    }
}
