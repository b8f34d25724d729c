//! Whether a tool may run, by the task's permission mode. Pure.
//!
//! This is courtesy, not containment: a listed command such as `make` can do anything. What keeps
//! an agent in its place is the sandbox.

use std::path::{Component, Path, PathBuf};

use app::domain::permission::PermissionMode;
use app::domain::plan::PhasePlan;
use serde_json::Value;

use super::permitted_command::{self, Place};
use super::shell_command::{NotSimple, split};

/// What is said to the agent instead of asking a person.
const NOBODY_ASKED: &str =
    "Nobody can be asked at the moment. Do without it, or tell the person in your summary.";

/// Whether a tool may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allow,
    /// It may not.
    Deny(Denial),
}

/// Why a tool may not run; the text is for the agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The mode allows nothing that has to be asked for.
    #[error(
        "The permission mode \"strict\" does not allow {tool} without a person's yes. {NOBODY_ASKED}"
    )]
    Strict {
        /// The tool.
        tool: String,
    },
    /// The mode does not list the tool.
    #[error(
        "The permission mode \"balanced\" does not allow {tool} without a person's yes. {NOBODY_ASKED}"
    )]
    NotListed {
        /// The tool.
        tool: String,
    },
    /// A file that agents leave alone in every mode.
    #[error(
        "{path} belongs to git or to the platform and can't be changed. Use git's own commands."
    )]
    Internal {
        /// The file.
        path: String,
    },
    /// A file outside the work directory.
    #[error("{path} is outside the work directory. {NOBODY_ASKED}")]
    Outside {
        /// The file.
        path: String,
    },
    /// A file that the phase leaves as it is.
    #[error(
        "{path} is not to be changed in the phase {phase}, which writes {allowed}. All other files \
         are compared with how they were when it began."
    )]
    NotInPhase {
        /// The file.
        path: String,
        /// The phase's name.
        phase: String,
        /// What the phase may change.
        allowed: String,
    },
    /// A command line that can't be judged.
    #[error(
        "The command can't be judged because {0}. Split it into simple commands. {NOBODY_ASKED}"
    )]
    NotSimple(NotSimple),
    /// A program that is not listed.
    #[error(
        "The permission mode \"balanced\" does not allow \"{command}\" without a person's yes. {NOBODY_ASKED}"
    )]
    Command {
        /// The program, with its subcommand where that decides.
        command: String,
    },
    /// A word whose value only the shell knows.
    #[error("The command uses \"{word}\", whose value is not known beforehand. {NOBODY_ASKED}")]
    Expanded {
        /// The word.
        word: String,
    },
    /// A question that only a person can answer.
    #[error("{tool} needs a person's answer. {NOBODY_ASKED}")]
    NeedsPerson {
        /// The tool.
        tool: String,
    },
    /// The agent is there to look.
    #[error("You verify and change nothing: {tool} is not for you. Judge by what you can read.")]
    Onlooker {
        /// The tool, or the program that it would run.
        tool: String,
    },
    /// A call without its arguments.
    #[error("The call of {tool} has no \"{argument}\".")]
    Argument {
        /// The tool.
        tool: String,
        /// The missing argument.
        argument: &'static str,
    },
}

/// Judges a call that the CLI does not allow by itself. `workspace` is the work directory as the
/// agent sees it.
pub fn decide(
    mode: PermissionMode,
    is_sandboxed: bool,
    tool: &str,
    input: &Value,
    workspace: &Path,
) -> Decision {
    match judge(mode, is_sandboxed, tool, input, workspace) {
        Ok(()) => Decision::Allow,
        Err(denial) => Decision::Deny(denial),
    }
}

/// Judges a call of an agent that looks at the work directory and changes nothing, whatever the
/// task's mode. In a sandbox the work directory can't be written to, so everyday commands may run.
pub fn decide_onlooker(
    is_sandboxed: bool,
    tool: &str,
    input: &Value,
    workspace: &Path,
) -> Decision {
    match judge_onlooker(is_sandboxed, tool, input, workspace) {
        Ok(()) => Decision::Allow,
        Err(denial) => Decision::Deny(denial),
    }
}

fn judge_onlooker(
    is_sandboxed: bool,
    tool: &str,
    input: &Value,
    workspace: &Path,
) -> Result<(), Denial> {
    let refused = || Denial::Onlooker {
        tool: tool.to_owned(),
    };
    match tool {
        "mcp__platform__report_error" => Ok(()),
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" | "AskUserQuestion" | "ExitPlanMode" => {
            Err(refused())
        }
        _ if tool.starts_with("mcp__platform__") => Err(refused()),
        "Bash" if !is_sandboxed => {
            balanced(is_sandboxed, tool, input, workspace)?;
            let commands = split(argument(tool, input, "command")?).map_err(Denial::NotSimple)?;
            permitted_command::judge_reading(&commands)
        }
        _ => balanced(is_sandboxed, tool, input, workspace),
    }
}

