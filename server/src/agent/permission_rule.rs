//! What a person's rules for a task cover, and which ones would cover a call. Pure.

use std::path::{Path, PathBuf};

use app::domain::permission::{PermissionRule, RuleKind};
use app::domain::text::RuleText;
use serde_json::Value;

use super::permission::resolve;
use super::shell_command::{SimpleCommand, Word, split};

/// The most rules that a yes for the whole task makes.
const MOST_OFFERED: usize = 5;

/// Why a rule can't be kept; shown to people, after the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UselessRule {
    /// No single command begins with it.
    #[error("must be the beginning of one command, without variables and redirections")]
    NoCommand,
    /// A tool or a host is one word.
    #[error("must be one word")]
    NoWord,
    /// It leads above the root.
    #[error("must be a path")]
    NoPath,
}

/// Whether the rule can ever cover a call.
pub fn check(rule: &PermissionRule) -> Result<(), UselessRule> {
    let subject = rule.subject();
    let is_word = !subject.contains(char::is_whitespace);
    match rule.kind() {
        RuleKind::Command if prefix(subject).is_none() => Err(UselessRule::NoCommand),
        RuleKind::Fetch | RuleKind::Tool if !is_word => Err(UselessRule::NoWord),
        RuleKind::Edit | RuleKind::Read if place(Path::new("/"), subject).is_none() => {
            Err(UselessRule::NoPath)
        }
        _ => Ok(()),
    }
}

/// The words that commands have to begin with.
pub(super) fn prefix(text: &str) -> Option<Vec<String>> {
    let commands = split(text).ok()?;
    let [command] = commands.as_slice() else {
        return None;
    };
    let is_known = command.files.is_empty() && command.words.iter().all(|word| !word.is_expanded);
    let words = command.words.iter().map(|word| word.text.clone());
    (is_known && !command.words.is_empty()).then(|| words.collect())
}

/// Whether a command begins with these words, as they stand.
pub(super) fn begins_with(words: &[Word], prefix: &[String]) -> bool {
    let mut words = words.iter();
    prefix.iter().all(|wanted| {
        words
            .next()
            .is_some_and(|word| !word.is_expanded && word.text == *wanted)
    })
}

/// Whether the rule covers the call as a whole. Rules for the beginning of commands do so one by one.
pub(super) fn covers(rule: &PermissionRule, tool: &str, input: &Value, workspace: &Path) -> bool {
    let argument = |name: &str| input.get(name).and_then(Value::as_str);
    match rule {
        PermissionRule::Command { .. } => false,
        PermissionRule::Line { command } => {
            let asked = (tool == "Bash").then(|| argument("command")).flatten();
            asked.is_some_and(|asked| asked.parse::<RuleText>().as_ref() == Ok(command))
        }
        PermissionRule::Edit { path } => {
            let edited = match tool {
                "Edit" | "MultiEdit" | "Write" => argument("file_path"),
                "NotebookEdit" => argument("notebook_path"),
                _ => None,
            };
            edited.is_some_and(|edited| holds(path.as_str(), edited, workspace))
        }
        PermissionRule::Read { path } => {
            let read = match tool {
                "Read" => argument("file_path"),
                "Glob" | "Grep" | "LS" => argument("path"),
                _ => None,
            };
            read.is_some_and(|read| holds(path.as_str(), read, workspace))
        }
        PermissionRule::Fetch { host } => {
            let fetched = (tool == "WebFetch").then(|| argument("url")).flatten();
            let fetched = fetched.and_then(host_of);
            fetched.is_some_and(|fetched| fetched.eq_ignore_ascii_case(host.as_str()))
        }
        PermissionRule::Tool { tool: known } => known.as_str() == tool,
    }
}

/// Whether a rule's path is this file, or a folder above it.
fn holds(rule: &str, path: &str, workspace: &Path) -> bool {
    let (Some(kept), Some(asked)) = (place(workspace, rule), place(workspace, path)) else {
        return false;
    };
    kept == asked || rule.ends_with('/') && asked.starts_with(&kept)
}

