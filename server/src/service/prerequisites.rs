//! Which tasks a task waits for.

use app::domain::id::TaskId;
use app::fault::FieldFault;

use super::Service;
use crate::error::Error;

const MOST: usize = 50;

impl Service {
    /// What is wrong with them. Whether they close a circle is seen only where they are stored.
    pub(super) async fn check_prerequisites(
        &self,
        others: &[TaskId],
    ) -> Result<Vec<FieldFault>, Error> {
        let fault = |message: String| FieldFault {
            field: "depends_on".to_owned(),
            message,
        };
        if others.len() > MOST {
            return Ok(vec![fault(format!("must be at most {MOST} tasks"))]);
        }
        let mut faults = Vec::new();
        for id in others {
            if !self.parts.store.has_task(*id).await? {
                faults.push(fault(format!("names {id}, which is no task")));
            }
        }
        Ok(faults)
    }

    /// In words: who would wait for whom.
    pub(super) async fn tell_circle(&self, circle: &[TaskId]) -> Result<String, Error> {
        let mut titles = Vec::with_capacity(circle.len());
        for id in circle {
            let task = self.parts.store.load(*id).await?;
            titles.push(task.map_or_else(|| id.to_string(), |task| format!("“{}”", task.title)));
        }
        Ok(format!(
            "would have the task wait for itself: {}",
            titles.join(" waits for ")
        ))
    }
}
