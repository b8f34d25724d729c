//! What people are told of their tasks.

use std::collections::HashMap;

use app::api::{DependencyView, NeedView, NotificationQuery, NotificationView, Page, QuestionView};
use app::domain::id::{NotificationId, TaskId};
use app::domain::task::ConcernKind;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryResult, Value,
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{FilterError, MAX_LIMIT, Store, StoreError, clock, counted, statement, stored};
use crate::projections::{dependency, question};

const DEFAULT_LIMIT: u32 = 50;

/// The most that a count goes up to: nobody reads a larger one.
const MOST_COUNTED: u32 = 1_000;

/// The cause holds.
const OPEN: &str = "resolved_at_ms IS NULL";

const UNREAD: &str = "resolved_at_ms IS NULL AND read_at_ms IS NULL";

/// In the words of the index.
const NEEDING: &str =
    "resolved_at_ms IS NULL AND kind NOT IN ('completed', 'limit', 'budget_warning')";

/// Which notifications to list, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotificationFilter {
    condition: &'static str,
    limit: u32,
    cursor: Option<Cursor>,
}

impl NotificationFilter {
    /// Parses what a client has sent. Empty texts count as not given, as forms send them.
    pub fn parse(query: &NotificationQuery) -> Result<Self, FilterError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let condition = match given(&query.filter).as_deref() {
            None | Some("all") => "1 = 1",
            Some("open") => OPEN,
            Some("unread") => UNREAD,
            Some(_) => return Err(FilterError::Filter),
        };
        Self::new(condition, query.limit, given(&query.cursor).as_deref())
    }

    /// What waits for a person.
    pub fn needing(limit: Option<u32>, cursor: Option<&str>) -> Result<Self, FilterError> {
        Self::new(NEEDING, limit, cursor.filter(|text| !text.is_empty()))
    }

    fn new(
        condition: &'static str,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<Self, FilterError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(FilterError::Limit);
        }
        Ok(Self {
            condition,
            limit,
            cursor: cursor.map(Cursor::parse).transpose()?,
        })
    }
}

/// The place of a notification in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    raised_at_ms: i64,
    id: NotificationId,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, FilterError> {
        let bytes = URL_SAFE_NO_PAD.decode(text);
        let bytes: [u8; 32] = bytes
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(FilterError::Cursor)?;
        let part = |from: usize| -> i64 {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[from..from + 8]);
            i64::from_be_bytes(number)
        };
        let task = Uuid::from_slice(&bytes[8..24]).map_err(|_| FilterError::Cursor)?;
        Ok(Self {
            raised_at_ms: part(0),
            id: NotificationId {
                task: TaskId::from_uuid(task),
                version: counted(part(24)),
            },
        })
    }

    fn encode(self) -> String {
        let mut bytes = self.raised_at_ms.to_be_bytes().to_vec();
        bytes.extend(self.id.task.as_uuid().as_bytes());
        bytes.extend(stored(self.id.version).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn values(self) -> [Value; 3] {
        [
            self.raised_at_ms.into(),
            self.id.task.as_uuid().into(),
            stored(self.id.version).into(),
        ]
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
}

impl Store {
    /// Notifications that match, newest first.
    pub async fn notifications(
        &self,
        filter: &NotificationFilter,
    ) -> Result<Page<NotificationView>, StoreError> {
        self.notification_page(filter, Order::NewestFirst).await
    }

    /// What waits for a person, what waits for longest first, with what is asked.
    pub async fn needs(&self, filter: &NotificationFilter) -> Result<Page<NeedView>, StoreError> {
        let page = self.notification_page(filter, Order::OldestFirst).await?;
        let about = |kinds: &[ConcernKind]| -> Vec<Uuid> {
            let items = page.items.iter();
            let items = items.filter(|item| kinds.contains(&item.kind));
            items.map(|item| item.subject_id).collect()
        };
        let asked = about(&[ConcernKind::Question, ConcernKind::Permission]);
        let asked = question::Entity::find()
            .filter(question::Column::Id.is_in(asked))
            .all(self.reader())
            .await?;
        let mut asked = views::<QuestionView>(asked.into_iter().map(|row| (row.id, row.view)));
        let needed = about(&[ConcernKind::Dependency]);
        let needed = dependency::Entity::find()
            .filter(dependency::Column::Id.is_in(needed))
            .all(self.reader())
            .await?;
        let mut needed = views::<DependencyView>(needed.into_iter().map(|row| (row.id, row.view)));
        let items = page.items.into_iter().map(|notification| NeedView {
            question: asked.remove(&notification.subject_id),
            dependency: needed.remove(&notification.subject_id),
            notification,
        });
        Ok(Page {
            items: items.collect(),
            next_cursor: page.next_cursor,
        })
    }

    async fn notification_page(
        &self,
        filter: &NotificationFilter,
        order: Order,
    ) -> Result<Page<NotificationView>, StoreError> {
        let (sign, direction) = match order {
            Order::NewestFirst => ("<", "DESC"),
            Order::OldestFirst => (">", "ASC"),
        };
        let from = filter.cursor.map_or_else(String::new, |_| {
            format!("AND (raised_at_ms, task_id, version) {sign} ($1, $2, $3)")
        });
        let sql = format!(
            "SELECT * FROM notifications WHERE {} {from} \
             ORDER BY raised_at_ms {direction}, task_id {direction}, version {direction} LIMIT {}",
            filter.condition,
            filter.limit + 1
        );
        let values = filter.cursor.map(Cursor::values);
        let asked = statement(self.backend(), sql, values.into_iter().flatten());
        let mut rows = self.reader().query_all_raw(asked).await?;
        let more = rows.len() > filter.limit as usize;
        rows.truncate(filter.limit as usize);
        let items: Result<Vec<_>, _> = rows.iter().map(view).collect();
        let items = items?;
        let last = items.last().filter(|_| more).map(|item| Cursor {
            raised_at_ms: item.raised_at.timestamp_millis(),
            id: item.id,
        });
        Ok(Page {
            items,
            next_cursor: last.map(Cursor::encode),
        })
    }

    /// One notification, if it is still kept.
    pub async fn notification(
        &self,
        id: NotificationId,
    ) -> Result<Option<NotificationView>, StoreError> {
        let sql = "SELECT * FROM notifications WHERE task_id = $1 AND version = $2";
        let asked = statement(self.backend(), sql, key(id));
        let row = self.reader().query_one_raw(asked).await?;
        row.as_ref().map(view).transpose()
    }

    /// How many notifications nobody has read and whose cause holds, up to a thousand.
    pub async fn unread(&self) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT COUNT(*) AS unread FROM \
             (SELECT 1 FROM notifications WHERE {UNREAD} LIMIT {MOST_COUNTED}) AS counted"
        );
        let row = self
            .reader()
            .query_one_raw(statement(self.backend(), sql, []))
            .await?;
        let count: Option<i64> = row.map(|row| row.try_get("", "unread")).transpose()?;
        Ok(count.map_or(0, counted))
    }

    /// Notes that a notification was read, or all of them. Says how many were not before.
    pub async fn mark_read(&self, id: Option<NotificationId>) -> Result<u64, StoreError> {
        let tx = self.begin().await?;
        match mark_read(&tx, id).await {
            Ok(count) => {
                tx.commit().await?;
                Ok(count)
            }
            Err(error) => {
                // Dropped, it would be rolled back as well, but later.
                tx.rollback().await.ok();
                Err(error)
            }
        }
    }
}

