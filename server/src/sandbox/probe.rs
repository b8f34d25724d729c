//! Lets a process try to break out.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use uuid::Uuid;

use super::{BubblewrapProblem, Cell, bubblewrap};
use crate::agent::spawner::Spawner;

const LIMIT: Duration = Duration::from_secs(10);

/// A directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("ccs-probe-{}", Uuid::new_v4()));
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700).create(&path)?;
        for name in ["workspace", "config", "tmp", "home"] {
            builder.create(path.join(name))?;
        }
        Ok(Self(path.canonicalize()?))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed lies in the system's own temporary directory.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Starts a shell in bubblewrap that writes a file and kills a process outside, and sees whether
/// it could; and that it can work in its own place.
pub async fn bubblewrap(spawner: &Spawner) -> Result<(), BubblewrapProblem> {
    let scratch = Scratch::new().map_err(BubblewrapProblem::Preparation)?;
    let outside = scratch.0.join("outside");
    fs::write(&outside, "untouched").map_err(BubblewrapProblem::Preparation)?;
    let mut bystander = bystander(spawner)
        .await
        .map_err(BubblewrapProblem::Preparation)?;
    let target = bystander.id().unwrap_or_default();
    let output = attack(spawner, &scratch.0, &outside, target).await?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr)
            .trim()
            .chars()
            .take(300)
            .collect();
        return Err(BubblewrapProblem::Refused { stderr });
    }
    if !fs::read_to_string(&outside).is_ok_and(|text| text == "untouched") {
        return Err(BubblewrapProblem::Leaks { reached: "a file" });
    }
    if output.stdout.starts_with(b"seen") {
        return Err(BubblewrapProblem::Leaks {
            reached: "the list of processes",
        });
    }
    if !matches!(bystander.try_wait(), Ok(None)) {
        return Err(BubblewrapProblem::Leaks {
            reached: "a process",
        });
    }
    Ok(())
}

async fn bystander(spawner: &Spawner) -> io::Result<tokio::process::Child> {
    let mut command = Command::new("/bin/sleep");
    command
        .arg("30")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    spawner.spawn(command).await
}

async fn attack(
    spawner: &Spawner,
    scratch: &Path,
    outside: &Path,
    target: u32,
) -> Result<std::process::Output, BubblewrapProblem> {
    let cell = Cell {
        program: "/usr/bin/env".into(),
        workspace: scratch.join("workspace"),
        config: scratch.join("config"),
        tmp: scratch.join("tmp"),
        home: scratch.join("home"),
        read_only: Vec::new(),
        is_workspace_read_only: false,
    };
    let script = "echo inside > /workspace/inside || exit 9; \
                  (echo touched > \"$1\") 2>/dev/null; (cat \"$1\") 2>/dev/null && echo seen; \
                  test \"$2\" -gt 20 && test -e \"/proc/$2\" && echo seen; \
                  kill -9 \"$2\" 2>/dev/null; exit 0";
    let mut command = Command::new(bubblewrap::PROGRAM);
    command
        .args(bubblewrap::arguments(&cell))
        .args(["/bin/sh", "-c", script, "attack"])
        .arg(outside)
        .arg(target.to_string())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = spawner
        .spawn(command)
        .await
        .map_err(BubblewrapProblem::NotStarted)?;
    match timeout(LIMIT, child.wait_with_output()).await {
        Ok(output) => output.map_err(BubblewrapProblem::NotStarted),
        Err(_) => Err(BubblewrapProblem::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::{Sandbox, SandboxChoice, Tier};

    #[tokio::test]
    async fn the_trial_says_what_this_machine_can_do() {
        let sandbox = Sandbox::probe(SandboxChoice::Auto).await.unwrap();
        let is_installed = std::process::Command::new("bwrap")
            .arg("--version")
            .output()
            .is_ok();
        assert!(
            is_installed || sandbox.tier() == Tier::None,
            "{}",
            sandbox.explanation()
        );
    }
}
