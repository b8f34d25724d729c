//! All scenarios at hand: the built-in ones, and those of a directory that override them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use rust_embed::Embed;

use super::rules::Problem;
use super::scenario::Scenario;

/// No scenario needs more, and a wrong directory shouldn't be read into memory.
const MAX_FILES: usize = 2_000;
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Embed)]
#[folder = "scenarios"]
struct BuiltIn;

/// Checked scenarios by name, and the files that they write from.
#[derive(Debug)]
pub struct Scenarios {
    scenarios: BTreeMap<String, Scenario>,
    files: BTreeMap<String, String>,
}

/// Why scenarios can't be used. Every variant names the file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{path}: can't be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}: holds more than {MAX_FILES} files")]
    TooMany { path: PathBuf },
    #[error("{path}: larger than {MAX_FILE_BYTES} bytes")]
    TooLarge { path: PathBuf },
    #[error("{file}: is not UTF-8 text")]
    NotText { file: String },
    /// The source says line, column and reason.
    #[error("{file}: {source}")]
    Syntax {
        file: String,
        source: Box<toml::de::Error>,
    },
    #[error("{file}: line {line}: {problem}")]
    Rule {
        file: String,
        line: usize,
        problem: Problem,
    },
    #[error("{file} and {other} are both marked `default`")]
    TwoDefaults { file: String, other: String },
}

/// A conversation that names a scenario which doesn't exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no scenario is called {name:?}; there are: {known}")]
pub struct UnknownScenario {
    pub name: String,
    pub known: String,
}

impl Scenarios {
    /// The scenarios that come with the program.
    ///
    /// # Errors
    /// Only if a built-in file is wrong, which a test excludes.
    pub fn built_in() -> Result<Self, LoadError> {
        Self::from_files(built_in_files()?)
    }

    /// The built-in scenarios and those of a directory, which win by name.
    ///
    /// # Errors
    /// When the directory can't be read or one of its files is wrong.
    pub fn with_directory(directory: &Path) -> Result<Self, LoadError> {
        let mut files = built_in_files()?;
        read_directory(directory, "", &mut files)?;
        Self::from_files(files)
    }

    /// Takes `*.toml` at the top as scenarios and everything else as files that they write from.
    ///
    /// # Errors
    /// Names the first wrong file with line and reason.
    pub fn from_files(files: BTreeMap<String, String>) -> Result<Self, LoadError> {
        let mut scenarios = BTreeMap::new();
        for (file, source) in &files {
            let Some(name) = file
                .strip_suffix(".toml")
                .filter(|name| !name.contains('/'))
            else {
                continue;
            };
            let scenario: Scenario = toml::from_str(source).map_err(|error| LoadError::Syntax {
                file: file.clone(),
                source: Box::new(error),
            })?;
            scenario
                .check(&|path| files.contains_key(path))
                .map_err(|(offset, problem)| {
                    let line = source[..offset.min(source.len())].matches('\n').count() + 1;
                    LoadError::Rule {
                        file: file.clone(),
                        line,
                        problem,
                    }
                })?;
            scenarios.insert(name.to_owned(), scenario);
        }
        let mut defaults = scenarios.iter().filter(|(_, scenario)| scenario.default);
        if let (Some((file, _)), Some((other, _))) = (defaults.next(), defaults.next()) {
            return Err(LoadError::TwoDefaults {
                file: file.clone(),
                other: other.clone(),
            });
        }
        Ok(Self { scenarios, files })
    }