async fn mark_read(
    tx: &DatabaseTransaction,
    id: Option<NotificationId>,
) -> Result<u64, StoreError> {
    let backend = tx.get_database_backend();
    let (chosen, key) = match id {
        Some(id) => ("AND task_id = $1 AND version = $2", key(id).to_vec()),
        None => ("", Vec::new()),
    };
    // First where it stays: the other is a read table, which can be dropped.
    let now = clock(backend);
    let sql = format!(
        "INSERT INTO notification_reads (task_id, version, owner_id, read_at_ms) \
         SELECT task_id, version, owner_id, {now} FROM notifications \
         WHERE read_at_ms IS NULL {chosen} ON CONFLICT (task_id, version, owner_id) DO NOTHING"
    );
    tx.execute_raw(statement(backend, sql, key.clone())).await?;
    let sql = format!(
        "UPDATE notifications SET read_at_ms = (SELECT MAX(r.read_at_ms) FROM notification_reads r \
         WHERE r.task_id = notifications.task_id AND r.version = notifications.version) \
         WHERE read_at_ms IS NULL {chosen}"
    );
    let marked = tx.execute_raw(statement(backend, sql, key)).await?;
    Ok(marked.rows_affected())
}

fn key(id: NotificationId) -> [Value; 2] {
    [id.task.as_uuid().into(), stored(id.version).into()]
}

fn view(row: &QueryResult) -> Result<NotificationView, StoreError> {
    let id = NotificationId {
        task: TaskId::from_uuid(row.try_get("", "task_id")?),
        version: counted(row.try_get("", "version")?),
    };
    let kind: String = row.try_get("", "kind")?;
    let kind: ConcernKind = kind.parse().map_err(|_| super::Corruption::Row {
        task: id.task,
        version: id.version,
    })?;
    let time = |column: &str| -> Result<Option<DateTime<Utc>>, sea_orm::DbErr> {
        let ms: Option<i64> = row.try_get("", column)?;
        Ok(ms.and_then(DateTime::from_timestamp_millis))
    };
    Ok(NotificationView {
        id,
        task_id: id.task,
        title: row.try_get("", "title")?,
        kind,
        subject_id: row.try_get("", "subject")?,
        text: row.try_get("", "text")?,
        href: NotificationView::place(id.task, kind),
        raised_at: time("raised_at_ms")?.unwrap_or_default(),
        resolved_at: time("resolved_at_ms")?,
        read_at: time("read_at_ms")?,
    })
}

/// Stored views by their id. One that an earlier program stored in another shape is left out: its place
/// is linked to, and shows it.
fn views<T: DeserializeOwned>(rows: impl Iterator<Item = (Uuid, String)>) -> HashMap<Uuid, T> {
    rows.filter_map(|(id, view)| Some((id, serde_json::from_str(&view).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(raised_at_ms in any::<i64>(), task in any::<u128>(), version in 0..u64::MAX / 2) {
            let task = TaskId::from_uuid(Uuid::from_u128(task));
            let cursor = Cursor { raised_at_ms, id: NotificationId { task, version } };
            prop_assert_eq!(Cursor::parse(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in any::<String>()) {
            let parsed = Cursor::parse(&text);
            prop_assert!(parsed.is_ok() || parsed == Err(FilterError::Cursor));
        }
    }
}
