//! The queue against a model of it: whatever people, runs, crashes and the clock do, each claim is the one
//! that a plain look at all rows would choose.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use app::domain::id::TaskId;
use app::domain::task::{Actor, NewTask, Priority, RunEnd, TaskCommand, TaskEdit, TaskEvent};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use server::jobs::{Caps, Claim};
use server::store::{Append, Fence, Store, StoreError};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::support::database::TestDatabase;
use crate::support::task::{act, conversation, create, new_task, run_id};

const HOUR_MS: i64 = 60 * 60 * 1000;
const LEASE: Duration = Duration::from_hours(1);
const CAPS: Caps = Caps {
    overall: 4,
    per_owner: 2,
};
const OWNERS: u8 = 3;
const PROCESSES: [&str; 2] = ["one", "two"];
const PRIORITIES: [Priority; 4] = [
    Priority::Low,
    Priority::Normal,
    Priority::High,
    Priority::Critical,
];

/// What happens; numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create {
        owner: u8,
        priority: u8,
        waits_for: Option<u8>,
    },
    Claim {
        process: u8,
    },
    Complete(u8),
    Fail(u8),
    /// The process dies: its runs write no more in time, and too late all the same.
    Kill(u8),
    Release(u8),
    Cancel(u8),
    Prioritise(u8, u8),
    WaitFor(u8, u8),
    PutBefore(u8, u8),
    Pass {
        hours: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<u8>;
    prop_oneof![
        5 => (0..OWNERS, 0..4_u8, prop::option::weighted(0.3, any()))
            .prop_map(|(owner, priority, waits_for)| Step::Create { owner, priority, waits_for }),
        6 => (0..2_u8).prop_map(|process| Step::Claim { process }),
        3 => any().prop_map(Step::Complete),
        1 => any().prop_map(Step::Fail),
        1 => (0..2_u8).prop_map(Step::Kill),
        1 => any().prop_map(Step::Release),
        1 => any().prop_map(Step::Cancel),
        1 => (any(), 0..4_u8).prop_map(|(task, priority)| Step::Prioritise(task, priority)),
        1 => (any(), any()).prop_map(|(task, other)| Step::WaitFor(task, other)),
        1 => (any(), any()).prop_map(|(task, other)| Step::PutBefore(task, other)),
        2 => (1..9_u8).prop_map(|hours| Step::Pass { hours }),
    ]
}

/// A row of the queue, as it is.
#[derive(Clone, Debug)]
struct Row {
    task: TaskId,
    owner: Uuid,
    is_leased: bool,
    priority: i64,
    not_before_ms: i64,
    place_us: i64,
    lease_owner: Option<String>,
    lease_until_ms: i64,
}

struct Model {
    store: Store,
    rows: DatabaseConnection,
    tasks: Vec<TaskId>,
    waits_for: BTreeMap<TaskId, BTreeSet<TaskId>>,
    done: BTreeSet<TaskId>,
    cancelled: BTreeSet<TaskId>,
    /// Claims that their process believes to hold.
    held: Vec<(usize, Claim)>,
    /// Claims of processes that were killed.
    stale: Vec<Claim>,
    epochs: HashMap<TaskId, u64>,
}

impl Model {
    async fn new(database: &TestDatabase) -> Self {
        for table in ["jobs", "prerequisites", "tasks"] {
            database.execute(&format!("DELETE FROM {table}")).await;
        }
        Self {
            store: database.store.clone(),
            rows: database.connection().await,
            tasks: Vec::new(),
            waits_for: BTreeMap::new(),
            done: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            held: Vec::new(),
            stale: Vec::new(),
            epochs: HashMap::new(),
        }
    }

    fn task(&self, pick: u8) -> Option<TaskId> {
        let index = usize::from(pick).checked_rem(self.tasks.len())?;
        self.tasks.get(index).copied()
    }

    fn take_held(&mut self, pick: u8) -> Option<Claim> {
        let index = usize::from(pick).checked_rem(self.held.len())?;
        Some(self.held.remove(index).1)
    }

    async fn sql(&self, sql: &str) {
        self.rows.execute_unprepared(sql).await.unwrap();
    }

