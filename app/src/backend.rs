//! The one port from the server functions to the server.

use std::sync::Arc;

use async_trait::async_trait;
use leptos::prelude::use_context;
use uuid::Uuid;

use crate::api::{
    AccountCheck, BranchView, ChangeList, CheckpointView, CompareQuery, CreateTask,
    DeliverableContent, DeliverableView, DependencyView, EditMessage, EditSettings, EstimateReport,
    EventQuery, EventView, ForkTask, GivenAnswer, GuideContent, GuideView, LogPage, LogQuery,
    MessageText, MessageView, MoveTask, NeedsYou, NewSchedule, NewSecret, NewTarget,
    NotificationQuery, NotificationView, Overview, Page, PermissionsView, ProvideDependency,
    QuestionView, QueueView, ReadCount, RestoreTask, ReviewView, ReviewWork, ScheduleView,
    SecretText, SecretView, SettingsView, ShowFile, ShownFile, SigningSecret, TargetTrial,
    TargetView, TaskDetail, TaskQuery, TaskVersion, TaskView, UsagePage, UsageReport, WorkflowView,
};
use crate::domain::id::{
    CheckpointId, DependencyId, FeedbackId, MessageId, NotificationId, QuestionId, ReviewId,
    RuleId, ScheduleId, TaskId,
};
use crate::domain::permission::{GrantedRule, PermissionRule};
use crate::domain::task::{ChangeRequest, Comment, ConcernKind, PauseAt, TaskEdit};
use crate::domain::text::Note;
use crate::fault::Fault;

