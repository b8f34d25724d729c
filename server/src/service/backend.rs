//! The port to the pages: the same use cases, with errors as pages get them.

use app::api::{
    AccountCheck, BranchView, ChangeList, CheckpointView, CompareQuery, CreateTask,
    DeliverableContent, DeliverableView, DependencyView, EditMessage, EditSettings, EstimateReport,
    EventQuery, EventView, ForkTask, GivenAnswer, GuideContent, GuideView, LogPage, LogQuery,
    MessageText, MessageView, MoveTask, NeedsYou, NewSchedule, NewSecret, NewTarget,
    NotificationQuery, NotificationView, Overview, Page, PermissionsView, ProvideDependency,
    QuestionView, QueueView, ReadCount, RestoreTask, ReviewView, ReviewWork, ScheduleView,
    SecretText, SecretView, SettingsView, ShowFile, ShownFile, SigningSecret, TargetTrial,
    TargetView, TaskDetail, TaskQuery, TaskVersion, TaskView, UsagePage, UsageReport, WorkflowView,
};
use app::backend::Backend;
use app::domain::id::{
    CheckpointId, DependencyId, FeedbackId, MessageId, NotificationId, QuestionId, ReviewId,
    RuleId, ScheduleId, TaskId,
};
use app::domain::permission::{GrantedRule, PermissionRule};
use app::domain::task::{ChangeRequest, Comment, ConcernKind, PauseAt, TaskEdit};
use app::domain::text::Note;
use app::fault::Fault;
use async_trait::async_trait;
use uuid::Uuid;

use super::Service;

#[async_trait]
impl Backend for Service {
    async fn overview(&self) -> Result<Overview, Fault> {
        Ok(self.installation().await?)
    }

    async fn settings(&self) -> Result<SettingsView, Fault> {
        Ok(self.show_settings().await?)
    }

    async fn edit_settings(&self, edit: EditSettings) -> Result<SettingsView, Fault> {
        Ok(Self::edit_settings(self, edit).await?)
    }

    async fn usage_page(&self) -> Result<UsagePage, Fault> {
        Ok(Self::usage_page(self).await?)
    }

    async fn schedules(&self) -> Result<Vec<ScheduleView>, Fault> {
        Ok(Self::schedules(self).await?)
    }

    async fn add_schedule(&self, new: NewSchedule) -> Result<ScheduleView, Fault> {
        Ok(Self::add_schedule(self, new).await?)
    }

    async fn change_schedule(
        &self,
        id: ScheduleId,
        new: NewSchedule,
    ) -> Result<ScheduleView, Fault> {
        Ok(Self::change_schedule(self, id, new).await?)
    }

    async fn pause_schedule(&self, id: ScheduleId, paused: bool) -> Result<ScheduleView, Fault> {
        Ok(Self::pause_schedule(self, id, paused).await?)
    }

    async fn run_schedule(&self, id: ScheduleId) -> Result<TaskView, Fault> {
        Ok(Self::run_schedule(self, id).await?)
    }

    async fn remove_schedule(&self, id: ScheduleId) -> Result<(), Fault> {
        Ok(Self::remove_schedule(self, id).await?)
    }

    async fn queue(&self) -> Result<QueueView, Fault> {
        Ok(Self::queue(self).await?)
    }

    async fn move_task(&self, id: TaskId, to: MoveTask) -> Result<TaskView, Fault> {
        Ok(Self::move_task(self, id, to).await?)
    }

    async fn task_usage(&self, id: TaskId) -> Result<UsageReport, Fault> {
        Ok(Self::task_usage(self, id).await?)
    }

    async fn estimate_report(&self) -> Result<EstimateReport, Fault> {
        Ok(Self::estimate_report(self).await?)
    }

    async fn check_account(&self) -> Result<AccountCheck, Fault> {
        Ok(Self::check_account(self).await?)
    }

    async fn secrets(&self) -> Result<Vec<SecretView>, Fault> {
        Ok(self.named_secrets().await?)
    }

    async fn create_secret(&self, new: NewSecret) -> Result<SecretView, Fault> {
        Ok(Self::create_secret(self, new).await?)
    }

    async fn replace_secret(&self, name: String, value: SecretText) -> Result<SecretView, Fault> {
        Ok(Self::replace_secret(self, &name, value).await?)
    }