    async fn queue(&self) -> Vec<Row> {
        let sql = "SELECT * FROM jobs WHERE kind = 'run' AND state <> 'idle'";
        let asked = Statement::from_string(self.rows.get_database_backend(), sql);
        let rows = self.rows.query_all_raw(asked).await.unwrap();
        let each = rows.iter().map(|row| Row {
            task: TaskId::from_uuid(row.try_get("", "task_id").unwrap()),
            owner: row.try_get("", "owner_id").unwrap(),
            is_leased: row.try_get::<String>("", "state").unwrap() == "leased",
            priority: i64::from(row.try_get::<i32>("", "priority").unwrap()),
            not_before_ms: row.try_get("", "not_before_ms").unwrap(),
            place_us: row.try_get("", "place_us").unwrap(),
            lease_owner: row.try_get("", "lease_owner").unwrap(),
            lease_until_ms: row.try_get("", "lease_until_ms").unwrap(),
        });
        each.collect()
    }

    /// When each owner was served last, idle tasks included.
    async fn served(&self) -> HashMap<Uuid, i64> {
        let sql = "SELECT owner_id, MAX(claimed_at_ms) AS at_ms FROM jobs WHERE kind = 'run' GROUP BY owner_id";
        let asked = Statement::from_string(self.rows.get_database_backend(), sql);
        let rows = self.rows.query_all_raw(asked).await.unwrap();
        let each = rows.iter().map(|row| {
            (
                row.try_get("", "owner_id").unwrap(),
                row.try_get("", "at_ms").unwrap(),
            )
        });
        each.collect()
    }

    fn is_ready(&self, task: TaskId) -> bool {
        let others = self.waits_for.get(&task);
        others.is_none_or(|others| others.iter().all(|other| self.done.contains(other)))
    }

    /// The choice by a look at everything.
    fn expected(
        &self,
        queue: &[Row],
        served: &HashMap<Uuid, i64>,
        process: &str,
    ) -> Option<TaskId> {
        let now = Utc::now().timestamp_millis();
        let lease = i64::try_from(LEASE.as_millis()).unwrap();
        let is_free = |row: &Row| {
            let own = row.lease_owner.as_deref() == Some(process);
            row.lease_until_ms + if own { lease } else { 0 } <= now
        };
        let mut runs: HashMap<Uuid, u32> = HashMap::new();
        for row in queue.iter().filter(|row| row.is_leased && !is_free(row)) {
            *runs.entry(row.owner).or_default() += 1;
        }
        if runs.values().sum::<u32>() >= CAPS.overall {
            return None;
        }
        let of = |row: &Row| runs.get(&row.owner).copied().unwrap_or(0);
        let level = |row: &Row| {
            let hours = (now - row.place_us / 1000) / HOUR_MS;
            row.priority + i64::from(hours >= 12) + i64::from(hours >= 24)
        };
        queue
            .iter()
            .filter(|row| {
                if row.is_leased {
                    is_free(row)
                } else {
                    row.not_before_ms <= now
                }
            })
            .filter(|row| self.is_ready(row.task) && of(row) < CAPS.per_owner)
            .min_by_key(|row| {
                (
                    -level(row),
                    of(row),
                    served[&row.owner],
                    row.place_us,
                    row.task,
                )
            })
            .map(|row| row.task)
    }

    async fn claim(&mut self, process: usize) -> Option<Claim> {
        let (queue, served) = (self.queue().await, self.served().await);
        let expected = self.expected(&queue, &served, PROCESSES[process]);
        let claim = self
            .store
            .claim_within(PROCESSES[process], LEASE, CAPS)
            .await
            .unwrap();
        assert_eq!(claim.map(|claim| claim.task), expected, "{queue:#?}");
        let claim = claim?;
        assert!(!self.done.contains(&claim.task) && !self.cancelled.contains(&claim.task));
        let before = self.epochs.insert(claim.task, claim.epoch).unwrap_or(0);
        assert!(claim.epoch > before, "an epoch came twice");
        // Whoever held it before has lost it.
        let lost = self
            .held
            .extract_if(.., |(_, held)| held.task == claim.task);
        self.stale.extend(lost.map(|(_, held)| held));
        self.held.push((process, claim));
        Some(claim)
    }

    async fn write(&self, claim: Claim, events: Vec<TaskEvent>) -> Result<(), StoreError> {
        let before = self.store.load(claim.task).await?;
        let started = TaskEvent::RunStarted {
            run: run_id(),
            epoch: claim.epoch,
        };
        let write = Append {
            task: claim.task,
            before,
            events: [vec![started], events].concat(),
            actor: Actor::Platform,
            cause: None,
            fence: Some(Fence { epoch: claim.epoch }),
        };
        self.store.append(write).await.map(drop)
    }