/// What the pages need of the server. One method per use case; authorisation happens behind it.
#[async_trait]
pub trait Backend: Send + Sync {
    async fn overview(&self) -> Result<Overview, Fault>;
    async fn settings(&self) -> Result<SettingsView, Fault>;
    async fn edit_settings(&self, edit: EditSettings) -> Result<SettingsView, Fault>;
    /// The figures of the last thirty days.
    async fn usage_page(&self) -> Result<UsagePage, Fault>;
    /// By phases and their models.
    async fn schedules(&self) -> Result<Vec<ScheduleView>, Fault>;
    async fn add_schedule(&self, new: NewSchedule) -> Result<ScheduleView, Fault>;
    async fn change_schedule(
        &self,
        id: ScheduleId,
        new: NewSchedule,
    ) -> Result<ScheduleView, Fault>;
    async fn pause_schedule(&self, id: ScheduleId, paused: bool) -> Result<ScheduleView, Fault>;
    async fn run_schedule(&self, id: ScheduleId) -> Result<TaskView, Fault>;
    async fn remove_schedule(&self, id: ScheduleId) -> Result<(), Fault>;
    async fn queue(&self) -> Result<QueueView, Fault>;
    async fn move_task(&self, id: TaskId, to: MoveTask) -> Result<TaskView, Fault>;
    async fn task_usage(&self, id: TaskId) -> Result<UsageReport, Fault>;
    async fn estimate_report(&self) -> Result<EstimateReport, Fault>;
    async fn check_account(&self) -> Result<AccountCheck, Fault>;
    async fn secrets(&self) -> Result<Vec<SecretView>, Fault>;
    async fn create_secret(&self, new: NewSecret) -> Result<SecretView, Fault>;
    async fn replace_secret(&self, name: String, value: SecretText) -> Result<SecretView, Fault>;
    async fn delete_secret(&self, name: String) -> Result<(), Fault>;
    async fn targets(&self) -> Result<Vec<TargetView>, Fault>;
    async fn add_target(&self, new: NewTarget) -> Result<TargetView, Fault>;
    async fn edit_target(&self, id: Uuid, kinds: Vec<ConcernKind>) -> Result<TargetView, Fault>;
    async fn remove_target(&self, id: Uuid) -> Result<(), Fault>;
    async fn try_target(&self, id: Uuid) -> Result<TargetTrial, Fault>;
    async fn signing_secret(&self, id: Uuid) -> Result<SigningSecret, Fault>;
    async fn notifications(
        &self,
        query: NotificationQuery,
    ) -> Result<Page<NotificationView>, Fault>;
    /// One, or all of them.
    async fn read_notifications(&self, id: Option<NotificationId>) -> Result<ReadCount, Fault>;
    async fn needs_you(&self, limit: u32, cursor: Option<String>) -> Result<NeedsYou, Fault>;
    async fn workflows(&self) -> Result<Vec<WorkflowView>, Fault>;
    async fn guides(&self) -> Result<Vec<GuideView>, Fault>;
    async fn guide(&self, path: String) -> Result<GuideContent, Fault>;
    async fn tasks(&self, query: TaskQuery) -> Result<Page<TaskView>, Fault>;
    async fn task(&self, id: TaskId) -> Result<TaskDetail, Fault>;
    async fn create_task(&self, new: CreateTask) -> Result<TaskView, Fault>;
    async fn edit_task(&self, id: TaskId, edit: TaskEdit) -> Result<TaskView, Fault>;
    async fn delete_task(&self, id: TaskId) -> Result<(), Fault>;
    async fn execute(&self, id: TaskId) -> Result<TaskView, Fault>;
    async fn cancel(&self, id: TaskId) -> Result<TaskView, Fault>;
    async fn retry(&self, id: TaskId) -> Result<TaskView, Fault>;
    async fn pause(&self, id: TaskId, at: PauseAt) -> Result<TaskView, Fault>;
    async fn resume(&self, id: TaskId) -> Result<TaskView, Fault>;
    async fn interrupt(&self, id: TaskId) -> Result<TaskView, Fault>;
    async fn send_message(&self, id: TaskId, message: MessageText) -> Result<MessageView, Fault>;
    async fn edit_message(
        &self,
        id: TaskId,
        message: MessageId,
        edit: EditMessage,
    ) -> Result<MessageView, Fault>;
    async fn cancel_message(&self, id: TaskId, message: MessageId) -> Result<MessageView, Fault>;
    async fn answer_question(
        &self,
        id: QuestionId,
        given: GivenAnswer,
    ) -> Result<QuestionView, Fault>;
    async fn permissions(&self, id: TaskId) -> Result<PermissionsView, Fault>;
    async fn grant_permission(
        &self,
        id: TaskId,
        rule: PermissionRule,
    ) -> Result<GrantedRule, Fault>;
    async fn revoke_permission(&self, id: TaskId, rule: RuleId) -> Result<(), Fault>;
    async fn provide_dependency(
        &self,
        id: DependencyId,
        given: ProvideDependency,
    ) -> Result<DependencyView, Fault>;
    async fn request_review(&self, id: TaskId) -> Result<TaskView, Fault>;
    async fn approve(&self, id: ReviewId, comment: Option<Note>) -> Result<ReviewView, Fault>;
    async fn request_changes(
        &self,
        id: ReviewId,
        request: ChangeRequest,
    ) -> Result<ReviewView, Fault>;
    async fn add_feedback(&self, id: ReviewId, comment: Comment) -> Result<ReviewView, Fault>;
    async fn resolve_feedback(
        &self,
        id: ReviewId,
        feedback: FeedbackId,
    ) -> Result<ReviewView, Fault>;
    async fn deliverables(&self, id: TaskId) -> Result<Vec<DeliverableView>, Fault>;
    /// Always as HTML, if it is text, and without that text.
    async fn deliverable(&self, id: TaskId, path: String) -> Result<DeliverableContent, Fault>;
    /// With the changed lines, ready to be shown.
    async fn diff(&self, id: TaskId, phase: Option<u32>) -> Result<ChangeList, Fault>;
    async fn checkpoints(&self, id: TaskId) -> Result<Vec<CheckpointView>, Fault>;
    /// With the changed lines, ready to be shown.
    async fn compare(
        &self,
        id: TaskId,
        from: CheckpointId,
        query: CompareQuery,
    ) -> Result<ChangeList, Fault>;
    async fn fork(&self, id: TaskId, wanted: ForkTask) -> Result<TaskView, Fault>;
    async fn restore(&self, id: TaskId, wanted: RestoreTask) -> Result<TaskView, Fault>;
    async fn task_version(&self, id: TaskId, version: u64) -> Result<TaskVersion, Fault>;
    async fn branch(&self, id: TaskId) -> Result<Option<BranchView>, Fault>;
    async fn review_work(&self, id: ReviewId, since: bool) -> Result<ReviewWork, Fault>;
    async fn review_file(&self, id: ReviewId, wanted: ShowFile) -> Result<ShownFile, Fault>;
    async fn events(&self, id: TaskId, query: EventQuery) -> Result<Page<EventView>, Fault>;
    async fn log(&self, id: TaskId, query: LogQuery) -> Result<LogPage, Fault>;
}

/// The server behind the server function that is running.
pub fn backend() -> Result<Arc<dyn Backend>, Fault> {
    use_context::<Arc<dyn Backend>>().ok_or(Fault::Internal)
}