    async fn delete_secret(&self, name: String) -> Result<(), Fault> {
        Ok(Self::delete_secret(self, &name).await?)
    }

    async fn targets(&self) -> Result<Vec<TargetView>, Fault> {
        Ok(Self::targets(self).await?)
    }

    async fn add_target(&self, new: NewTarget) -> Result<TargetView, Fault> {
        Ok(Self::add_target(self, new).await?)
    }

    async fn edit_target(&self, id: Uuid, kinds: Vec<ConcernKind>) -> Result<TargetView, Fault> {
        Ok(Self::edit_target(self, id, &kinds).await?)
    }

    async fn remove_target(&self, id: Uuid) -> Result<(), Fault> {
        Ok(Self::remove_target(self, id).await?)
    }

    async fn try_target(&self, id: Uuid) -> Result<TargetTrial, Fault> {
        Ok(Self::try_target(self, id).await?)
    }

    async fn signing_secret(&self, id: Uuid) -> Result<SigningSecret, Fault> {
        Ok(Self::signing_secret(self, id).await?)
    }

    async fn notifications(
        &self,
        query: NotificationQuery,
    ) -> Result<Page<NotificationView>, Fault> {
        Ok(self.notification_list(&query).await?)
    }

    async fn read_notifications(&self, id: Option<NotificationId>) -> Result<ReadCount, Fault> {
        Ok(match id {
            Some(id) => {
                self.read_notification(id).await?;
                ReadCount { read: 1 }
            }
            None => self.read_all_notifications().await?,
        })
    }

    async fn needs_you(&self, limit: u32, cursor: Option<String>) -> Result<NeedsYou, Fault> {
        Ok(Self::needs_you(self, Some(limit), cursor.as_deref()).await?)
    }

    async fn workflows(&self) -> Result<Vec<WorkflowView>, Fault> {
        Ok(self.workflow_list())
    }

    async fn guides(&self) -> Result<Vec<GuideView>, Fault> {
        Ok(self.guide_list().await?)
    }

    async fn guide(&self, path: String) -> Result<GuideContent, Fault> {
        Ok(self.read_guide(&path).await?)
    }

    async fn tasks(&self, query: TaskQuery) -> Result<Page<TaskView>, Fault> {
        let page = self.task_list(&query).await?;
        let slim = page.items.into_iter().map(TaskView::without_description);
        Ok(Page {
            items: slim.collect(),
            next_cursor: page.next_cursor,
        })
    }

    async fn task(&self, id: TaskId) -> Result<TaskDetail, Fault> {
        Ok(self.task_detail(id).await?)
    }

    async fn create_task(&self, new: CreateTask) -> Result<TaskView, Fault> {
        Ok(Self::create_task(self, new).await?)
    }

    async fn edit_task(&self, id: TaskId, edit: TaskEdit) -> Result<TaskView, Fault> {
        Ok(Self::edit_task(self, id, edit).await?)
    }

    async fn delete_task(&self, id: TaskId) -> Result<(), Fault> {
        Ok(Self::delete_task(self, id).await?)
    }

    async fn execute(&self, id: TaskId) -> Result<TaskView, Fault> {
        Ok(self.start_task(id).await?)
    }

    async fn cancel(&self, id: TaskId) -> Result<TaskView, Fault> {
        Ok(self.cancel_task(id).await?)
    }

    async fn retry(&self, id: TaskId) -> Result<TaskView, Fault> {
        Ok(self.retry_task(id).await?)
    }

    async fn pause(&self, id: TaskId, at: PauseAt) -> Result<TaskView, Fault> {
        Ok(self.pause_task(id, at).await?)
    }

    async fn resume(&self, id: TaskId) -> Result<TaskView, Fault> {
        Ok(self.resume_task(id).await?)
    }

    async fn interrupt(&self, id: TaskId) -> Result<TaskView, Fault> {
        Ok(self.interrupt_agent(id).await?)
    }

    async fn send_message(&self, id: TaskId, message: MessageText) -> Result<MessageView, Fault> {
        Ok(Self::send_message(self, id, message).await?)
    }

    async fn edit_message(
        &self,
        id: TaskId,
        message: MessageId,
        edit: EditMessage,
    ) -> Result<MessageView, Fault> {
        Ok(Self::edit_message(self, id, message, edit).await?)
    }