fn place(workspace: &Path, path: &str) -> Option<PathBuf> {
    resolve(&workspace.join(path))
}

/// The host of a page, if the address says it plainly.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let host = &rest[..end];
    let is_plain = !host.is_empty() && !host.contains('@') && !host.contains('%');
    is_plain.then(|| host.split(':').next().unwrap_or(host))
}

/// The rules that would cover a call: `denied` are the commands of it that are not allowed anyway,
/// `None` if the line can't be taken apart or more than its commands is the matter.
pub(super) fn offered(
    tool: &str,
    input: &Value,
    workspace: &Path,
    denied: Option<&[SimpleCommand]>,
) -> Vec<PermissionRule> {
    let argument = |name: &str| input.get(name).and_then(Value::as_str);
    let path = |name: &str| {
        let path = place(workspace, argument(name)?)?;
        let path = path.strip_prefix(workspace).unwrap_or(&path);
        path.to_str().map(str::to_owned)
    };
    let one = |kind: RuleKind, subject: Option<String>| {
        let subject = subject.and_then(|subject| subject.parse::<RuleText>().ok());
        let rule = subject.map(|subject| kind.rule(subject));
        let rule = rule.filter(|rule| check(rule).is_ok());
        rule.into_iter().collect()
    };
    match tool {
        "Bash" => {
            if let Some(rules) = denied.and_then(beginnings) {
                return rules;
            }
            one(RuleKind::Line, argument("command").map(str::to_owned))
        }
        "Edit" | "MultiEdit" | "Write" => one(RuleKind::Edit, path("file_path")),
        "NotebookEdit" => one(RuleKind::Edit, path("notebook_path")),
        "Read" => one(RuleKind::Read, path("file_path")),
        "Glob" | "Grep" | "LS" => one(RuleKind::Read, path("path")),
        "WebFetch" => {
            let host = argument("url").and_then(host_of);
            one(RuleKind::Fetch, host.map(str::to_owned))
        }
        // A plan is one of its own.
        "ExitPlanMode" => Vec::new(),
        _ => one(RuleKind::Tool, Some(tool.to_owned())),
    }
}

