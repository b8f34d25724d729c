//! The commands that the mode `balanced` allows. Pure.

use std::path::{Path, PathBuf};

use app::domain::permission::{GrantedRule, PermissionRule};

use super::permission::{Denial, is_internal, resolve};
use super::permission_rule::{begins_with, prefix};
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
const GIT: [&str; 35] = [
    "--version",
    "add",
    "blame",
    "branch",
    "cat-file",
    "checkout",
    "cherry-pick",
    "clean",
    "commit",
    "describe",
    "diff",
    "fetch",
    "for-each-ref",
    "grep",
    "init",
    "log",
    "ls-files",
    "ls-tree",
    "merge",
    "merge-base",
    "mv",
    "rebase",
    "reflog",
    "reset",
    "restore",
    "rev-list",
    "rev-parse",
    "revert",
    "rm",
    "shortlog",
    "show",
    "show-ref",
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

/// What runs after these runs elsewhere, or is something else than it looks like: no rule for their
/// beginning allows them.
const UNFOLLOWED: [&str; 7] = [".", "cd", "eval", "exec", "popd", "pushd", "source"];

/// Programs that only show something, of the machine or of a file.
const SHOWERS: [&str; 30] = [
    ":",
    "arch",
    "b2sum",
    "cksum",
    "column",
    "df",
    "exit",
    "expr",
    "fold",
    "free",
    "groups",
    "hexdump",
    "id",
    "locale",
    "md5sum",
    "nl",
    "nproc",
    "od",
    "paste",
    "printenv",
    "ps",
    "readlink",
    "rev",
    "seq",
    "sha1sum",
    "sha256sum",
    "type",
    "uname",
    "which",
    "whoami",
];

/// What git may do without changing a file, unless an argument names one to write to.
const GIT_READERS: [&str; 17] = [
    "--version",
    "blame",
    "cat-file",
    "describe",
    "diff",
    "for-each-ref",
    "grep",
    "log",
    "ls-files",
    "ls-tree",
    "merge-base",
    "rev-list",
    "rev-parse",
    "shortlog",
    "show",
    "show-ref",
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

/// The commands that need no yes, in order: in the mode `strict` those that only show something.
pub fn listed_programs(is_strict: bool) -> Vec<String> {
    let with_git = |subcommands: &[&str]| -> Vec<String> {
        subcommands
            .iter()
            .map(|word| format!("git {word}"))
            .collect()
    };
    let own = |programs: &[&str]| -> Vec<String> {
        programs
            .iter()
            .map(|program| (*program).to_owned())
            .collect()
    };
    let mut all = if is_strict {
        [
            own(&READERS),
            own(&SHOWERS),
            own(&["find"]),
            with_git(&GIT_READERS),
        ]
        .concat()
    } else {
        let judged = ["cd", "find", "rm", "rmdir"];
        [
            own(&PROGRAMS),
            own(&TOOLS),
            own(&SHOWERS),
            own(&judged),
            with_git(&GIT),
        ]
        .concat()
    };
    all.sort_unstable();
    all.dedup();
    all
}

/// Where the commands of a line run.
pub(super) struct Place<'a> {
    workspace: &'a Path,
    current: PathBuf,
    is_sandboxed: bool,
    /// Only what changes nothing goes by itself.
    is_strict: bool,
    /// The beginnings of commands that a person has allowed.
    allowed: Vec<Vec<String>>,
}

impl<'a> Place<'a> {
    pub(super) fn new(
        workspace: &'a Path,
        is_sandboxed: bool,
        is_strict: bool,
        rules: &[GrantedRule],
    ) -> Self {
        let allowed = rules.iter().filter_map(|known| match &known.rule {
            PermissionRule::Command { begins_with } => prefix(begins_with.as_str()),
            _ => None,
        });
        Self {
            workspace,
            current: workspace.to_path_buf(),
            is_sandboxed,
            is_strict,
            allowed: allowed.collect(),
        }
    }

    /// What follows the words that a rule allows, if one does.
    fn allowed<'w>(&self, words: &'w [Word]) -> Option<&'w [Word]> {
        let is_followed = words
            .first()
            .is_some_and(|program| !UNFOLLOWED.contains(&program.text.as_str()));
        let rules = self.allowed.iter().filter(|rule| begins_with(words, rule));
        let longest = rules.filter(|_| is_followed).map(Vec::len).max()?;
        words.get(longest..)
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

/// Judges the commands of a line in order. What no yes can allow goes before what one can.
pub(super) fn judge(commands: &[SimpleCommand], place: &mut Place<'_>) -> Result<(), Denial> {
    let mut open = None;
    for command in commands {
        match one(command, place) {
            Err(denial @ Denial::Internal { .. }) => return Err(denial),
            Err(denial) => open = open.or(Some(denial)),
            Ok(()) => {}
        }
    }
    open.map_or(Ok(()), Err)
}

/// The commands of a line that a rule for their beginning would allow; `None` if that would not be
/// enough for the line.
pub(super) fn unlisted(
    commands: Vec<SimpleCommand>,
    place: &mut Place<'_>,
) -> Option<Vec<SimpleCommand>> {
    let mut unlisted = Vec::new();
    for command in commands {
        if one(&command, place).is_ok() {
            continue;
        }
        let bare = SimpleCommand {
            words: program_words(&command).to_vec(),
            files: Vec::new(),
        };
        let words = bare.words.iter().map(|word| word.text.clone());
        place.allowed.push(words.collect());
        let is_enough = one(&command, place).is_ok();
        place.allowed.pop();
        if !is_enough {
            return None;
        }
        unlisted.push(bare);
    }
    Some(unlisted)
}

/// A command without the variables that are set for it.
fn program_words(command: &SimpleCommand) -> &[Word] {
    let is_variable = |word: &&Word| assigned(word).is_some();
    let variables = command.words.iter().take_while(is_variable).count();
    &command.words[variables..]
}

/// Judges commands that [`judge`] allows, for an agent that nothing else keeps from writing.
pub(super) fn judge_reading(commands: &[SimpleCommand]) -> Result<(), Denial> {
    commands.iter().try_for_each(|command| {
        let written = command.files.iter().find(|file| file.text != "/dev/null");
        if let Some(file) = written {
            return Err(only_reading(&file.text));
        }
        match program_words(command).split_first() {
            Some((program, arguments)) if !only_reads(program, arguments) => {
                Err(only_reading(&program.text))
            }
            _ => Ok(()),
        }
    })
}

/// Whether a program writes no file.
fn only_reads(program: &Word, arguments: &[Word]) -> bool {
    let arguments: Vec<_> = arguments.iter().map(|word| word.text.as_str()).collect();
    match program.text.as_str() {
        "git" => {
            let subcommand = arguments.iter().find(|word| **word != "--no-pager");
            let named = ["--output", "-O", "--open-files-in-pager", "--ext-diff"];
            subcommand.is_some_and(|word| GIT_READERS.contains(word))
                && !arguments
                    .iter()
                    .any(|word| named.iter().any(|option| word.starts_with(option)))
        }
        "find" => !arguments.iter().any(|word| word.starts_with("-f")),
        "command" => matches!(arguments.first(), Some(&("-v" | "-V"))),
        "env" => arguments.is_empty(),
        program => READERS.contains(&program) || SHOWERS.contains(&program),
    }
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
            if place.is_strict {
                return Err(strict(&file.text));
            }
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
    arguments.iter().try_for_each(not_internal)?;
    let harmless = |words: &[Word], place: &Place<'_>| {
        let mut words = words.iter();
        words.try_for_each(|word| harmless(word, place))
    };
    let judged = listed(&program.text, arguments, place)
        .and_then(|()| harmless(arguments, place))
        .and_then(|()| {
            if place.is_strict && !only_reads(program, arguments) {
                return Err(strict(&program.text));
            }
            Ok(())
        });
    match (judged, place.allowed(words)) {
        // What goes beyond the words of the rule is judged as it would be of a listed program.
        (Err(Denial::Command { .. } | Denial::Strict { .. }), Some(rest)) => harmless(rest, place),
        (judged, _) => judged,
    }
}

fn strict(what: &str) -> Denial {
    Denial::Strict {
        tool: what.chars().take(100).collect(),
    }
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
        "command" | "env" if only_reads(&plain(program), arguments) => Ok(()),
        _ if PROGRAMS.contains(&program) || TOOLS.contains(&program) => Ok(()),
        _ if SHOWERS.contains(&program) => Ok(()),
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

fn plain(text: &str) -> Word {
    Word {
        text: text.to_owned(),
        is_expanded: false,
    }
}

/// The path that an argument may be.
fn path_in(argument: &Word) -> &str {
    match argument.text.split_once('=') {
        Some((option, value)) if option.starts_with('-') => value,
        _ => argument.text.as_str(),
    }
}

/// Git's own files are left alone in any case.
fn not_internal(argument: &Word) -> Result<(), Denial> {
    if is_internal(Path::new(path_in(argument))) {
        return Err(Denial::Internal {
            path: argument.text.clone(),
        });
    }
    Ok(())
}

/// Without a sandbox, what lies outside is left alone.
fn harmless(argument: &Word, place: &Place<'_>) -> Result<(), Denial> {
    let path = path_in(argument);
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
