//! The commands that the mode `balanced` allows. Pure.

use std::path::{Path, PathBuf};

use super::permission::{Denial, is_internal, resolve};
use super::shell_command::{SimpleCommand, Word};

/// Programs for everyday work. `git`, `find`, `rm` and `cd` are judged by their arguments.
const PROGRAMS: [&str; 79] = [
    "[", "ant", "awk", "basename", "black", "bun", "bundle", "cargo", "cat", "chmod", "clang",
    "cmake", "cmp", "comm", "composer", "cp", "ctest", "cut", "date", "deno", "diff", "dirname",
    "dotnet", "du", "echo", "eslint", "false", "file", "flake8", "g++", "gcc", "go", "gofmt",
    "gradle", "grep", "gunzip", "gzip", "head", "java", "javac", "jest", "jq", "ls", "make",
    "mkdir", "mv", "mvn", "mypy", "node", "npm", "npx", "pip", "pip3", "pnpm", "poetry",
    "prettier", "printf", "pwd", "pytest", "python", "python3", "realpath", "rg", "ruff", "rustc",
    "rustfmt", "sed", "sleep", "sort", "stat", "tail", "tar", "tee", "test", "touch", "tr", "true",
    "uniq", "wc",
];

/// More programs for everyday work, by language.
const TOOLS: [&str; 12] = [
    "gem",
    "ninja",
    "phpunit",
    "playwright",
    "rake",
    "rspec",
    "ruby",
    "swift",
    "tsc",
    "uv",
    "vitest",
    "yarn",
];

/// What git may do: nothing that leaves the machine or changes what runs by itself.
const GIT: [&str; 29] = [
    "add",
    "blame",
    "branch",
    "checkout",
    "cherry-pick",
    "clean",
    "commit",
    "describe",
    "diff",
    "fetch",
    "grep",
    "init",
    "log",
    "ls-files",
    "ls-tree",
    "merge",
    "mv",
    "rebase",
    "reset",
    "restore",
    "rev-list",
    "rev-parse",
    "revert",
    "rm",
    "shortlog",
    "show",
    "stash",
    "status",
    "switch",
];

/// What `find` may not do: run or delete.
const FIND_ACTIONS: [&str; 6] = ["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprintf"];

/// Programs that write no file, whatever their arguments say.
const READERS: [&str; 23] = [
    "[", "basename", "cat", "cd", "cmp", "comm", "cut", "diff", "dirname", "du", "echo", "false",
    "grep", "head", "ls", "printf", "pwd", "realpath", "stat", "tail", "test", "true", "wc",
];

/// What git may do without changing a file, unless an argument names one to write to.
const GIT_READERS: [&str; 12] = [
    "blame",
    "describe",
    "diff",
    "grep",
    "log",
    "ls-files",
    "ls-tree",
    "rev-list",
    "rev-parse",
    "shortlog",
    "show",
    "status",
];

/// Variables that change what a command means.
const LOADED: [&str; 6] = [
    "PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "NODE_OPTIONS",
    "PYTHONSTARTUP",
];

/// Where the commands of a line run.
pub(super) struct Place<'a> {
    workspace: &'a Path,
    current: PathBuf,
    is_sandboxed: bool,
}

impl<'a> Place<'a> {
    pub(super) fn new(workspace: &'a Path, is_sandboxed: bool) -> Self {
        Self {
            workspace,
            current: workspace.to_path_buf(),
            is_sandboxed,
        }
    }

    /// Where a path leads, relative to the work directory.
    fn inside(&self, path: &str) -> Result<PathBuf, Denial> {
        let outside = || Denial::Outside {
            path: path.chars().take(200).collect(),
        };
        let absolute = resolve(&self.current.join(path)).ok_or_else(outside)?;
        absolute
            .strip_prefix(self.workspace)
            .map(Path::to_path_buf)
            .map_err(|_| outside())
    }
}

/// Judges the commands of a line in order.
pub(super) fn judge(commands: &[SimpleCommand], place: &mut Place<'_>) -> Result<(), Denial> {
    commands.iter().try_for_each(|command| one(command, place))
}

/// Judges commands that [`judge`] allows, for an agent that nothing else keeps from writing.
pub(super) fn judge_reading(commands: &[SimpleCommand]) -> Result<(), Denial> {
    commands.iter().try_for_each(|command| {
        let written = command.files.iter().find(|file| file.text != "/dev/null");
        if let Some(file) = written {
            return Err(only_reading(&file.text));
        }
        let mut words = command
            .words
            .iter()
            .skip_while(|word| assigned(word).is_some());
        let Some(program) = words.next() else {
            return Ok(());
        };
        let arguments: Vec<_> = words.map(|word| word.text.as_str()).collect();
        let is_reading = match program.text.as_str() {
            "git" => {
                let subcommand = arguments.iter().find(|word| **word != "--no-pager");
                let named = ["--output", "-O", "--open-files-in-pager", "--ext-diff"];
                subcommand.is_some_and(|word| GIT_READERS.contains(word))
                    && !arguments
                        .iter()
                        .any(|word| named.iter().any(|option| word.starts_with(option)))
            }
            "find" => !arguments.iter().any(|word| word.starts_with("-f")),
            program => READERS.contains(&program),
        };
        if is_reading {
            Ok(())
        } else {
            Err(only_reading(&program.text))
        }
    })
}

