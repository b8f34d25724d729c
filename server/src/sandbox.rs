//! What keeps an agent in its place, and finding out at start whether it holds.

pub mod bubblewrap;
mod probe;

use std::io;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::agent::spawner::Spawner;

/// The work directory as a sandboxed agent sees it. Fixed, so that conversations move between
/// machines.
pub const INNER_WORKSPACE: &str = "/workspace";

/// The home of a sandboxed agent as it sees it.
pub const INNER_HOME: &str = bubblewrap::INNER_HOME;

/// The wrapper that makes an unsandboxed process die with the server.
const SETPRIV: &str = "/usr/bin/setpriv";

/// What the configuration asks for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, derive_more::Display, derive_more::FromStr,
)]
#[display(rename_all = "snake_case")]
#[from_str(rename_all = "snake_case")]
pub enum SandboxChoice {
    /// The strongest that works here.
    #[default]
    Auto,
    /// Bubblewrap, or no start.
    Bwrap,
    /// None: agents can do what the server's user can do.
    None,
}

/// What agents run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub enum Tier {
    /// Namespaces of their own: nothing of the host but its programs and the agent's own
    /// directories is visible.
    #[display("bwrap")]
    Bwrap,
    /// Nothing.
    #[display("none")]
    None,
}

/// Why the sandbox that was asked for can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Bubblewrap was asked for and does not hold here.
    #[error("the bwrap sandbox was asked for and can't be used")]
    Bubblewrap(#[source] BubblewrapProblem),
    /// The system won't start a thread.
    #[error("the thread that starts agents can't be started")]
    Spawner(#[source] io::Error),
}

/// Why bubblewrap can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BubblewrapProblem {
    /// It is not installed, or can't be executed.
    #[error("bwrap can't be started; is the package bubblewrap installed?")]
    NotStarted(#[source] io::Error),
    /// It ended with an error: as a rule, the system forbids namespaces.
    #[error("bwrap does not work here: {stderr}")]
    Refused {
        /// What it said.
        stderr: String,
    },
    /// A process inside reached a file or a process outside.
    #[error("a trial process escaped from bwrap: it reached {reached} outside")]
    Leaks {
        /// What was reached.
        reached: &'static str,
    },
    /// It took too long.
    #[error("the trial of bwrap did not end in time")]
    TimedOut,
    /// The trial could not be prepared.
    #[error("the trial of bwrap could not be prepared")]
    Preparation(#[source] io::Error),
}

/// Starts processes inside the tier that was found at start.
#[derive(Clone, Debug)]
pub struct Sandbox {
    tier: Tier,
    spawner: Spawner,
    explanation: String,
}

/// What one agent's process may see. All paths are absolute and exist.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The program to run.
    pub program: PathBuf,
    /// The work directory, writable unless said otherwise.
    pub workspace: PathBuf,
    /// The agent's own configuration, writable.
    pub config: PathBuf,
    /// The agent's own `/tmp`, writable.
    pub tmp: PathBuf,
    /// The agent's own home, writable.
    pub home: PathBuf,
    /// More of the host, read-only, at the same place.
    pub read_only: Vec<PathBuf>,
    /// Nothing in the work directory can be changed.
    pub is_workspace_read_only: bool,
}

/// Where things are for the process inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The program.
    pub program: PathBuf,
    /// The work directory.
    pub workspace: PathBuf,
    /// The configuration.
    pub config: PathBuf,
    /// Temporary files.
    pub tmp: PathBuf,
    /// Home.
    pub home: PathBuf,
}

impl Sandbox {
    /// Finds out which tier holds here, by letting a process try to break out.
    pub async fn probe(choice: SandboxChoice) -> Result<Self, SandboxError> {
        let spawner = Spawner::start().map_err(SandboxError::Spawner)?;
        let unsandboxed = |explanation: String, spawner| Self {
            tier: Tier::None,
            spawner,
            explanation,
        };
        match choice {
            SandboxChoice::None => {
                let explanation = "The sandbox is switched off: agents can do whatever the \
                                   server's user can do.";
                Ok(unsandboxed(explanation.to_owned(), spawner))
            }
            SandboxChoice::Bwrap | SandboxChoice::Auto => match probe::bubblewrap(&spawner).await {
                Ok(()) => {
                    let explanation = "Agents run in bubblewrap: they see their workspace and the \
                                       system's programs, and nothing else of this machine."
                        .to_owned();
                    Ok(Self {
                        tier: Tier::Bwrap,
                        spawner,
                        explanation,
                    })
                }
                Err(problem) if choice == SandboxChoice::Bwrap => {
                    Err(SandboxError::Bubblewrap(problem))
                }
                Err(problem) => {
                    tracing::warn!(error = &problem as &dyn std::error::Error, "no sandbox");
                    let explanation = format!(
                        "There is no sandbox: {problem}. Agents can do whatever the server's user \
                         can do."
                    );
                    Ok(unsandboxed(explanation, spawner))
                }
            },
        }
    }

    /// What agents run in.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Whether anything keeps agents in their place.
    pub fn is_sandboxed(&self) -> bool {
        self.tier != Tier::None
    }

    /// What that means, for people.
    pub fn explanation(&self) -> &str {
        &self.explanation
    }

    /// The thread that starts processes.
    pub fn spawner(&self) -> &Spawner {
        &self.spawner
    }

    /// Where things are for a process in this cell.
    pub fn inside(&self, cell: &Cell) -> Inside {
        match self.tier {
            Tier::Bwrap => bubblewrap::inside(cell),
            Tier::None => Inside {
                program: cell.program.clone(),
                workspace: cell.workspace.clone(),
                config: cell.config.clone(),
                tmp: cell.tmp.clone(),
                home: cell.home.clone(),
            },
        }
    }

    /// A command that runs the cell's program; its arguments and environment are added by the
    /// caller. The environment is empty.
    pub fn command(&self, cell: &Cell) -> Command {
        let mut command = match self.tier {
            Tier::Bwrap => {
                let mut command = Command::new(bubblewrap::PROGRAM);
                command
                    .args(bubblewrap::arguments(cell))
                    .arg(bubblewrap::inside(cell).program);
                command
            }
            Tier::None if Path::new(SETPRIV).exists() => {
                let mut command = Command::new(SETPRIV);
                command
                    .args(["--pdeathsig", "KILL", "--"])
                    .arg(&cell.program);
                command.current_dir(&cell.workspace);
                command
            }
            Tier::None => {
                let mut command = Command::new(&cell.program);
                command.current_dir(&cell.workspace);
                command
            }
        };
        command.env_clear();
        command
    }

    /// The part of `path` (as in `PATH`) that exists for a process in this cell.
    pub fn visible_path(&self, cell: &Cell, path: &str) -> String {
        match self.tier {
            Tier::Bwrap => bubblewrap::visible_path(cell, path),
            Tier::None => path.to_owned(),
        }
    }
}
