//! The pages: server functions, the page's component, and its small parts.

mod activity;
mod call_card;
mod changes;
mod dependency_card;
mod files;
mod guides;
mod history;
mod list;
mod list_row;
mod list_section;
mod needs_you;
mod new_task;
mod new_task_fields;
mod new_task_form;
mod not_found;
mod permissions;
mod question_card;
mod result;
mod review;
mod review_actions;
mod review_comments;
mod review_files;
mod review_place;
mod review_verdict;
mod review_viewed;
mod task;
mod task_actions;
mod task_attention;
mod task_header;
mod task_state;

pub use guides::{GuidePage, GuidesPage};
pub use list::TaskListPage;
pub use needs_you::NeedsYouPage;
pub use new_task::NewTaskPage;
pub use not_found::NotFoundPage;
pub use task::TaskPage;