fn only_reading(what: &str) -> Denial {
    Denial::Onlooker {
        tool: what.chars().take(100).collect(),
    }
}

fn one(command: &SimpleCommand, place: &mut Place<'_>) -> Result<(), Denial> {
    for file in &command.files {
        if file.text != "/dev/null" {
            changed_file(file, place)?;
        }
    }
    let assignments = command
        .words
        .iter()
        .take_while(|word| assigned(word).is_some())
        .count();
    let (variables, words) = command.words.split_at(assignments);
    for variable in variables.iter().filter_map(assigned) {
        let is_loaded = LOADED.contains(&variable);
        if is_loaded || variable.starts_with("LD_") || variable.starts_with("GIT_") {
            return Err(refused(variable));
        }
    }
    let Some((program, arguments)) = words.split_first() else {
        return Ok(());
    };
    if program.is_expanded {
        return Err(Denial::Expanded {
            word: program.text.clone(),
        });
    }
    listed(&program.text, arguments, place)?;
    arguments
        .iter()
        .try_for_each(|argument| harmless(argument, place))
}

fn listed(program: &str, arguments: &[Word], place: &mut Place<'_>) -> Result<(), Denial> {
    match program {
        "git" => git(arguments),
        "find" => {
            let action = arguments
                .iter()
                .find(|word| FIND_ACTIONS.contains(&word.text.as_str()));
            action.map_or(Ok(()), |action| {
                Err(refused(&format!("find {}", action.text)))
            })
        }
        "rm" | "rmdir" => {
            let files = arguments.iter().filter(|word| !word.text.starts_with('-'));
            files.into_iter().try_for_each(|file| {
                let path = changed_file(file, place)?;
                let is_everything = path.as_os_str().is_empty();
                if is_everything {
                    Err(refused(&format!("rm {}", file.text)))
                } else {
                    Ok(())
                }
            })
        }
        "cd" => match arguments {
            [directory] => {
                let path = known(directory).and_then(|path| place.inside(path))?;
                place.current = place.workspace.join(path);
                Ok(())
            }
            _ => Err(refused("cd")),
        },
        _ if PROGRAMS.contains(&program) || TOOLS.contains(&program) => Ok(()),
        _ => Err(refused(program)),
    }
}

fn git(arguments: &[Word]) -> Result<(), Denial> {
    let mut words = arguments.iter().map(|word| word.text.as_str());
    let subcommand = words.find(|word| *word != "--no-pager").unwrap_or_default();
    if GIT.contains(&subcommand) {
        Ok(())
    } else {
        Err(refused(&format!("git {subcommand}")))
    }
}

/// Where a file that is written, read by `<`, or deleted lies.
fn changed_file(file: &Word, place: &Place<'_>) -> Result<PathBuf, Denial> {
    let path = place.inside(known(file)?)?;
    if is_internal(&path) {
        return Err(Denial::Internal {
            path: file.text.clone(),
        });
    }
    Ok(path)
}

/// Git's own files are left alone in any case; without a sandbox, so is what lies outside.
fn harmless(argument: &Word, place: &Place<'_>) -> Result<(), Denial> {
    let path = match argument.text.split_once('=') {
        Some((option, value)) if option.starts_with('-') => value,
        _ => argument.text.as_str(),
    };
    if is_internal(Path::new(path)) {
        return Err(Denial::Internal {
            path: argument.text.clone(),
        });
    }
    if place.is_sandboxed {
        return Ok(());
    }
    let leads_elsewhere = path.starts_with('/') || path.split('/').any(|part| part == "..");
    if argument.is_expanded {
        return Err(Denial::Expanded {
            word: argument.text.clone(),
        });
    }
    if leads_elsewhere && path != "/dev/null" {
        place.inside(path)?;
    }
    Ok(())
}

fn known(word: &Word) -> Result<&str, Denial> {
    if word.is_expanded {
        return Err(Denial::Expanded {
            word: word.text.clone(),
        });
    }
    Ok(&word.text)
}

/// The name in `NAME=value`.
fn assigned(word: &Word) -> Option<&str> {
    let (name, _) = word.text.split_once('=')?;
    let mut characters = name.chars();
    let starts = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    (starts && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(name)
}

fn refused(command: &str) -> Denial {
    Denial::Command {
        command: command.chars().take(100).collect(),
    }
}
