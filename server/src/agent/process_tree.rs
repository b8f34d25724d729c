//! The processes of one agent, found in `/proc`.
//!
//! The CLI's commands run in sessions of their own, so a process group does not hold them. An agent
//! is therefore everything below its first process, and everything that carries its mark in the
//! environment: a daemon that has left the tree still has that.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

/// The variable that marks every process of an agent.
pub const MARK: &str = "CCS_AGENT_PROCESS";

/// How long killed processes may take to disappear.
const VANISH_LIMIT: Duration = Duration::from_secs(2);

/// A process, safe against a reused number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    pid: i32,
    /// Clock ticks after boot.
    started: u64,
}

struct Stat {
    parent: i32,
    state: char,
    started: u64,
}

/// The processes of one agent.
#[derive(Clone, Debug)]
pub struct ProcessTree {
    root: i32,
    mark: String,
}

impl ProcessTree {
    /// The tree below `root`, whose processes carry `mark`.
    pub fn new(root: i32, mark: String) -> Self {
        Self { root, mark }
    }

    /// Asks the CLI to end: the first process, or, where that is bubblewrap, which would not pass
    /// the signal on, the processes that its inner init has started.
    pub fn terminate(&self, sandboxed: bool) {
        if !sandboxed {
            send(self.root, Signal::TERM);
            return;
        }
        let processes = processes();
        let children = |parent: i32| {
            processes
                .iter()
                .filter(move |(_, stat)| stat.parent == parent)
                .map(|(pid, _)| *pid)
        };
        for init in children(self.root) {
            for pid in children(init) {
                send(pid, Signal::TERM);
            }
        }
    }

    /// Kills every process and waits until all are gone. Returns how many there were.
    pub async fn kill(&self) -> usize {
        let mut seen = BTreeSet::new();
        let deadline = Instant::now() + VANISH_LIMIT;
        loop {
            let alive = self.members(&seen);
            if alive.is_empty() {
                return seen.len();
            }
            for member in &alive {
                send(member.pid, Signal::KILL);
            }
            seen.extend(alive);
            if Instant::now() > deadline {
                tracing::error!(mark = self.mark, "processes of an agent can't be killed");
                return seen.len();
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every living process of the agent, among them those of `seen` that still live.
    fn members(&self, seen: &BTreeSet<Member>) -> BTreeSet<Member> {
        let processes = processes();
        let mut pids = BTreeSet::from([self.root]);
        let mut known = 0;
        while known < pids.len() {
            known = pids.len();
            let children = processes
                .iter()
                .filter(|(_, stat)| pids.contains(&stat.parent));
            let children: Vec<i32> = children.map(|(pid, _)| *pid).collect();
            pids.extend(children);
        }
        let entry = format!("{MARK}={}", self.mark);
        let of_agent = |member: &Member| {
            pids.contains(&member.pid)
                || seen.contains(member)
                || marked(member.pid, |mark| mark == entry)
        };
        living(&processes).filter(of_agent).collect()
    }
}

/// Kills whatever an earlier server has left behind under marks that start with `prefix`. Returns
/// how many there were.
pub async fn kill_marked(prefix: &str) -> usize {
    let entry = format!("{MARK}={prefix}");
    let mut killed = BTreeSet::new();
    let deadline = Instant::now() + VANISH_LIMIT;
    loop {
        let processes = processes();
        let left: BTreeSet<_> = living(&processes)
            .filter(|member| marked(member.pid, |mark| mark.starts_with(&entry)))
            .collect();
        if left.is_empty() || Instant::now() > deadline {
            return killed.len();
        }
        for member in &left {
            send(member.pid, Signal::KILL);
        }
        killed.extend(left);
        sleep(Duration::from_millis(20)).await;
    }
}

fn living(processes: &[(i32, Stat)]) -> impl Iterator<Item = Member> {
    let alive = processes
        .iter()
        .filter(|(_, stat)| !matches!(stat.state, 'Z' | 'X'));
    alive.map(|(pid, stat)| Member {
        pid: *pid,
        started: stat.started,
    })
}

fn processes() -> Vec<(i32, Stat)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?))).collect()
}

fn stat(pid: i32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, parentheses included.
    let (_, fields) = line.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Stat {
        parent,
        state,
        started,
    })
}

/// Whether the environment a process was started with has an entry that fits.
fn marked(pid: i32, fits: impl Fn(&str) -> bool) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
        return false;
    };
    let mut entries = environment.split(|byte| *byte == 0);
    entries.any(|entry| std::str::from_utf8(entry).is_ok_and(&fits))
}

fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid).filter(|pid| *pid != Pid::INIT) {
        // It may have ended in the meantime, which is what is wanted.
        kill_process(pid, signal).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;
    use tokio::process::Command;

    #[tokio::test]
    async fn a_daemon_that_left_the_tree_is_found_by_its_mark() {
        let mark = format!("test.{}", uuid::Uuid::new_v4());
        let mut child = Command::new("sh")
            .args([
                "-c",
                "setsid sh -c 'sleep 300 & sleep 300' & sleep 300 & wait",
            ])
            .env(MARK, &mark)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let root = i32::try_from(child.id().unwrap()).unwrap();
        let tree = ProcessTree::new(root, mark.clone());
        sleep(Duration::from_millis(200)).await;
        let killed = tree.kill().await;
        child.wait().await.unwrap();
        assert!(killed >= 4, "{killed}");
        assert_eq!(kill_marked(&mark).await, 0);
    }
}