/// One rule for each command; `None` if one of them can't be written down as it stands.
fn beginnings(denied: &[SimpleCommand]) -> Option<Vec<PermissionRule>> {
    let mut rules = Vec::new();
    for command in denied {
        if command.words.iter().any(|word| word.is_expanded) {
            return None;
        }
        let words: Vec<_> = command.words.iter().map(|word| word.text.clone()).collect();
        let text = words.iter().map(|word| quoted(word)).collect::<Vec<_>>();
        let text: RuleText = text.join(" ").parse().ok()?;
        // Read again it has to mean the same.
        if prefix(text.as_str()).as_ref() != Some(&words) {
            return None;
        }
        let rule = RuleKind::Command.rule(text);
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    (1..=MOST_OFFERED).contains(&rules.len()).then_some(rules)
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WORKSPACE: &str = "/workspace";

    fn rule(kind: RuleKind, subject: &str) -> PermissionRule {
        kind.rule(subject.parse().unwrap())
    }

    fn is_covered(kind: RuleKind, subject: &str, tool: &str, input: &Value) -> bool {
        covers(&rule(kind, subject), tool, input, Path::new(WORKSPACE))
    }

    #[test]
    fn a_path_covers_itself_and_with_a_slash_what_is_below() {
        let edits = |rule: &str, path: &str| {
            is_covered(RuleKind::Edit, rule, "Write", &json!({"file_path": path}))
        };
        assert!(edits("src/a.rs", "/workspace/src/a.rs"));
        assert!(edits("/workspace/src/./a.rs", "src/a.rs"));
        assert!(edits("src/", "src/deep/a.rs"));
        assert!(!edits("src", "src/a.rs"));
        assert!(!edits("src/", "src/../other.rs"));
        assert!(!edits("src/", "src2/a.rs"));
        assert!(!edits("src/a.rs", "/src/a.rs"));
        let read = json!({"file_path": "src/a.rs"});
        assert!(!is_covered(RuleKind::Edit, "src/", "Read", &read));
        assert!(is_covered(RuleKind::Read, "src/", "Read", &read));
    }

    #[test]
    fn hosts_tools_and_lines_are_covered_as_they_are() {
        let fetch =
            |url: &str| is_covered(RuleKind::Fetch, "docs.rs", "WebFetch", &json!({"url": url}));
        assert!(fetch("https://docs.rs/serde?x#y") && fetch("https://DOCS.rs:443/"));
        assert!(!fetch("https://docs.rs.example.org/") && !fetch("https://docs.rs@example.org/"));
        assert!(!fetch("https://example.org/docs.rs") && !fetch("docs.rs"));
        assert!(is_covered(
            RuleKind::Tool,
            "WebSearch",
            "WebSearch",
            &json!({})
        ));
        assert!(!is_covered(RuleKind::Tool, "WebSearch", "Bash", &json!({})));
        let line =
            |asked: &str| is_covered(RuleKind::Line, "a $(b)", "Bash", &json!({"command": asked}));
        assert!(line("a $(b)") && line(" a $(b)\n") && !line("a $(b) c"));
    }

    #[test]
    fn what_is_offered_covers_what_was_asked() {
        for (tool, input) in [
            ("Write", json!({"file_path": "/workspace/src/a b.rs"})),
            ("Write", json!({"file_path": "/opt/x"})),
            ("Read", json!({"file_path": "/etc/hosts"})),
            ("WebFetch", json!({"url": "https://docs.rs/serde"})),
            ("WebSearch", json!({"query": "x"})),
            ("Bash", json!({"command": "echo $(date)\necho"})),
        ] {
            let rules = offered(tool, &input, Path::new(WORKSPACE), None);
            let [rule] = rules.as_slice() else {
                panic!("{tool} {input}")
            };
            assert!(covers(rule, tool, &input, Path::new(WORKSPACE)), "{rule:?}");
        }
        assert_eq!(
            offered("ExitPlanMode", &json!({}), Path::new("/"), None),
            []
        );
    }

    #[test]
    fn a_commands_rule_has_its_words_and_can_be_read_again() {
        for (line, expected) in [
            ("curl -sS http://x/", Some("curl -sS http://x/")),
            ("git commit -m 'it''s a b'", Some("git commit -m 'its a b'")),
            (r#"say "don't" ''"#, Some(r"say 'don'\''t' ''")),
            ("curl $URL", None),
            ("curl ~/x", None),
        ] {
            let commands = split(line).unwrap();
            let rules = beginnings(&commands);
            let subject = rules.as_ref().map(|rules| rules[0].subject());
            assert_eq!(subject, expected, "{line}");
            let prefix = expected.and_then(prefix);
            assert!(prefix.is_none_or(|prefix| begins_with(&commands[0].words, &prefix)));
        }
    }

    #[test]
    fn a_rule_that_could_never_cover_anything_is_refused() {
        for (kind, subject, is_useful) in [
            (RuleKind::Command, "npm publish", true),
            (RuleKind::Command, "npm publish && ls", false),
            (RuleKind::Command, "curl $X", false),
            (RuleKind::Command, "curl > x", false),
            (RuleKind::Line, "a && $(b)", true),
            (RuleKind::Tool, "WebSearch", true),
            (RuleKind::Tool, "Web Search", false),
            (RuleKind::Edit, "src/", true),
            (RuleKind::Edit, "../..", false),
        ] {
            let checked = check(&rule(kind, subject));
            assert_eq!(checked.is_ok(), is_useful, "{kind} {subject}");
        }
    }
}
