//! The one writer of a process: many sessions in, one transaction every few milliseconds out.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use app::domain::id::{RunId, TaskId};
use app::domain::log::NewLine;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::MAX_TEXT_BYTES;
use super::batch::{Batch, Group, Outcome, Tails};
use crate::error::chain;
use crate::store::{Store, StoreError};

/// Lines wait this long for company.
const COLLECT: Duration = Duration::from_millis(20);

/// A batch is committed at once when it has grown to this.
const BATCH_BYTES: usize = 1024 * 1024;

/// What may be on its way to the database, in KiB. Sessions wait while there is more.
const BUDGET_KIB: u32 = 16 * 1024;

const QUEUE: usize = 1024;

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// How long a failing database is still tried after the stop.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why lines were not taken.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A later run holds the task.
    #[error("this run no longer holds the task")]
    Fenced,
    /// The writer has ended.
    #[error("the log writer has ended")]
    Stopped,
    /// A line can't be written as JSON.
    #[error("the line can't be stored")]
    Encode(#[source] serde_json::Error),
    /// The lines are stored, but their number could not be read.
    #[error("the log can't be read")]
    Store(#[source] StoreError),
}

/// A handle to the writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogWriter {
    queue: mpsc::Sender<Command>,
    budget: Arc<Semaphore>,
    refused: Refused,
}

#[derive(Debug)]
enum Command {
    Lines(Group, OwnedSemaphorePermit),
    Flush(Flush),
}

impl LogWriter {
    /// A writer and the work it does, which the caller spawns. After `stop` it takes no more
    /// lines, stores those it has, and ends: stop it when the sessions have ended.
    pub fn start(
        store: Store,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (queue, commands) = mpsc::channel(QUEUE);
        let refused = Refused::default();
        let writer = Writer {
            store,
            stop,
            commands,
            refused: refused.clone(),
            tails: Tails::default(),
            deadline: None,
        };
        let handle = Self {
            queue,
            budget: Arc::new(Semaphore::new(BUDGET_KIB as usize)),
            refused,
        };
        (handle, writer.run())
    }

    /// Hands over lines of a run, in order. Returns as soon as there is room for them; they are
    /// stored a moment later. A text of more than [`MAX_TEXT_BYTES`] is cut.
    ///
    /// The claim's epoch is their fence: if a later run holds the task, the lines are refused.
    /// That may show only in the call after.
    pub async fn append(
        &self,
        task: TaskId,
        run: RunId,
        epoch: u64,
        lines: Vec<NewLine>,
    ) -> Result<(), LogError> {
        if self.refused.is_refused(task, epoch) {
            return Err(LogError::Fenced);
        }
        let encoded: Result<Vec<_>, _> = lines
            .into_iter()
            .map(|line| serde_json::to_string(&cut(line)))
            .collect();
        let group = Group::new(task, run, epoch, encoded.map_err(LogError::Encode)?);
        if group.is_empty() {
            return Ok(());
        }
        let kib = u32::try_from(group.bytes() / 1024 + 1).unwrap_or(BUDGET_KIB);
        let budget = Arc::clone(&self.budget);
        let permit = budget.acquire_many_owned(kib.min(BUDGET_KIB)).await;
        let permit = permit.map_err(|_| LogError::Stopped)?;
        let sent = self.queue.send(Command::Lines(group, permit)).await;
        sent.map_err(|_| LogError::Stopped)
    }

    /// Waits until every line that was handed over before is stored; answers with the number of
    /// the task's newest line. Fails with [`LogError::Fenced`] if lines under the epoch, which is
    /// that of the caller's claim, were refused.
    pub async fn flush(&self, task: TaskId, epoch: u64) -> Result<u64, LogError> {
        let (reply, answer) = oneshot::channel();
        let flush = Flush { task, epoch, reply };
        let sent = self.queue.send(Command::Flush(flush)).await;
        sent.map_err(|_| LogError::Stopped)?;
        answer.await.map_err(|_| LogError::Stopped)?
    }
}

/// A text that is too long, cut at a character and with a note of how much is missing.
fn cut(mut line: NewLine) -> NewLine {
    let length = line.text.len();
    if length > MAX_TEXT_BYTES {
        line.text
            .truncate(line.text.floor_char_boundary(MAX_TEXT_BYTES));
        let missing = length - line.text.len();
        let note = format!("\n[{missing} more bytes were left out]");
        line.text.push_str(&note);
    }
    line
}

