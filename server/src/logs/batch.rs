//! A batch of lines and how it becomes chunks: one transaction, a fence per task.

use std::collections::HashMap;

use app::domain::id::{RunId, TaskId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
};

use super::chunk::{JSON_ZSTD, Packed, TARGET_BYTES, pack, unpack_raw};
use super::{read, row};
use crate::jobs::{self, Standing};
use crate::store::{Store, StoreError, counted, stored};

/// Tails of more tasks than this are forgotten. It costs nothing but a merge of small chunks.
const MOST_TAILS: usize = 1024;

/// Lines of one run, as JSON.
#[derive(Debug)]
pub(super) struct Group {
    task: TaskId,
    run: RunId,
    epoch: u64,
    lines: Vec<String>,
    bytes: usize,
    /// Where a try that failed had put the lines. It may have succeeded without our knowing.
    placed_to: Option<u64>,
}

impl Group {
    pub(super) fn new(task: TaskId, run: RunId, epoch: u64, lines: Vec<String>) -> Self {
        let bytes = lines.iter().map(String::len).sum();
        Self {
            task,
            run,
            epoch,
            lines,
            bytes,
            placed_to: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn is_same_run(&self, other: &Self) -> bool {
        (self.task, self.run, self.epoch) == (other.task, other.run, other.epoch)
    }
}

/// What has become of a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Runs with new lines, with their epoch.
    pub stored: Vec<(TaskId, u64)>,
    /// Runs that no longer hold their task, with their epoch.
    pub refused: Vec<(TaskId, u64)>,
}

/// The newest chunks of a run that are too small to stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tail {
    run: RunId,
    epoch: u64,
    /// Of the first of them.
    first_seq: u64,
    raw_bytes: usize,
}

/// The tails by task.
#[derive(Debug, Default)]
pub(super) struct Tails(HashMap<TaskId, Tail>);

/// Lines that are stored together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    groups: Vec<Group>,
    bytes: usize,
}