    async fn cancel_message(&self, id: TaskId, message: MessageId) -> Result<MessageView, Fault> {
        Ok(Self::cancel_message(self, id, message).await?)
    }

    async fn answer_question(
        &self,
        id: QuestionId,
        given: GivenAnswer,
    ) -> Result<QuestionView, Fault> {
        Ok(Self::answer_question(self, id, given).await?)
    }

    async fn permissions(&self, id: TaskId) -> Result<PermissionsView, Fault> {
        Ok(Self::permissions(self, id).await?)
    }

    async fn grant_permission(
        &self,
        id: TaskId,
        rule: PermissionRule,
    ) -> Result<GrantedRule, Fault> {
        Ok(Self::grant_permission(self, id, rule).await?)
    }

    async fn revoke_permission(&self, id: TaskId, rule: RuleId) -> Result<(), Fault> {
        Ok(Self::revoke_permission(self, id, rule).await?)
    }

    async fn provide_dependency(
        &self,
        id: DependencyId,
        given: ProvideDependency,
    ) -> Result<DependencyView, Fault> {
        Ok(Self::provide_dependency(self, id, given).await?)
    }

    async fn request_review(&self, id: TaskId) -> Result<TaskView, Fault> {
        Ok(Self::request_review(self, id).await?)
    }

    async fn approve(&self, id: ReviewId, comment: Option<Note>) -> Result<ReviewView, Fault> {
        Ok(self.approve_review(id, comment).await?)
    }

    async fn request_changes(
        &self,
        id: ReviewId,
        request: ChangeRequest,
    ) -> Result<ReviewView, Fault> {
        Ok(self.send_back(id, request).await?)
    }

    async fn add_feedback(&self, id: ReviewId, comment: Comment) -> Result<ReviewView, Fault> {
        Ok(self.comment_on(id, comment).await?)
    }

    async fn resolve_feedback(
        &self,
        id: ReviewId,
        feedback: FeedbackId,
    ) -> Result<ReviewView, Fault> {
        Ok(self.resolve_comment(id, feedback).await?)
    }

    async fn deliverables(&self, id: TaskId) -> Result<Vec<DeliverableView>, Fault> {
        Ok(self.list_deliverables(id, false).await?)
    }

    async fn deliverable(&self, id: TaskId, path: String) -> Result<DeliverableContent, Fault> {
        Ok(self.deliverable_shown(id, &path).await?)
    }

    async fn diff(&self, id: TaskId, phase: Option<u32>) -> Result<ChangeList, Fault> {
        Ok(self.changes_shown(id, phase).await?)
    }

    async fn checkpoints(&self, id: TaskId) -> Result<Vec<CheckpointView>, Fault> {
        Ok(Self::checkpoints(self, id).await?)
    }

    async fn compare(
        &self,
        id: TaskId,
        from: CheckpointId,
        query: CompareQuery,
    ) -> Result<ChangeList, Fault> {
        Ok(self.comparison_shown(id, from, query).await?)
    }

    async fn fork(&self, id: TaskId, wanted: ForkTask) -> Result<TaskView, Fault> {
        Ok(self.fork_task(id, wanted).await?)
    }

    async fn restore(&self, id: TaskId, wanted: RestoreTask) -> Result<TaskView, Fault> {
        Ok(Box::pin(self.restore_task(id, wanted)).await?)
    }

    async fn task_version(&self, id: TaskId, version: u64) -> Result<TaskVersion, Fault> {
        Ok(Self::task_version(self, id, version).await?)
    }

    async fn branch(&self, id: TaskId) -> Result<Option<BranchView>, Fault> {
        Ok(self.find_branch(id).await?)
    }

    async fn review_work(&self, id: ReviewId, since: bool) -> Result<ReviewWork, Fault> {
        Ok(Self::review_work(self, id, since).await?)
    }

    async fn review_file(&self, id: ReviewId, wanted: ShowFile) -> Result<ShownFile, Fault> {
        Ok(self.show_reviewed(id, &wanted).await?)
    }

    async fn events(&self, id: TaskId, query: EventQuery) -> Result<Page<EventView>, Fault> {
        Ok(Service::events(self, id, &query).await?)
    }

    async fn log(&self, id: TaskId, query: LogQuery) -> Result<LogPage, Fault> {
        Ok(self.log_page(id, &query).await?)
    }
}
