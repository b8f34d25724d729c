//! A server on a data directory of its own.

use std::fs::{self, OpenOptions};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::http;

const READY_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running server. Killed when dropped.
pub struct Installation {
    pub addr: SocketAddr,
    /// From the start of its process to the first answer that it is ready.
    pub ready_after: Duration,
    data: TempDir,
    child: Child,
}

/// Which memory of a process.
#[derive(Clone, Copy)]
pub enum Memory {
    Now,
    Peak,
}

impl Installation {
    /// Starts a server on an empty data directory.
    pub async fn start(server: &Path, cli: &Path, agents: usize) -> anyhow::Result<Self> {
        Self::start_on(tempfile::tempdir()?, server, cli, agents).await
    }

    /// Starts a server on the data of an earlier one.
    pub async fn start_on(
        data: TempDir,
        server: &Path,
        cli: &Path,
        agents: usize,
    ) -> anyhow::Result<Self> {
        let log = data.path().join("server.log");
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let logged_before = usize::try_from(log.metadata()?.len())?;
        let mut command = Command::new(server);
        command
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", data.path())
            .env("CCS_ADDR", "127.0.0.1:0")
            .env("CCS_DATA_DIR", data.path())
            .env("CCS_CLAUDE_BIN", cli)
            .env("CCS_MAX_AGENTS", agents.to_string())
            // Nobody listens there: the benchmark's agents ask no model.
            .env("CCS_ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
            .env("CCS_ANTHROPIC_API_KEY", "none")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn().context("the server can't be started")?;
        let mut it = Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ready_after: Duration::ZERO,
            data,
            child,
        };
        it.wait_until_ready(started, logged_before).await?;
        Ok(it)
    }

    /// The port is the system's choice, and the log tells it.
    async fn wait_until_ready(&mut self, started: Instant, skip: usize) -> anyhow::Result<()> {
        loop {
            if self.addr.port() == 0
                && let Some(addr) = self.log().get(skip..).and_then(served_at)
            {
                self.addr = addr;
            }
            if self.addr.port() != 0
                && let Ok(answer) = http::get(self.addr, "/readyz", "").await
                && answer.status == 200
            {
                self.ready_after = started.elapsed();
                return Ok(());
            }
            if self.child.try_wait()?.is_some() || started.elapsed() > READY_LIMIT {
                bail!("the server did not become ready:\n{}", self.log());
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// The server's own log, for failure messages.
    pub fn log(&self) -> String {
        fs::read_to_string(self.data.path().join("server.log")).unwrap_or_default()
    }

    /// Resident memory of the server's process in bytes, where the system tells it.
    pub fn memory(&self, which: Memory) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let name = match which {
            Memory::Now => "VmRSS:",
            Memory::Peak => "VmHWM:",
        };
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    }

    /// Ends the server in order, and leaves its data.
    pub async fn stop(mut self) -> anyhow::Result<TempDir> {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        let pid = pid.context("the server has ended by itself")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let ended = timeout(STOP_LIMIT, self.child.wait()).await;
        let status = ended.context("the server did not end in time")??;
        if !status.success() {
            bail!("the server ended with {status}:\n{}", self.log());
        }
        Ok(self.data)
    }
}

/// The address in the log's line about it, once the line is whole.
fn served_at(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("serving http://")?;
    rest.split_once(char::is_whitespace)?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_a_whole_line_only() {
        let line = "INFO server: serving http://127.0.0.1:4321 bound=127.0.0.1:4321";
        assert_eq!(served_at(line), Some(([127, 0, 0, 1], 4321).into()));
        assert_eq!(served_at("INFO server: serving http://127.0.0.1:43"), None);
        assert_eq!(served_at("starting"), None);
    }
}