    /// Names and one-sentence descriptions.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        self.scenarios
            .iter()
            .map(|(name, scenario)| (name.as_str(), scenario.about.as_str()))
    }

    /// The content of a file beside the scenarios.
    pub fn file(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The scenario for a conversation: the one its prompts name last, else the first whose `match`
    /// fits a prompt, else the default one.
    ///
    /// # Errors
    /// When the named scenario doesn't exist.
    pub fn choose(&self, prompts: &[String]) -> Result<Option<(&str, &Scenario)>, UnknownScenario> {
        if let Some(name) = named_scenario(prompts) {
            let found = self.scenarios.get_key_value(name);
            return found
                .map(|(name, scenario)| Some((name.as_str(), scenario)))
                .ok_or_else(|| {
                    let known: Vec<_> = self.scenarios.keys().map(String::as_str).collect();
                    UnknownScenario {
                        name: name.to_owned(),
                        known: known.join(", "),
                    }
                });
        }
        let fits = |scenario: &Scenario| {
            let pattern = scenario.matches.as_ref();
            pattern.is_some_and(|pattern| prompts.iter().any(|text| pattern.is_match(text)))
        };
        let named = || {
            self.scenarios
                .iter()
                .map(|(name, scenario)| (name.as_str(), scenario))
        };
        let matching = named().find(|(_, scenario)| fits(scenario));
        Ok(matching.or_else(|| named().find(|(_, scenario)| scenario.default)))
    }
}

/// `scenario: NAME` alone on a line, or `[scenario: NAME]` anywhere: ordinary prose doesn't choose.
pub fn named_scenario(prompts: &[String]) -> Option<&str> {
    static DIRECTIVE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?im)(?:^[\s>]*scenario:[ \t]*([a-z0-9_-]+)\s*$|\[scenario:\s*([a-z0-9_-]+)\s*\])",
        )
        .expect("a constant expression")
    });
    let found = prompts
        .iter()
        .rev()
        .find_map(|text| DIRECTIVE.captures_iter(text).last())?;
    found
        .get(1)
        .or_else(|| found.get(2))
        .map(|name| name.as_str())
}

fn built_in_files() -> Result<BTreeMap<String, String>, LoadError> {
    BuiltIn::iter()
        .filter_map(|path| BuiltIn::get(&path).map(|file| (path.into_owned(), file)))
        .map(
            |(path, file)| match String::from_utf8(file.data.into_owned()) {
                Ok(text) => Ok((path, text)),
                Err(_) => Err(LoadError::NotText { file: path }),
            },
        )
        .collect()
}

