//! Claims tasks and drives each with one agent.
//!
//! ```text
//! queue ── claim (lease, epoch) ──► supervisor ── a task per run ──► run ── turn ── session (agent)
//!                                        └── a task per lease, renewing it
//! ```

mod approval;
mod asked;
mod budget;
mod checkpoint;
mod handover;
mod inspection;
mod last_lines;
pub mod lease;
mod limited;
mod live;
mod messages;
pub mod model;
mod outcome;
mod pause;
mod run;
mod serve;
mod session;
mod silence;
mod turn;
mod writing;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use app::domain::id::{RunId, TaskId};
use futures::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

pub use live::Live;
pub use writing::Writing;

use crate::agent::api_patience::ApiPatience;
use crate::agent::api_proxy::ApiProxy;
use crate::agent::driver::Launcher;
use crate::agent::mcp::McpServer;
use crate::guides::Guides;
use crate::jobs::{Caps, Claim};
use crate::limits::Pacing;
use crate::logs::LogWriter;
use crate::service::Service;
use crate::settings::InForce;
use crate::store::Store;
use crate::transcripts::Transcripts;
use crate::workspace::Workspaces;
use model::Models;
use run::Run;

/// How long the queue sleeps at least, if nothing wakes it: what is due may be held up by a rule
/// that the due time does not know.
const SHORTEST_SLEEP: Duration = Duration::from_millis(200);

/// How long it sleeps at most.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// How long it sleeps when the database can't be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the last agents may take to be gone after their runs.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long runs may take to end when the server stops.
const SHUTDOWN: Duration = Duration::from_secs(20);

/// What the orchestrator works with.
#[derive(Clone)]
pub struct Deps {
    pub service: Service,
    pub store: Store,
    pub logs: LogWriter,
    pub workspaces: Workspaces,
    pub guides: Guides,
    pub launcher: Launcher,
    pub mcp: McpServer,
    pub api: ApiProxy,
    pub models: Models,
    pub transcripts: Transcripts,
    pub live: Live,
    pub options: Arc<Options>,
}

/// How the orchestrator works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The Claude CLI.
    pub program: PathBuf,
    /// How long a claim holds without being renewed.
    pub lease: Duration,
    /// How often a claim is renewed.
    pub renew: Duration,
    /// Names this process in the claims.
    pub owner: String,
    /// How long the processes of a paused agent stand still before they are ended.
    pub stands_still: Duration,
    /// After how long without a sign of life an agent is nudged, and after as long again started anew.
    pub silence: Option<Duration>,
    /// How long an account is left alone that can't be used.
    pub pacing: Pacing,
    /// How long agents wait for the model's API by themselves.
    pub patience: ApiPatience,
    /// No other process uses the database: leases that are left there are of dead ones.
    pub alone: bool,
}

/// Runs until `stop` is cancelled and every run has ended.
pub async fn run(deps: Deps, stop: CancellationToken) {
    reconcile(&deps).await;
    let mut settings = deps.service.settings().watch();
    let mut runs = JoinSet::new();
    let mut held: HashMap<TaskId, Held> = HashMap::new();
    loop {
        while runs.try_join_next().is_some() {}
        match next_claim(&deps, &stop, &mut settings, runs.len()).await {
            Next::Claim(claim) => {
                held.retain(|_, run| !run.ended.is_cancelled());
                let before = held.remove(&claim.task);
                held.insert(
                    claim.task,
                    supervise(&mut runs, &deps, claim, &stop, before),
                );
            }
            Next::Full => {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    Some(_) = runs.join_next() => {}
                    Ok(()) = settings.changed() => {}
                }
            }
            Next::Stop => break,
        }
    }
    let ended = timeout(SHUTDOWN, async {
        while runs.join_next().await.is_some() {}
    });
    if ended.await.is_err() {
        tracing::warn!(
            runs = runs.len(),
            "runs did not end in time; they go on after a restart"
        );
        runs.shutdown().await;
    }
    if timeout(FAREWELL, deps.launcher.finish()).await.is_err() {
        tracing::error!("agents are left behind; the next start ends them");
    }
}