/// The runs whose lines were refused: per task the highest epoch of them.
#[derive(Clone, Debug, Default)]
struct Refused(Arc<Mutex<HashMap<TaskId, u64>>>);

impl Refused {
    fn is_refused(&self, task: TaskId, epoch: u64) -> bool {
        self.lock()
            .get(&task)
            .is_some_and(|refused| epoch <= *refused)
    }

    fn note(&self, outcome: &Outcome) {
        let mut refused = self.lock();
        for (task, epoch) in &outcome.refused {
            refused.insert(*task, *epoch);
        }
        // The run that holds a task now is not held back by the one before.
        for (task, epoch) in &outcome.stored {
            if refused.get(task).is_some_and(|refused| epoch > refused) {
                refused.remove(task);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for what was handed over before.
#[derive(Debug)]
struct Flush {
    task: TaskId,
    epoch: u64,
    reply: oneshot::Sender<Result<u64, LogError>>,
}

struct Writer {
    store: Store,
    stop: CancellationToken,
    commands: mpsc::Receiver<Command>,
    refused: Refused,
    tails: Tails,
    /// After the stop: when to give up on a database that fails.
    deadline: Option<Instant>,
}

impl Writer {
    async fn run(mut self) {
        while let Some(first) = self.next().await {
            let (mut batch, flushes, permits) = self.collect(first).await;
            let stored = self.commit(&mut batch).await;
            drop(permits);
            for flush in flushes {
                let answer = self.answer(&flush, stored).await;
                // Nobody waits any more: then nobody has to be told.
                flush.reply.send(answer).ok();
            }
        }
    }

    /// The next command; after the stop those that were already there, then `None`.
    async fn next(&mut self) -> Option<Command> {
        if self.deadline.is_none() {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    self.commands.close();
                    self.deadline = Some(Instant::now() + FAREWELL);
                }
                command = self.commands.recv() => return command,
            }
        }
        self.commands.recv().await
    }

    async fn collect(&mut self, first: Command) -> (Batch, Vec<Flush>, Vec<OwnedSemaphorePermit>) {
        let until = Instant::now() + COLLECT;
        let (mut batch, mut flushes, mut permits) = (Batch::default(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Lines(group, permit) => {
                    batch.add(group);
                    permits.push(permit);
                }
                Command::Flush(flush) => flushes.push(flush),
            }
            if batch.bytes() >= BATCH_BYTES {
                break;
            }
            // Somebody waits for a flush, so only what is already there comes along.
            next = if flushes.is_empty() {
                timeout_at(until, self.commands.recv()).await.ok().flatten()
            } else {
                self.commands.try_recv().ok()
            };
        }
        (batch, flushes, permits)
    }

    /// Stores a batch, however often it takes. Says whether it was stored.
    async fn commit(&mut self, batch: &mut Batch) -> bool {
        if batch.is_empty() {
            return true;
        }
        let mut delay = FIRST_DELAY;
        loop {
            match batch.store(&self.store, &mut self.tails).await {
                Ok(outcome) => {
                    self.refused.note(&outcome);
                    for (task, _) in &outcome.stored {
                        self.store.heads().lines_stored(*task);
                    }
                    return true;
                }
                Err(error) if self.is_over() => {
                    let lines = batch.lines();
                    tracing::error!(error = %chain(&error), lines, "log lines are lost: the database failed until the end");
                    return false;
                }
                Err(error) => {
                    let delay_ms = delay.as_millis();
                    tracing::warn!(error = %chain(&error), delay_ms, "log lines can't be stored now; trying again");
                }
            }
            tokio::select! {
                () = sleep(delay) => {}
                () = self.stop.cancelled(), if self.deadline.is_none() => {
                    self.deadline = Some(Instant::now() + FAREWELL);
                    self.commands.close();
                }
            }
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    fn is_over(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    async fn answer(&self, flush: &Flush, stored: bool) -> Result<u64, LogError> {
        if !stored {
            return Err(LogError::Stopped);
        }
        if self.refused.is_refused(flush.task, flush.epoch) {
            return Err(LogError::Fenced);
        }
        let head = self.store.log_head(flush.task).await;
        head.map_err(LogError::Store)
    }
}