fn read_directory(
    directory: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<(), LoadError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| LoadError::Read { path, source }
    };
    for entry in directory.read_dir().map_err(unreadable(directory))? {
        let entry = entry.map_err(unreadable(directory))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue; // what editors and file managers leave behind
        }
        let metadata = entry.metadata().map_err(unreadable(&path))?;
        if metadata.is_dir() {
            read_directory(&path, &format!("{name}/"), files)?;
        } else if metadata.len() > MAX_FILE_BYTES {
            return Err(LoadError::TooLarge { path });
        } else {
            let bytes = std::fs::read(&path).map_err(unreadable(&path))?;
            let text = String::from_utf8(bytes);
            let text = text.map_err(|_| LoadError::NotText {
                file: path.display().to_string(),
            })?;
            files.insert(name, text);
        }
        if files.len() > MAX_FILES {
            return Err(LoadError::TooMany {
                path: directory.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<Scenarios, LoadError> {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Scenarios::from_files(files.collect())
    }

    fn refusal(source: &str) -> String {
        load(&[("bad.toml", source)]).unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_scenarios_are_right() {
        let scenarios = Scenarios::built_in().unwrap();
        let names: Vec<_> = scenarios.list().map(|(name, _)| name).collect();
        for name in ["custom", "demo", "echo", "slow_bash"] {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
    }

    #[test]
    fn a_syntax_error_names_file_line_and_reason() {
        let text = refusal("about = 'x'\n[[turn]]\n[[turn.reply]]\nsay = 'hi'\nshout = 'hi'\n");
        assert!(
            text.contains("bad.toml") && text.contains("line 5"),
            "{text}"
        );
        assert!(text.contains("unknown field `shout`"), "{text}");
        let text = refusal("about = 'x'\n[[turn]]\nwhen = '('\n[[turn.reply]]\nsay = 'hi'\n");
        assert!(
            text.contains("line 3") && text.contains("unclosed group"),
            "{text}"
        );
    }

    #[test]
    fn a_broken_rule_names_file_line_and_reason() {
        let reply =
            |lines: &str| refusal(&format!("about = 'x'\n[[turn]]\n[[turn.reply]]\n{lines}\n"));
        let cases = [
            ("say = '{{nobody}}'", "unknown variable {{nobody}}"),
            ("delay_ms = 1", "an empty reply"),
            ("say = 'x'\nrepeat = 0", "start at 1"),
            ("say_times = 2\nthink = 'x'", "`say_times` without `say`"),
            (
                "tools = [{ write = { path = 'a', from = 'none.md' } }]",
                "no file none.md",
            ),
            (
                "tools = [{ write = { path = 'a' } }]",
                "either `content` or `from`",
            ),
            (
                "tools = [{ call = { name = 'x', input = 1 } }]",
                "has to be a table",
            ),
            (
                "fault = { status = { status = 200 } }",
                "no HTTP error status",
            ),
            (
                "fault = { status = { status = 429, headers = { 'a b' = '1' } } }",
                "can't be the name of a header",
            ),
            (
                "say = 'x'\nif = { prompt = 'x' }",
                "belongs to alternatives",
            ),
            ("say = 'x'\n[[turn.reply.or]]\nsay = 'y'", "needs an `if`"),
            (
                "say = 'x'\nexpect = [{ in = 'header', matches = 'x' }]",
                "an expectation needs",
            ),
        ];
        for (lines, reason) in cases {
            let text = reply(lines);
            assert!(
                text.contains("bad.toml: line 3") && text.contains(reason),
                "{lines}: {text}"
            );
        }
        assert!(refusal("about = 'x'\nturn = []").contains("at least one [[turn]]"));
    }

    #[test]
    fn only_one_scenario_is_the_default() {
        let source = "about = 'x'\ndefault = true\n[[turn]]\n[[turn.reply]]\nsay = 'x'\n";
        let error = load(&[("a.toml", source), ("b.toml", source)]).unwrap_err();
        assert!(matches!(error, LoadError::TwoDefaults { .. }));
    }

    #[test]
    fn a_directory_overrides_by_name_and_brings_its_own_files() {
        let directory = tempfile::tempdir().unwrap();
        let own = "about = 'mine'\n[[turn]]\n[[turn.reply]]\ntools = [{ write = { path = 'x', from = 'texts/x.md' } }]\n";
        std::fs::create_dir(directory.path().join("texts")).unwrap();
        std::fs::write(directory.path().join("texts/x.md"), "text").unwrap();
        std::fs::write(directory.path().join("echo.toml"), own).unwrap();
        let scenarios = Scenarios::with_directory(directory.path()).unwrap();
        assert!(scenarios.list().any(|entry| entry == ("echo", "mine")));
        assert!(scenarios.list().any(|(name, _)| name == "demo"));
        assert_eq!(scenarios.file("texts/x.md"), Some("text"));
    }

    #[test]
    fn a_scenario_is_named_by_a_line_of_its_own_or_in_brackets() {
        let named = |text: &str| named_scenario(&[text.to_owned()]).map(str::to_owned);
        assert_eq!(
            named("Build it.\nScenario: slow_bash  \nThanks").as_deref(),
            Some("slow_bash")
        );
        assert_eq!(
            named("Build it [scenario: echo] now").as_deref(),
            Some("echo")
        );
        assert_eq!(named("> scenario: echo").as_deref(), Some("echo"));
        assert_eq!(named("In this scenario: the user wins"), None);
        assert_eq!(named("Scenario: a user opens the page"), None);
    }

    #[test]
    fn the_last_directive_wins_and_an_unknown_one_is_refused() {
        let scenarios = Scenarios::built_in().unwrap();
        let chosen = |prompts: &[&str]| {
            let prompts: Vec<_> = prompts.iter().map(|text| (*text).to_owned()).collect();
            let chosen = scenarios.choose(&prompts);
            chosen.map(|chosen| chosen.map(|(name, _)| name.to_owned()))
        };
        let name = |name: &str| Ok(Some(name.to_owned()));
        assert_eq!(chosen(&["scenario: echo", "next"]), name("echo"));
        assert_eq!(chosen(&["scenario: echo", "scenario: demo"]), name("demo"));
        assert_eq!(chosen(&["[turn: phase 1 planning, opening]"]), name("demo"));
        assert_eq!(chosen(&["hello"]), name("custom"));
        assert_eq!(chosen(&["scenario: nothing"]).unwrap_err().name, "nothing");
    }
}