/// Clears away what an earlier process has left, so that its tasks can be claimed at once.
async fn reconcile(deps: &Deps) {
    let killed = deps.launcher.kill_leftovers().await;
    if killed > 0 {
        tracing::warn!(
            processes = killed,
            "killed what an earlier server had left behind"
        );
    }
    if !deps.options.alone {
        return;
    }
    if let Err(error) = deps.store.free_keys().await {
        // They are free by themselves after a minute.
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "idempotency keys of an earlier server stay reserved"
        );
    }
    match deps.store.expire_leases().await {
        Ok(0) => {}
        Ok(leases) => tracing::info!(leases, "tasks of an earlier server go on"),
        Err(error) => {
            // They expire by themselves, only later.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "leases were not expired"
            );
        }
    }
}

/// What the queue gives.
enum Next {
    /// A task to run.
    Claim(Claim),
    /// Nothing: so many agents run as are allowed at once.
    Full,
    /// Nothing: the server stops.
    Stop,
}

/// The next task to run beside those that run already. A lower limit ends none of them.
async fn next_claim(
    deps: &Deps,
    stop: &CancellationToken,
    settings: &mut watch::Receiver<InForce>,
    running: usize,
) -> Next {
    let mut wake = deps.store.heads().jobs();
    loop {
        if stop.is_cancelled() {
            return Next::Stop;
        }
        let limit = settings.borrow_and_update().values.agents_max;
        if running >= limit as usize {
            return Next::Full;
        }
        wake.mark_unchanged();
        // While there are no accounts, all tasks are of one owner, who may use all places.
        let caps = Caps {
            overall: limit,
            per_owner: limit,
        };
        match deps
            .store
            .claim_within(&deps.options.owner, deps.options.lease, caps)
            .await
        {
            Ok(Some(claim)) => {
                space(deps, claim).await;
                return Next::Claim(claim);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "no task can be claimed"
                );
            }
        }
        let due = deps.store.next_due().await;
        // What cannot be asked was just said, or will be.
        let pause = due.map_or(PAUSE, |due| {
            due.map_or(LONGEST_SLEEP, |due| {
                due.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
            })
        });
        tokio::select! {
            biased;
            () = stop.cancelled() => return Next::Stop,
            Ok(()) = settings.changed() => {}
            () = deps.store.heads().call(&mut wake) => {}
            () = sleep(pause) => {}
        }
    }
}

/// Keeps a distance between the tasks that go on after a limit.
async fn space(deps: &Deps, claim: Claim) {
    let spaced = deps.store.space_claims(claim.task, &deps.options.pacing);
    if let Err(error) = spaced.await {
        // The task is claimed all the same; others only come sooner.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "tasks of a limited account are not kept apart"
        );
    }
}

/// A run of this process.
struct Held {
    lost: CancellationToken,
    ended: CancellationToken,
}

/// Starts the run of a claimed task. `before` is an earlier run of the same task in this process:
/// its lease ran out while the database could not be reached, and its agent has to be gone first.
fn supervise(
    runs: &mut JoinSet<()>,
    deps: &Deps,
    claim: Claim,
    stop: &CancellationToken,
    before: Option<Held>,
) -> Held {
    let id = RunId::from_uuid(Uuid::now_v7());
    let span = tracing::info_span!("run", run.id = %id, task.id = %claim.task);
    let held = Held {
        lost: CancellationToken::new(),
        ended: CancellationToken::new(),
    };
    let launcher = deps.launcher.for_run(stop.clone());
    let run = Run {
        deps: Deps {
            launcher: launcher.clone(),
            ..deps.clone()
        },
        task: claim.task,
        id,
        epoch: claim.epoch,
        stop: stop.clone(),
        lost: held.lost.clone(),
        session: None,
        left: None,
        is_trying: false,
    };
    let options = Arc::clone(&deps.options);
    let keeping = lease::keep(deps.store.clone(), options, claim, held.lost.clone());
    let ended = held.ended.clone().drop_guard();
    let driven = async move {
        let _ended = ended;
        let mut keeper = JoinSet::new();
        keeper.spawn(keeping.in_current_span());
        if let Some(before) = before {
            before.lost.cancel();
            before.ended.cancelled().await;
        }
        if Box::pin(AssertUnwindSafe(run.drive()).catch_unwind())
            .await
            .is_err()
        {
            tracing::error!("the run panicked; the task is taken up when its lease has run out");
            launcher.finish().await;
        }
        keeper.shutdown().await;
    };
    runs.spawn(driven.instrument(span));
    held
}
