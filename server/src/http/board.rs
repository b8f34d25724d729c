//! The status of all tasks, read once for everybody who watches the list.

use std::sync::Arc;
use std::time::Duration;

use app::api::{TaskQuery, TaskView};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::service::Service;

/// The most that one page of the list holds.
const MOST: u32 = 200;
/// Changes within this time are shown together.
const PACE: Duration = Duration::from_millis(100);
/// How long after a failure the tasks are read again.
const RETRY: Duration = Duration::from_secs(1);

/// The tasks at one moment, without their descriptions: the newest, and those that are not
/// finished.
pub type Tasks = Arc<Vec<TaskView>>;

/// Keeps the tasks for its watchers. Cheap to clone.
#[derive(Clone)]
pub struct Board {
    service: Service,
    shown: Arc<watch::Sender<Tasks>>,
}

impl Board {
    pub fn new(service: Service) -> Self {
        Self {
            service,
            shown: Arc::new(watch::Sender::new(Tasks::default())),
        }
    }

    /// Follows the store until the shutdown. Without watchers it only waits.
    pub async fn run(self, shutdown: CancellationToken) {
        let heads = self.service.store().heads();
        let mut changes = heads.all();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = heads.call(&mut changes) => {}
            }
            if self.shown.receiver_count() == 0 {
                continue;
            }
            sleep(PACE).await;
            changes.mark_unchanged(); // before reading: a commit in between is read again
            match self.read().await {
                Ok(tasks) => {
                    self.shown.send_replace(tasks);
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the board was not renewed"
                    );
                    sleep(RETRY).await;
                    changes.mark_changed();
                }
            }
        }
    }

    /// The tasks now, and a receiver for the tasks from now on.
    pub async fn watch(&self) -> Result<(Tasks, watch::Receiver<Tasks>), Error> {
        // Subscribed first: what changes while the snapshot is read is shown later, not never.
        let changes = self.shown.subscribe();
        Ok((self.read().await?, changes))
    }

    async fn read(&self) -> Result<Tasks, Error> {
        let newest = TaskQuery {
            limit: Some(MOST),
            ..TaskQuery::default()
        };
        let active = TaskQuery {
            status: Some("active".to_owned()),
            ..newest.clone()
        };
        let page = self.service.task_list(&newest).await?;
        let mut tasks = page.items;
        if page.next_cursor.is_some() {
            let known: std::collections::HashSet<_> = tasks.iter().map(|task| task.id).collect();
            let active = self.service.task_list(&active).await?.items;
            tasks.extend(active.into_iter().filter(|task| !known.contains(&task.id)));
        }
        let slim = tasks.into_iter().map(TaskView::without_description);
        Ok(Arc::new(slim.collect()))
    }
}
