//! Whether a tool may run, by the task's permission mode. Pure.
//!
//! What a mode leaves open is for a person to decide.
//!
//! This is courtesy, not containment: a listed command such as `make` can do anything. What keeps
//! an agent in its place is the sandbox.

use std::path::{Component, Path, PathBuf};

use app::domain::permission::{GrantedRule, PermissionMode, PermissionRule};
use app::domain::plan::PhasePlan;
use serde_json::Value;

use super::permission_rule;
use super::permitted_command::{self, Place};
use super::shell_command::{NotSimple, split};

/// Whether a tool may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allow,
    /// A person has to decide, for this reason.
    Ask(Denial),
    /// It may not.
    Deny(Denial),
}

/// Why a tool may not run; the text is for the agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The mode allows nothing that has to be asked for.
    #[error("The permission mode \"strict\" does not allow {tool} without a person's yes.")]
    Strict {
        /// The tool.
        tool: String,
    },
    /// The mode does not list the tool.
    #[error("The permission mode \"balanced\" does not allow {tool} without a person's yes.")]
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
    #[error("{path} is outside the work directory.")]
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
    #[error("The command can't be judged because {0}. Split it into simple commands.")]
    NotSimple(NotSimple),
    /// A program that is not listed.
    #[error("\"{command}\" is not among the commands that go without a person's yes.")]
    Command {
        /// The program, with its subcommand where that decides.
        command: String,
    },
    /// A word whose value only the shell knows.
    #[error("The command uses \"{word}\", whose value is not known beforehand.")]
    Expanded {
        /// The word.
        word: String,
    },
    /// A question that only a person can answer.
    #[error("{tool} needs a person's answer.")]
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

impl Denial {
    /// Whether a person's yes changes it.
    const fn is_open(&self) -> bool {
        match self {
            Self::Strict { .. }
            | Self::NotListed { .. }
            | Self::Outside { .. }
            | Self::NotSimple(_)
            | Self::Command { .. }
            | Self::Expanded { .. }
            | Self::NeedsPerson { .. } => true,
            Self::Internal { .. }
            | Self::NotInPhase { .. }
            | Self::Onlooker { .. }
            | Self::Argument { .. } => false,
        }
    }
}

/// What a task allows its agents.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    pub mode: PermissionMode,
    pub is_sandboxed: bool,
    /// The work directory as the agent sees it.
    pub workspace: &'a Path,
    /// What a person has allowed for the whole task.
    pub rules: &'a [GrantedRule],
}

impl Policy<'_> {
    /// Judges a call.
    pub fn decide(&self, tool: &str, input: &Value) -> Decision {
        match self.judge(tool, input) {
            Ok(()) => Decision::Allow,
            Err(denial) if denial.is_open() => Decision::Ask(denial),
            Err(denial) => Decision::Deny(denial),
        }
    }

    /// The rules that would allow a call which a person is asked for.
    pub fn offered(&self, tool: &str, input: &Value) -> Vec<PermissionRule> {
        let line = input.get("command").and_then(Value::as_str);
        let commands = line.and_then(|line| split(line).ok());
        let mut place = self.place();
        let denied =
            commands.and_then(|commands| permitted_command::unlisted(commands, &mut place));
        permission_rule::offered(tool, input, self.workspace, denied.as_deref())
    }

    fn judge(&self, tool: &str, input: &Value) -> Result<(), Denial> {
        if tool.starts_with("mcp__platform__") {
            return Ok(());
        }
        if tool == "AskUserQuestion" {
            return answered(tool, input);
        }
        let edited = edited_file(tool, input).transpose()?;
        let edited = edited.map(|path| inside(self.workspace, path));
        if let Some(Ok(path)) = &edited
            && is_internal(path)
        {
            return Err(Denial::Internal {
                path: path.display().to_string(),
            });
        }
        if self.mode == PermissionMode::Autonomous {
            return Ok(());
        }
        let judged = match edited {
            Some(_) if self.mode == PermissionMode::Strict => Err(Denial::Strict {
                tool: tool.to_owned(),
            }),
            Some(path) => path.map(|_| ()),
            None => self.unedited(tool, input),
        };
        match judged {
            Err(denial) if denial.is_open() && self.is_covered(tool, input) => Ok(()),
            judged => judged,
        }
    }

    fn is_covered(&self, tool: &str, input: &Value) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|known| permission_rule::covers(&known.rule, tool, input, self.workspace))
    }

    /// Judges a call that changes no file by itself.
    fn unedited(&self, tool: &str, input: &Value) -> Result<(), Denial> {
        match tool {
            // The tools of a subagent are judged one by one.
            "Task"
            | "Agent"
            | "TodoWrite"
            | "TaskCreate"
            | "TaskUpdate"
            | "TaskList"
            | "TaskGet"
            | "TaskOutput"
            | "TaskStop"
            | "Skill"
            | "ToolSearch"
            | "BashOutput"
            | "KillShell"
            | "EnterPlanMode"
            | "StructuredOutput"
            | "ListAgents"
            | "CronList"
            | "ReportFindings"
            | "ListMcpResourcesTool"
            | "ReadMcpResourceTool" => Ok(()),
            "ExitPlanMode" => Err(Denial::NeedsPerson {
                tool: tool.to_owned(),
            }),
            // A sandboxed agent sees nothing that it may not read.
            "Read" | "Glob" | "Grep" | "LS" if self.is_sandboxed => Ok(()),
            "Read" => inside(self.workspace, argument(tool, input, "file_path")?).map(|_| ()),
            "Glob" | "Grep" | "LS" => match input.get("path").and_then(Value::as_str) {
                Some(path) => inside(self.workspace, path).map(|_| ()),
                None => Ok(()),
            },
            "Bash" => {
                let commands =
                    split(argument(tool, input, "command")?).map_err(Denial::NotSimple)?;
                permitted_command::judge(&commands, &mut self.place())
            }
            _ if self.mode == PermissionMode::Strict => Err(Denial::Strict {
                tool: tool.to_owned(),
            }),
            _ => Err(Denial::NotListed {
                tool: tool.to_owned(),
            }),
        }
    }

    fn place(&self) -> Place<'_> {
        let is_strict = self.mode == PermissionMode::Strict;
        Place::new(self.workspace, self.is_sandboxed, is_strict, self.rules)
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
    let policy = Policy {
        mode: PermissionMode::Balanced,
        is_sandboxed,
        workspace,
        rules: &[],
    };
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
            policy.unedited(tool, input)?;
            let commands = split(argument(tool, input, "command")?).map_err(Denial::NotSimple)?;
            permitted_command::judge_reading(&commands)
        }
        _ => policy.unedited(tool, input),
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

/// Whether a call only reads a file that a person has given, below the folder `files`.
pub fn reads_given(tool: &str, input: &Value, files: &Path) -> bool {
    let path = input.get("file_path").and_then(Value::as_str);
    let is_below = |path: &str| path.starts_with('/') && inside(files, path).is_ok();
    tool == "Read" && path.is_some_and(is_below)
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