impl Batch {
    pub(super) fn add(&mut self, group: Group) {
        self.bytes += group.bytes;
        let mut of_task = self.groups.iter_mut().rev();
        match of_task.find(|known| known.task == group.task) {
            Some(known) if known.is_same_run(&group) => {
                known.bytes += group.bytes;
                known.lines.extend(group.lines);
            }
            _ => self.groups.push(group),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(super) fn lines(&self) -> usize {
        self.groups.iter().map(|group| group.lines.len()).sum()
    }

    /// Stores all lines or none, but for those of runs that lost their task. May be tried again
    /// after a failure, even after one that leaves open whether the lines were stored.
    pub(super) async fn store(
        &mut self,
        store: &Store,
        tails: &mut Tails,
    ) -> Result<Outcome, StoreError> {
        // Rows are locked in one order by everybody. Of a task's runs the order is kept.
        self.groups.sort_by_key(|group| group.task);
        let mut outcome = Outcome::default();
        let mut grown = HashMap::new();
        let tx = store.begin().await?;
        for group in &mut self.groups {
            let tail = grown.get(&group.task).copied();
            let tail = tail.unwrap_or_else(|| tails.0.get(&group.task).copied());
            match store_group(&tx, group, tail).await {
                Ok(Some(tail)) => {
                    grown.insert(group.task, tail);
                    outcome.stored.push((group.task, group.epoch));
                }
                Ok(None) => outcome.refused.push((group.task, group.epoch)),
                Err(error) => {
                    // The error at hand says more than one of the way back could.
                    tx.rollback().await.ok();
                    return Err(error);
                }
            }
        }
        tx.commit().await?;
        if tails.0.len() > MOST_TAILS {
            tails.0.clear();
        }
        for (task, tail) in grown {
            match tail {
                Some(tail) => tails.0.insert(task, tail),
                None => tails.0.remove(&task),
            };
        }
        Ok(outcome)
    }
}

/// Stores the lines of one run and answers with its new tail; `None` if it was refused.
async fn store_group(
    tx: &DatabaseTransaction,
    group: &mut Group,
    tail: Option<Tail>,
) -> Result<Option<Option<Tail>>, StoreError> {
    if jobs::standing(tx, group.task, group.epoch).await? == Standing::Outdated {
        return Ok(None);
    }
    let head = read::head(tx, group.task).await?;
    if group.placed_to == Some(head) {
        // The try before had come through after all.
        return Ok(Some(None));
    }
    group.placed_to = Some(head + group.lines.len() as u64);
    let tail = tail.filter(|tail| (tail.run, tail.epoch) == (group.run, group.epoch));
    let merged = match tail {
        Some(tail) if tail.raw_bytes + group.bytes >= TARGET_BYTES => {
            take_tail(tx, group.task, tail).await?
        }
        _ => None,
    };
    let is_merged = merged.is_some();
    let (first_seq, old) = merged.unwrap_or_else(|| (head + 1, String::new()));
    let lines = old.lines().chain(group.lines.iter().map(String::as_str));
    let packed = pack(lines).map_err(StoreError::Compress)?;
    let Some(last) = insert(tx, group, first_seq, packed).await? else {
        return Ok(Some(tail));
    };
    let grown = match tail {
        Some(tail) if !is_merged => Tail {
            raw_bytes: tail.raw_bytes + last.raw_bytes,
            ..tail
        },
        _ => last,
    };
    Ok(Some((grown.raw_bytes < TARGET_BYTES).then_some(grown)))
}

/// Removes the small chunks at the end and gives back what was in them. If they can't be read,
/// they stay as they are, for whoever looks for the damage.
async fn take_tail(
    tx: &DatabaseTransaction,
    task: TaskId,
    tail: Tail,
) -> Result<Option<(u64, String)>, StoreError> {
    let of_tail = || {
        row::Entity::find()
            .filter(row::Column::TaskId.eq(task.as_uuid()))
            .filter(row::Column::FirstSeq.gte(stored(tail.first_seq)))
    };
    let rows = of_tail()
        .order_by_asc(row::Column::FirstSeq)
        .all(tx)
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let first_seq = counted(first.first_seq);
    let mut raw = String::new();
    for row in &rows {
        match unpack_raw(&read::stored_chunk(row)) {
            Ok(lines) => raw.push_str(&lines),
            Err(defect) => {
                tracing::error!(task.id = %task, row.first_seq, %defect, "a log chunk is damaged");
                return Ok(None);
            }
        }
    }
    row::Entity::delete_many()
        .filter(row::Column::TaskId.eq(task.as_uuid()))
        .filter(row::Column::FirstSeq.gte(stored(tail.first_seq)))
        .exec(tx)
        .await?;
    Ok(Some((first_seq, raw)))
}

/// Inserts the chunks and answers with the last of them.
async fn insert(
    tx: &DatabaseTransaction,
    group: &Group,
    first_seq: u64,
    packed: Vec<Packed>,
) -> Result<Option<Tail>, StoreError> {
    let mut next = first_seq;
    let mut last = None;
    for chunk in packed {
        let first_seq = next;
        next += chunk.lines;
        last = Some(Tail {
            run: group.run,
            epoch: group.epoch,
            first_seq,
            raw_bytes: chunk.raw_bytes,
        });
        let row = row::ActiveModel {
            task_id: Set(group.task.as_uuid()),
            first_seq: Set(stored(first_seq)),
            last_seq: Set(stored(next - 1)),
            run_id: Set(group.run.as_uuid()),
            epoch: Set(stored(group.epoch)),
            encoding: Set(JSON_ZSTD),
            raw_bytes: Set(i32::try_from(chunk.raw_bytes).unwrap_or(i32::MAX)),
            sha256: Set(chunk.sha256),
            bytes: Set(chunk.bytes),
        };
        row::Entity::insert(row).exec_without_returning(tx).await?;
    }
    Ok(last)
}