    async fn create(&mut self, owner: u8, priority: u8, waits_for: Option<u8>) {
        let others: Vec<_> = waits_for
            .and_then(|pick| self.task(pick))
            .into_iter()
            .collect();
        let new = NewTask {
            priority: PRIORITIES[usize::from(priority)],
            depends_on: others.clone(),
            start: true,
            ..new_task("One", conversation())
        };
        let id = create(&self.store, new).await.id;
        self.tasks.push(id);
        self.waits_for.insert(id, others.into_iter().collect());
        // There are no accounts yet.
        let owner = literal(&self.rows, Uuid::from_u128(1 + u128::from(owner)));
        let task = literal(&self.rows, id.as_uuid());
        self.sql(&format!(
            "UPDATE jobs SET owner_id = {owner} WHERE task_id = {task}"
        ))
        .await;
    }

    /// Whether the task would wait for itself.
    fn closes_circle(&self, task: TaskId, other: TaskId) -> bool {
        let mut ahead = vec![other];
        let mut seen = BTreeSet::new();
        while let Some(next) = ahead.pop() {
            if next == task {
                return true;
            }
            if seen.insert(next) {
                ahead.extend(self.waits_for[&next].iter().copied());
            }
        }
        false
    }

    async fn wait_for(&mut self, task: TaskId, other: TaskId) {
        let before = self.store.load(task).await.unwrap().unwrap();
        if before.depends_on == [other] {
            return;
        }
        // All that it waited for is given up, so only the new one can close a circle.
        let old = self.waits_for.insert(task, BTreeSet::new());
        let is_circular = self.closes_circle(task, other);
        let edit = TaskEdit {
            depends_on: Some(vec![other]),
            ..TaskEdit::default()
        };
        match act(&self.store, task, TaskCommand::Edit(edit), None).await {
            Ok(_) => {
                assert!(!is_circular, "a circle was let through");
                self.waits_for.insert(task, [other].into());
            }
            Err(StoreError::Circular(circle)) => {
                assert!(is_circular, "{circle:?} is no circle");
                assert_eq!((circle.first(), circle.last()), (Some(&task), Some(&task)));
                self.waits_for.insert(task, old.unwrap());
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn put_before(&mut self, task: TaskId, other: TaskId) {
        let queue = self.queue().await;
        let place = queue
            .iter()
            .find(|row| row.task == other)
            .map(|row| row.place_us);
        let task = self.store.load(task).await.unwrap().unwrap();
        let is_queued = task.status.name() == app::domain::task::StatusName::Queued;
        if let (Some(place), true) = (place, is_queued) {
            let place = DateTime::from_timestamp_micros(place - 1).unwrap();
            act(&self.store, task.id, TaskCommand::Rank { place }, None)
                .await
                .unwrap();
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Create {
                owner,
                priority,
                waits_for,
            } => self.create(owner, priority, waits_for).await,
            Step::Claim { process } => drop(self.claim(usize::from(process)).await),
            Step::Complete(pick) => {
                if let Some(claim) = self.take_held(pick) {
                    self.write(claim, vec![TaskEvent::TaskCompleted {}])
                        .await
                        .unwrap();
                    self.done.insert(claim.task);
                }
            }
            Step::Fail(pick) => {
                if let Some(claim) = self.take_held(pick) {
                    let not_before = Some(Utc::now() + TimeDelta::hours(3));
                    let end = RunEnd::Failed {
                        message: "no reason".to_owned(),
                        last_lines: Vec::new(),
                    };
                    let ended = TaskEvent::RunEnded { run: run_id(), end };
                    let queued = TaskEvent::TaskQueued { not_before };
                    self.write(claim, vec![ended, queued]).await.unwrap();
                }
            }
            Step::Kill(process) => {
                let killed = self
                    .held
                    .extract_if(.., |(held_by, _)| *held_by == usize::from(process));
                self.stale.extend(killed.map(|(_, claim)| claim));
            }
            Step::Release(pick) => {
                if let Some(claim) = self.take_held(pick) {
                    self.store.release(claim.task, claim.epoch).await.unwrap();
                }
            }
            Step::Cancel(pick) => {
                let Some(task) = self.task(pick).filter(|task| !self.done.contains(task)) else {
                    return;
                };
                act(&self.store, task, TaskCommand::Cancel, None)
                    .await
                    .unwrap();
                self.cancelled.insert(task);
                self.held.retain(|(_, claim)| claim.task != task);
            }
            Step::Prioritise(pick, priority) => {
                let Some(task) = self.task(pick) else { return };
                let priority = Some(PRIORITIES[usize::from(priority)]);
                let edit = TaskEdit {
                    priority,
                    ..TaskEdit::default()
                };
                act(&self.store, task, TaskCommand::Edit(edit), None)
                    .await
                    .unwrap();
            }
            Step::WaitFor(task, other) => {
                if let (Some(task), Some(other)) = (self.task(task), self.task(other)) {
                    self.wait_for(task, other).await;
                }
            }
            Step::PutBefore(task, other) => {
                if let (Some(task), Some(other)) = (self.task(task), self.task(other)) {
                    self.put_before(task, other).await;
                }
            }
            Step::Pass { hours } => self.pass(i64::from(hours)).await,
        }
        self.stale_claims_change_nothing().await;
        self.caps_are_kept().await;
    }

    /// Moves everything into the past instead of the database's clock into the future.
    async fn pass(&self, hours: i64) {
        let ms = hours * HOUR_MS;
        let us = ms * 1000;
        self.sql(&format!(
            "UPDATE jobs SET place_us = place_us - {us}, queued_at_ms = queued_at_ms - {ms}, \
             not_before_ms = not_before_ms - {ms}, lease_until_ms = lease_until_ms - {ms}, \
             claimed_at_ms = claimed_at_ms - {ms}"
        ))
        .await;
    }

    async fn stale_claims_change_nothing(&mut self) {
        for claim in std::mem::take(&mut self.stale) {
            if self.epochs[&claim.task] == claim.epoch {
                // Nobody has claimed it since: as long as that is so, its run may write.
                self.stale.push(claim);
                continue;
            }
            let late = self.write(claim, vec![TaskEvent::TaskCompleted {}]).await;
            assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
        }
    }

    async fn caps_are_kept(&self) {
        let now = Utc::now().timestamp_millis();
        let mut runs: HashMap<Uuid, u32> = HashMap::new();
        for row in self.queue().await {
            if row.is_leased && row.lease_until_ms > now {
                *runs.entry(row.owner).or_default() += 1;
            }
        }
        assert!(
            runs.values().all(|runs| *runs <= CAPS.per_owner),
            "{runs:?}"
        );
        assert!(runs.values().sum::<u32>() <= CAPS.overall, "{runs:?}");
    }

    /// Once nothing new comes, all that can be done is done; what waits for a cancelled task stays.
    async fn finish(mut self) {
        self.take(Step::Kill(0)).await;
        self.take(Step::Kill(1)).await;
        self.pass(50).await;
        for _ in 0..=self.tasks.len() {
            while self.claim(0).await.is_some() {}
            while !self.held.is_empty() {
                self.take(Step::Complete(0)).await;
            }
        }
        for task in &self.tasks {
            let is_over = self.done.contains(task) || self.cancelled.contains(task);
            assert!(is_over || !self.is_ready(*task), "{task} starves");
        }
        self.rows.close().await.unwrap();
    }
}

/// An id as it stands in a statement.
fn literal(connection: &DatabaseConnection, id: Uuid) -> String {
    match connection.get_database_backend() {
        sea_orm::DbBackend::Postgres => format!("'{id}'"),
        _ => format!("X'{}'", id.simple()),
    }
}

fn check(database: &TestDatabase, runtime: &Runtime, cases: u32) {
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(cases)
    };
    let mut runner = TestRunner::new(config);
    let steps = prop::collection::vec(step(), 1..60);
    let checked = runner.run(&steps, |steps| {
        runtime.block_on(async {
            let mut model = Model::new(database).await;
            for step in steps {
                model.take(step).await;
            }
            model.finish().await;
        });
        Ok(())
    });
    checked.unwrap();
}

fn runtime() -> Runtime {
    Runtime::new().unwrap()
}

mod sqlite {
    use super::*;

    #[test]
    fn every_claim_is_the_one_the_model_expects() {
        let runtime = runtime();
        let database = runtime.block_on(TestDatabase::sqlite());
        check(&database, &runtime, 24);
    }
}

mod postgres {
    use super::*;

    #[test]
    fn every_claim_is_the_one_the_model_expects() {
        let runtime = runtime();
        let database = runtime.block_on(TestDatabase::postgres());
        check(&database, &runtime, 12);
    }
}
