//! Lists and look-ups, all from the projections.

use app::api::{Page, TaskQuery, TaskView};
use app::domain::id::{DependencyId, QuestionId, ReviewId, TaskId};
use app::domain::plan::TaskType;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::{Store, StoreError};
use crate::projections::{dependency, question, review, task};

/// The most tasks on one page.
pub const MAX_LIMIT: u32 = 200;

const DEFAULT_LIMIT: u32 = 50;

/// What keeps a task waiting for a person.
const NEEDS_YOU: [&str; 6] = [
    "review",
    "question",
    "dependency",
    "budget",
    "credentials",
    "message",
];

/// What a task can be, by the name on the wire.
const STATUSES: [&str; 8] = [
    "draft",
    "queued",
    "running",
    "waiting",
    "paused",
    "completed",
    "failed",
    "cancelled",
];

const ACTIVE: [&str; 5] = ["draft", "queued", "running", "waiting", "paused"];

/// Which tasks to list, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// All unless given.
    pub status: Option<StatusFilter>,
    /// All unless given.
    pub task_type: Option<TaskType>,
    /// A text in the title or the description, whatever its case.
    pub q: Option<String>,
    /// 1 to [`MAX_LIMIT`]; 0 stands for 50.
    pub limit: u32,
    /// The last task of the page before.
    cursor: Option<Cursor>,
}

/// A status or a group of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// By its name.
    Is(&'static str),
    /// Not finished.
    Active,
    /// Waiting for a person.
    NeedsYou,
}

/// Which field of a query can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error(
        "must be draft, queued, running, waiting, paused, completed, failed, cancelled, active or needs_you"
    )]
    Status,
    #[error("must be create_app, modify_app, workflow or custom")]
    TaskType,
    #[error("must be a number from 1 to 200")]
    Limit,
    #[error("must be unread, open or all")]
    Filter,
    #[error("is not a cursor that was given out")]
    Cursor,
}

impl FilterError {
    /// The field's name on the wire.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::TaskType => "type",
            Self::Limit => "limit",
            Self::Filter => "filter",
            Self::Cursor => "cursor",
        }
    }
}

impl TaskFilter {
    /// Parses what a client has sent. Empty texts count as not given, as forms send them.
    pub fn parse(query: &TaskQuery) -> Result<Self, FilterError> {
        let given = |text: &Option<String>| {
            let text = text.as_deref().map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let status = given(&query.status).map(|name| parse_status(&name));
        let task_type = given(&query.task_type).map(|name| name.parse());
        let cursor = given(&query.cursor).map(|text| Cursor::parse(&text));
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(FilterError::Limit);
        }
        Ok(Self {
            status: status.transpose()?,
            task_type: task_type.transpose().map_err(|_| FilterError::TaskType)?,
            q: given(&query.q),
            limit,
            cursor: cursor.transpose()?,
        })
    }

    fn condition(&self) -> Condition {
        let mut all = Condition::all().add(task::Column::Archived.eq(false));
        all = match self.status {
            None => all,
            Some(StatusFilter::Is(status)) => all.add(task::Column::Status.eq(status)),
            Some(StatusFilter::Active) => all.add(task::Column::Status.is_in(ACTIVE)),
            Some(StatusFilter::NeedsYou) => all
                .add(task::Column::Status.eq("waiting"))
                .add(task::Column::WaitingReason.is_in(NEEDS_YOU)),
        };
        if let Some(task_type) = self.task_type {
            all = all.add(task::Column::TaskType.eq(task_type.to_string()));
        }
        if let Some(text) = &self.q {
            all = all.add(Expr::col(task::Column::Search).like(containing(text)));
        }
        if let Some(Cursor { created_at_ms, id }) = self.cursor {
            let older = Condition::any()
                .add(task::Column::CreatedAtMs.lt(created_at_ms))
                .add(
                    Condition::all()
                        .add(task::Column::CreatedAtMs.eq(created_at_ms))
                        .add(task::Column::Id.lt(id)),
                );
            all = all.add(older);
        }
        all
    }
}

fn parse_status(name: &str) -> Result<StatusFilter, FilterError> {
    match name {
        "active" => Ok(StatusFilter::Active),
        "needs_you" => Ok(StatusFilter::NeedsYou),
        _ => {
            let known = STATUSES.into_iter().find(|known| *known == name);
            known.map(StatusFilter::Is).ok_or(FilterError::Status)
        }
    }
}

