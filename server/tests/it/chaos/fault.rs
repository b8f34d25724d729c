//! What can go wrong, and doing it.

use std::cell::Cell;
use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tokio::time::{Instant, sleep};

use crate::installation::Installation;

/// Longer than the lease of two seconds that the rounds work with.
const LONGER_THAN_THE_LEASE: Duration = Duration::from_secs(3);

/// A call of a tool begins within that time, unless the task is over.
const UNTIL_A_TOOL_RUNS: Duration = Duration::from_secs(5);

/// The size of the disk of a server whose disk is to be full.
pub const SMALL_DISK_BYTES: u64 = 96 * 1024 * 1024;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    ServerKilled,
    AgentKilled,
    ToolKilled,
    ServerFrozen,
    RunTakenOver,
    DiskFull,
    DatabaseLocked,
    DatabaseRestarted,
    ChunkDamaged,
}

impl Kind {
    pub const OF_SQLITE: [Self; 8] = [
        Self::ServerKilled,
        Self::AgentKilled,
        Self::ToolKilled,
        Self::ServerFrozen,
        Self::RunTakenOver,
        Self::DiskFull,
        Self::DatabaseLocked,
        Self::ChunkDamaged,
    ];

    pub const OF_POSTGRES: [Self; 8] = [
        Self::ServerKilled,
        Self::AgentKilled,
        Self::ToolKilled,
        Self::ServerFrozen,
        Self::RunTakenOver,
        Self::DiskFull,
        Self::DatabaseRestarted,
        Self::ChunkDamaged,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerKilled => "server killed",
            Self::AgentKilled => "agent killed",
            Self::ToolKilled => "tool of the agent killed",
            Self::ServerFrozen => "server frozen for longer than its lease",
            Self::RunTakenOver => "run taken over while the server was frozen",
            Self::DiskFull => "disk full",
            Self::DatabaseLocked => "database locked",
            Self::DatabaseRestarted => "database shut down at once, and restarted",
            Self::ChunkDamaged => "server killed, last log chunk damaged",
        }
    }
}

/// A fault, and when it comes.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub kind: Kind,
    pub seed: u64,
    /// After the task has begun to run.
    pub after: Duration,
    /// For faults that last.
    pub lasts: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Damage {
    /// Log lines that were damaged by hand, first and last.
    pub lines: Option<(u64, u64)>,
    /// How long processes of agents were there after the server was killed.
    pub orphaned: Duration,
}

impl Fault {
    /// What the seed says.
    pub fn planned(kind: Kind, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        Self {
            kind,
            seed,
            after: Duration::from_millis(random.random_range(500..4_000)),
            lasts: Duration::from_millis(random.random_range(1_000..4_000)),
        }
    }

    /// Breaks it, and mends it as an operator would, who does no more than to start again what
    /// has ended.
    pub async fn strike(&self, it: &mut Installation, task: &str) -> Damage {
        let mut damage = Damage::default();
        match self.kind {
            Kind::ServerKilled => {
                damage.orphaned = kill_server(it).await;
                it.start_server().await;
            }
            Kind::AgentKilled => kill_one(it, |command| command.contains("/claude ")).await,
            Kind::ToolKilled => kill_one(it, |command| command.contains("awk BEGIN")).await,
            Kind::ServerFrozen => {
                freeze(it, sleep(LONGER_THAN_THE_LEASE)).await;
            }
            Kind::RunTakenOver => take_over_while_frozen(it, task).await,
            Kind::DiskFull => fill_disk(it, self.lasts).await,
            Kind::DatabaseLocked => lock(it, self.lasts).await,
            Kind::DatabaseRestarted => restart_database(it).await,
            Kind::ChunkDamaged => {
                damage.orphaned = kill_server(it).await;
                damage.lines = damage_last_chunk(it, task).await;
                it.start_server().await;
            }
        }
        damage
    }
}

/// Kills the server; how long its agents outlived it.
async fn kill_server(it: &mut Installation) -> Duration {
    it.kill_server().await;
    let killed = Instant::now();
    while !it.agent_processes().is_empty() && killed.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(20)).await;
    }
    killed.elapsed()
}

