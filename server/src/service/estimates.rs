//! What phases will probably need, and how good such estimates were.

use app::api::{EstimateReport, PhaseView, SCRIPTED_MODEL};
use app::domain::estimate::{EstimatedPhase, PhaseEstimate, Sample};
use app::domain::plan::{PhasePlan, TaskType};
use app::domain::task::Task;
use app::domain::text::ModelName;

use super::Service;
use crate::error::Error;
use crate::store::FinishedPhase;

impl Service {
    /// What the task's phases will probably need.
    pub async fn estimate(&self, task: &Task) -> Result<Vec<EstimatedPhase>, Error> {
        let model = task.model.as_ref().map(ModelName::as_str);
        let plans = task.phases.iter().map(|phase| &phase.plan);
        let learned = self.learn(task.task_type, model.unwrap_or_default(), plans);
        let numbers = task.phases.iter().map(|phase| phase.number);
        let estimated = numbers.zip(learned.await?);
        let estimated = estimated.map(|(phase, estimate)| EstimatedPhase { phase, estimate });
        Ok(estimated.collect())
    }

    /// The same of each phase of a plan, for tasks that ask for this model; an empty one is the usual.
    pub(super) async fn learn(
        &self,
        task_type: TaskType,
        model: &str,
        plans: impl Iterator<Item = &PhasePlan>,
    ) -> Result<Vec<PhaseEstimate>, Error> {
        let is_scripted = model == SCRIPTED_MODEL;
        let store = &self.parts.store;
        let finished = store.finished_phases(task_type, is_scripted).await?;
        Ok(plans.map(|plan| learned(&finished, plan, model)).collect())
    }

    /// The task's phases; before its work begins, with what they will probably need.
    pub(super) async fn phase_views(&self, task: &Task) -> Result<Vec<PhaseView>, Error> {
        let mut views: Vec<_> = task.phases.iter().map(PhaseView::from).collect();
        if task.is_to_be_estimated() {
            for estimated in self.estimate(task).await? {
                let mut views = views.iter_mut();
                if let Some(view) = views.find(|view| view.number == estimated.phase) {
                    view.estimate = Some(estimated.estimate);
                }
            }
        }
        Ok(views)
    }

    /// How good estimates were.
    pub async fn estimate_report(&self) -> Result<EstimateReport, Error> {
        Ok(self.parts.store.estimate_report().await?)
    }
}

fn learned(finished: &[FinishedPhase], plan: &PhasePlan, model: &str) -> PhaseEstimate {
    let of_kind = finished.iter().filter(|phase| phase.phase_id == plan.id);
    let all: Vec<Sample> = of_kind.clone().map(|phase| phase.sample).collect();
    let same = of_kind.filter(|phase| phase.model == model);
    let same: Vec<Sample> = same.map(|phase| phase.sample).collect();
    PhaseEstimate::learned(&same, &all)
}
