//! The processes of one agent, found in `/proc`.
//!
//! The CLI's commands run in sessions of their own, so a process group does not hold them. An agent
//! is therefore everything below its first process, and everything that carries its mark in the
//! environment: a daemon that has left the tree still has that.

use std::collections::BTreeSet;
use std::fs;
use std::io;
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
#[derive(Debug)]
pub struct ProcessTree {
    /// The first process, until it is reaped: its number may be somebody else's from then on.
    root: Option<Member>,
    mark: String,
}

impl ProcessTree {
    /// The tree below the process `root`, a child that was not waited for yet. Its processes carry
    /// `mark`.
    pub fn new(root: u32, mark: String) -> io::Result<Self> {
        let pid = i32::try_from(root).map_err(io::Error::other)?;
        let stat = stat(pid).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let root = Some(Member {
            pid,
            started: stat.started,
        });
        Ok(Self { root, mark })
    }

    /// The first process was waited for. What is left of the tree is known by its mark alone.
    pub fn root_is_reaped(&mut self) {
        self.root = None;
    }

    /// Asks the CLI to end: the first process, or, where that is bubblewrap, which would not pass
    /// the signal on, the processes that its inner init has started.
    pub fn terminate(&self, sandboxed: bool) {
        let processes = processes();
        let Some(root) = self.living_root(&processes) else {
            return;
        };
        if !sandboxed {
            send(root, Signal::TERM);
            return;
        }
        let children = |parent: i32| {
            processes
                .iter()
                .filter(move |(_, stat)| stat.parent == parent)
                .map(|(pid, _)| *pid)
        };
        for init in children(root) {
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

    /// Stops every process where it is, and waits until all of them stand still. One that is just
    /// being made is found when it is looked again.
    pub async fn hold(&self) {
        let deadline = Instant::now() + VANISH_LIMIT;
        loop {
            let mut members = self.members(&BTreeSet::new());
            members.retain(is_moving);
            if members.is_empty() {
                return;
            }
            for member in &members {
                send(member.pid, Signal::STOP);
            }
            if Instant::now() > deadline {
                tracing::warn!(mark = self.mark, "processes of an agent don't stand still");
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets every process go on.
    pub fn release(&self) {
        for member in self.members(&BTreeSet::new()) {
            send(member.pid, Signal::CONT);
        }
    }

    /// Every living process of the agent, among them those of `seen` that still live.
    fn members(&self, seen: &BTreeSet<Member>) -> BTreeSet<Member> {
        let processes = processes();
        let mut pids = BTreeSet::from_iter(self.living_root(&processes));
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

    /// The number of the first process, if that is still the one it was.
    fn living_root(&self, processes: &[(i32, Stat)]) -> Option<i32> {
        let root = self.root?;
        let found = processes.iter().find(|(pid, _)| *pid == root.pid)?;
        (found.1.started == root.started).then_some(root.pid)
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

/// Whether a process is there and does not stand still.
fn is_moving(member: &Member) -> bool {
    stat(member.pid).is_some_and(|stat| {
        stat.started == member.started && !matches!(stat.state, 'T' | 't' | 'Z' | 'X')
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
        let tree = ProcessTree::new(child.id().unwrap(), mark.clone()).unwrap();
        sleep(Duration::from_millis(200)).await;
        let killed = tree.kill().await;
        child.wait().await.unwrap();
        assert!(killed >= 4, "{killed}");
        assert_eq!(kill_marked(&mark).await, 0);
    }

    #[tokio::test]
    async fn a_tree_that_is_held_stands_still_and_goes_on() {
        let folder = tempfile::TempDir::new().unwrap();
        let ticks = folder.path().join("ticks");
        let script = format!(
            "setsid sh -c 'while :; do echo tick >> {0}; sleep 0.02; done' & wait",
            ticks.display()
        );
        let mark = format!("test.{}", uuid::Uuid::new_v4());
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .env(MARK, &mark)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let tree = ProcessTree::new(child.id().unwrap(), mark).unwrap();
        let count = || fs::read_to_string(&ticks).unwrap_or_default().len();
        while count() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        tree.hold().await;
        let held = count();
        sleep(Duration::from_millis(300)).await;
        assert_eq!(count(), held, "it stands still");
        tree.release();
        while count() == held {
            sleep(Duration::from_millis(5)).await;
        }
        // What stands still can be killed.
        tree.hold().await;
        assert!(tree.kill().await >= 2);
        child.wait().await.unwrap();
    }

    #[tokio::test]
    async fn a_process_that_got_the_number_of_the_root_is_left_alone() {
        let sleeper = || {
            Command::new("sleep")
                .arg("300")
                .stdin(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .unwrap()
        };
        let mut stranger = sleeper();
        let mark = format!("test.{}", uuid::Uuid::new_v4());
        let mut tree = ProcessTree::new(stranger.id().unwrap(), mark).unwrap();
        // As if the agent had begun earlier under the same number.
        let root = tree.root.as_mut().unwrap();
        root.started -= 1;
        tree.terminate(false);
        assert_eq!(tree.kill().await, 0);
        tree.root_is_reaped();
        assert_eq!(tree.kill().await, 0);
        assert!(stranger.try_wait().unwrap().is_none(), "it lives");
    }

    #[test]
    fn a_tree_needs_a_root_that_is_there() {
        assert!(ProcessTree::new(u32::MAX, String::new()).is_err());
        assert!(ProcessTree::new(0, String::new()).is_err());
    }
}