/// Kills the first process of an agent that is meant, as soon as there is one.
async fn kill_one(it: &Installation, is_meant: impl Fn(&str) -> bool) {
    let began = Instant::now();
    while began.elapsed() < UNTIL_A_TOOL_RUNS {
        for process in it.agent_processes() {
            let (pid, command) = process.split_once(": ").unwrap();
            // The sandbox's own process has the whole command line of what it runs.
            if !command.starts_with("bwrap") && !command.contains("/bwrap ") && is_meant(command) {
                // It may have ended just now.
                kill_process(pid_of(pid.parse().unwrap()), Signal::KILL).ok();
                return;
            }
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("no such process: {:?}", it.agent_processes());
}

fn pid_of(number: i32) -> Pid {
    Pid::from_raw(number).unwrap()
}

async fn freeze(it: &Installation, meanwhile: impl Future<Output = ()>) {
    let server = pid_of(it.server_pid());
    kill_process(server, Signal::STOP).unwrap();
    meanwhile.await;
    kill_process(server, Signal::CONT).unwrap();
}

/// What another server does that claims the run of a task, and is gone at once.
async fn take_over_while_frozen(it: &Installation, task: &str) {
    let database = it.connection().await;
    let is_task = match database.get_database_backend() {
        DbBackend::Sqlite => {
            // Frozen in the middle of a transaction, the server would hold its lock for as long.
            let patience = "PRAGMA busy_timeout = 50";
            database.execute_unprepared(patience).await.unwrap();
            format!("hex(task_id) = upper('{}')", task.replace('-', ""))
        }
        _ => format!("task_id = '{task}'::uuid"),
    };
    let is_taken_over = Cell::new(false);
    while !is_taken_over.get() {
        let now = chrono::Utc::now().timestamp_millis();
        let sql = format!(
            "UPDATE jobs SET lease_epoch = lease_epoch + 1, lease_owner = 'another server', \
             lease_until_ms = {now} + 2000 WHERE kind = 'run' AND {is_task} AND state = 'leased'"
        );
        freeze(it, async {
            let taken = tokio::time::timeout(
                Duration::from_millis(200),
                database.execute_unprepared(&sql),
            );
            if taken.await.is_ok_and(|taken| taken.is_ok()) {
                is_taken_over.set(true);
                sleep(LONGER_THAN_THE_LEASE).await;
            }
        })
        .await;
        sleep(Duration::from_millis(5)).await;
    }
    database.close().await.unwrap();
}

/// Writes until nothing more goes onto the server's disk, and takes it away again.
async fn fill_disk(it: &Installation, lasts: Duration) {
    let path = it.data_seen_from_outside().join("filler");
    let mut filler = File::create(&path).unwrap();
    let block = vec![0_u8; 64 * 1024];
    while filler.write_all(&block).is_ok() {}
    let until = Instant::now() + lasts;
    while Instant::now() < until {
        // What the server has freed meanwhile.
        while filler.write_all(&block[..4096]).is_ok() {}
        sleep(Duration::from_millis(50)).await;
    }
    drop(filler);
    std::fs::remove_file(path).unwrap();
}

/// Holds SQLite's lock for writing.
async fn lock(it: &Installation, lasts: Duration) {
    let database = it.connection().await;
    database
        .execute_unprepared("BEGIN IMMEDIATE")
        .await
        .unwrap();
    sleep(lasts + LONGER_THAN_THE_LEASE).await;
    database.execute_unprepared("ROLLBACK").await.unwrap();
    database.close().await.unwrap();
}

/// Ends PostgreSQL as `pg_ctl stop -m immediate` does. The test command starts it again.
async fn restart_database(it: &Installation) {
    let url = it.database_url();
    let database = Database::connect(&url).await.unwrap();
    let backend = database.get_database_backend();
    let asked = Statement::from_string(backend, "SELECT pg_backend_pid() AS pid");
    let row = database.query_one_raw(asked).await.unwrap().unwrap();
    let worker: i32 = row.try_get("", "pid").unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{worker}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let postmaster: i32 = rest.split(' ').nth(1).unwrap().parse().unwrap();
    kill_process(pid_of(postmaster), Signal::QUIT).unwrap();
    drop(database);
    let began = Instant::now();
    // Not the one that is just ending.
    sleep(Duration::from_millis(300)).await;
    while Database::connect(&url).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "it stays away");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Overwrites the newest part of a task's log; the numbers of its lines.
async fn damage_last_chunk(it: &Installation, task: &str) -> Option<(u64, u64)> {
    let database = it.connection().await;
    let task = task.replace('-', "");
    let (is_task, garbage) = match database.get_database_backend() {
        DbBackend::Sqlite => (format!("hex(task_id) = upper('{task}')"), "X'00FF00FF'"),
        _ => (format!("task_id = '{task}'::uuid"), "'\\x00ff00ff'::bytea"),
    };
    let last = format!("SELECT MAX(first_seq) FROM log_chunks WHERE {is_task}");
    let find = format!(
        "SELECT first_seq, last_seq FROM log_chunks WHERE {is_task} AND first_seq = ({last})"
    );
    let asked = Statement::from_string(database.get_database_backend(), find);
    let row = database.query_one_raw(asked).await.unwrap()?;
    let first: i64 = row.try_get("", "first_seq").unwrap();
    let end: i64 = row.try_get("", "last_seq").unwrap();
    let sql =
        format!("UPDATE log_chunks SET bytes = {garbage} WHERE {is_task} AND first_seq = {first}");
    assert_eq!(
        database
            .execute_unprepared(&sql)
            .await
            .unwrap()
            .rows_affected(),
        1
    );
    database.close().await.unwrap();
    Some((u64::try_from(first).unwrap(), u64::try_from(end).unwrap()))
}