/// A pattern for texts that contain this one; its own signs for patterns mean themselves.
fn containing(text: &str) -> LikeExpr {
    let mut pattern = String::from("%");
    for sign in searchable(text).chars() {
        if matches!(sign, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(sign);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

/// A text as it is searched in: lower case, and without the one sign that `PostgreSQL` refuses.
pub(crate) fn searchable(text: &str) -> String {
    text.to_lowercase().replace('\0', "\u{fffd}")
}

/// The place of a task in the list: newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    created_at_ms: i64,
    id: Uuid,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, FilterError> {
        let bytes = URL_SAFE_NO_PAD.decode(text);
        let bytes = bytes.map_err(|_| FilterError::Cursor)?;
        let (time, id) = bytes.split_at_checked(8).ok_or(FilterError::Cursor)?;
        let time = time.try_into().map_err(|_| FilterError::Cursor)?;
        let id = Uuid::from_slice(id).map_err(|_| FilterError::Cursor)?;
        Ok(Self {
            created_at_ms: i64::from_be_bytes(time),
            id,
        })
    }

    fn encode(self) -> String {
        let mut bytes = self.created_at_ms.to_be_bytes().to_vec();
        bytes.extend(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

impl Store {
    /// Tasks that match, newest first.
    pub async fn tasks(&self, filter: &TaskFilter) -> Result<Page<TaskView>, StoreError> {
        let limit = match filter.limit {
            0 => DEFAULT_LIMIT,
            limit => Ord::min(limit, MAX_LIMIT),
        };
        let mut rows = task::Entity::find()
            .filter(filter.condition())
            .order_by_desc(task::Column::CreatedAtMs)
            .order_by_desc(task::Column::Id)
            .limit(u64::from(limit) + 1)
            .all(self.reader())
            .await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| more).map(|row| Cursor {
            created_at_ms: row.created_at_ms,
            id: row.id,
        });
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.extend(self.task_view(&row).await?);
        }
        Ok(Page {
            items,
            next_cursor: last.map(Cursor::encode),
        })
    }

    /// The view that was stored, or, if an earlier program stored it, one made anew.
    async fn task_view(&self, row: &task::Model) -> Result<Option<TaskView>, StoreError> {
        if let Ok(view) = serde_json::from_str(&row.view) {
            return Ok(Some(view));
        }
        let task = self.load(TaskId::from_uuid(row.id)).await?;
        Ok(task.as_ref().map(TaskView::from))
    }

    /// How many tasks wait for a person. Those put away don't count.
    pub async fn needs_you(&self) -> Result<u64, StoreError> {
        let waiting = task::Entity::find()
            .filter(task::Column::Archived.eq(false))
            .filter(task::Column::WaitingReason.is_in(NEEDS_YOU));
        Ok(waiting.count(self.reader()).await?)
    }

    /// Whether there is such a task, and it was not put away.
    pub async fn has_task(&self, id: TaskId) -> Result<bool, StoreError> {
        let archived: Option<bool> = task::Entity::find_by_id(id.as_uuid())
            .select_only()
            .column(task::Column::Archived)
            .into_tuple()
            .one(self.reader())
            .await?;
        Ok(archived == Some(false))
    }

    /// Whose review this is.
    pub async fn task_of_review(&self, id: ReviewId) -> Result<Option<TaskId>, StoreError> {
        let found = review::Entity::find_by_id(id.as_uuid());
        let row = found.one(self.reader()).await?;
        Ok(row.map(|row| TaskId::from_uuid(row.task_id)))
    }

    /// Whose question this is.
    pub async fn task_of_question(&self, id: QuestionId) -> Result<Option<TaskId>, StoreError> {
        let found = question::Entity::find_by_id(id.as_uuid());
        let row = found.one(self.reader()).await?;
        Ok(row.map(|row| TaskId::from_uuid(row.task_id)))
    }

    /// Whose dependency this is.
    pub async fn task_of_dependency(&self, id: DependencyId) -> Result<Option<TaskId>, StoreError> {
        let found = dependency::Entity::find_by_id(id.as_uuid());
        let row = found.one(self.reader()).await?;
        Ok(row.map(|row| TaskId::from_uuid(row.task_id)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_that_makes_no_sense_names_its_field() {
        let field = |query: TaskQuery| TaskFilter::parse(&query).map_err(FilterError::field);
        let text = |text: &str| Some(text.to_owned());
        let query = TaskQuery::default;
        assert!(field(query()).is_ok());
        let status = text("sleeping");
        assert_eq!(field(TaskQuery { status, ..query() }), Err("status"));
        let task_type = text("app");
        assert_eq!(
            field(TaskQuery {
                task_type,
                ..query()
            }),
            Err("type")
        );
        for limit in [Some(0), Some(201)] {
            assert_eq!(field(TaskQuery { limit, ..query() }), Err("limit"));
        }
        for cursor in [text("!"), text("AAAA"), text(&"A".repeat(400))] {
            assert_eq!(field(TaskQuery { cursor, ..query() }), Err("cursor"));
        }
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(created_at_ms in any::<i64>(), id in any::<u128>()) {
            let cursor = Cursor { created_at_ms, id: Uuid::from_u128(id) };
            prop_assert_eq!(Cursor::parse(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in any::<String>()) {
            let parsed = Cursor::parse(&text);
            prop_assert!(parsed.is_ok() || parsed == Err(FilterError::Cursor));
        }
    }
}