/// Judges a call by what the phase may change, whatever the mode. Commands are not looked at here:
/// what they do shows when the phase is verified.
pub fn judge_phase(
    phase: &PhasePlan,
    tool: &str,
    input: &Value,
    workspace: &Path,
) -> Result<(), Denial> {
    let Some(Ok(edited)) = edited_file(tool, input) else {
        return Ok(());
    };
    let Ok(path) = inside(workspace, edited) else {
        return Ok(()); // not a file of the task
    };
    let path = path.display().to_string();
    if phase.may_change(&path) {
        return Ok(());
    }
    Err(Denial::NotInPhase {
        path,
        phase: phase.name.clone(),
        allowed: phase.written(),
    })
}

fn judge(
    mode: PermissionMode,
    is_sandboxed: bool,
    tool: &str,
    input: &Value,
    workspace: &Path,
) -> Result<(), Denial> {
    if tool.starts_with("mcp__platform__") {
        return Ok(());
    }
    if matches!(tool, "AskUserQuestion" | "ExitPlanMode") {
        return answered(tool, input);
    }
    let edited = edited_file(tool, input).transpose()?;
    let edited = edited.map(|path| inside(workspace, path));
    if let Some(Ok(path)) = &edited
        && is_internal(path)
    {
        return Err(Denial::Internal {
            path: path.display().to_string(),
        });
    }
    match mode {
        PermissionMode::Autonomous => Ok(()),
        PermissionMode::Strict => Err(Denial::Strict {
            tool: tool.to_owned(),
        }),
        PermissionMode::Balanced => match edited {
            Some(path) => path.map(|_| ()),
            None => balanced(is_sandboxed, tool, input, workspace),
        },
    }
}

fn balanced(is_sandboxed: bool, tool: &str, input: &Value, workspace: &Path) -> Result<(), Denial> {
    match tool {
        // The tools of a subagent are judged one by one.
        "Task" | "Agent" | "TodoWrite" | "TaskCreate" | "TaskUpdate" | "TaskList" | "TaskGet"
        | "TaskOutput" | "TaskStop" | "Skill" | "ToolSearch" | "BashOutput" | "KillShell" => Ok(()),
        // A sandboxed agent sees nothing that it may not read.
        "Read" | "Glob" | "Grep" | "LS" if is_sandboxed => Ok(()),
        "Read" => inside(workspace, argument(tool, input, "file_path")?).map(|_| ()),
        "Glob" | "Grep" | "LS" => match input.get("path").and_then(Value::as_str) {
            Some(path) => inside(workspace, path).map(|_| ()),
            None => Ok(()),
        },
        "Bash" => {
            let commands = split(argument(tool, input, "command")?).map_err(Denial::NotSimple)?;
            permitted_command::judge(&commands, &mut Place::new(workspace, is_sandboxed))
        }
        _ => Err(Denial::NotListed {
            tool: tool.to_owned(),
        }),
    }
}

/// A question may pass once it carries its answers.
fn answered(tool: &str, input: &Value) -> Result<(), Denial> {
    match input.get("answers").and_then(Value::as_object) {
        Some(answers) if !answers.is_empty() => Ok(()),
        _ => Err(Denial::NeedsPerson {
            tool: tool.to_owned(),
        }),
    }
}

/// The file that a call changes, if the tool is one that changes a file.
fn edited_file<'a>(tool: &str, input: &'a Value) -> Option<Result<&'a str, Denial>> {
    match tool {
        "Edit" | "MultiEdit" | "Write" => Some(argument(tool, input, "file_path")),
        "NotebookEdit" => Some(argument(tool, input, "notebook_path")),
        _ => None,
    }
}

fn argument<'a>(tool: &str, input: &'a Value, name: &'static str) -> Result<&'a str, Denial> {
    let value = input
        .get(name)
        .and_then(Value::as_str)
        .filter(|value| !value.is_empty());
    value.ok_or_else(|| Denial::Argument {
        tool: tool.to_owned(),
        argument: name,
    })
}

/// The path relative to `root`, resolved by its words alone; links are the sandbox's business.
pub(super) fn inside(root: &Path, path: &str) -> Result<PathBuf, Denial> {
    let outside = || Denial::Outside {
        path: path.chars().take(200).collect(),
    };
    let absolute = resolve(&root.join(path)).ok_or_else(outside)?;
    absolute
        .strip_prefix(root)
        .map(Path::to_path_buf)
        .map_err(|_| outside())
}

/// The path without `.` and `..`; `None` if it leads above the root.
pub(super) fn resolve(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    Some(resolved)
}

/// Whether a path, relative to the work directory, is git's or the platform's own.
pub(super) fn is_internal(path: &Path) -> bool {
    let is_git = path.components().any(|part| {
        part.as_os_str()
            .to_str()
            .is_some_and(|part| part.eq_ignore_ascii_case(".git"))
    });
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let is_settings =
        path.components().any(|part| part.as_os_str() == ".claude") && name.starts_with("settings");
    is_git || is_settings
}

#[cfg(test)]
#[path = "permission_tests.rs"]
mod tests;
