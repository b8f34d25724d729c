//! What people are told of their tasks, and what waits for them.

use app::api::{NeedsYou, NotificationQuery, NotificationView, Page, ReadCount};
use app::domain::id::NotificationId;

use super::Service;
use crate::error::Error;
use crate::store::NotificationFilter;

impl Service {
    pub async fn notification_list(
        &self,
        query: &NotificationQuery,
    ) -> Result<Page<NotificationView>, Error> {
        let filter = NotificationFilter::parse(query)
            .map_err(|error| Error::field(error.field(), error.to_string()))?;
        Ok(self.parts.store.notifications(&filter).await?)
    }

    /// Marks one as read. Reading twice is reading once.
    pub async fn read_notification(&self, id: NotificationId) -> Result<NotificationView, Error> {
        let store = &self.parts.store;
        store.mark_read(Some(id)).await?;
        let read = store.notification(id).await?;
        read.ok_or(Error::NotFound {
            what: "notification",
        })
    }

    /// Marks all as read.
    pub async fn read_all_notifications(&self) -> Result<ReadCount, Error> {
        let read = self.parts.store.mark_read(None).await?;
        Ok(ReadCount { read })
    }

    /// What waits for a person, what waits for longest first.
    pub async fn needs_you(
        &self,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<NeedsYou, Error> {
        let filter = NotificationFilter::needing(limit, cursor)
            .map_err(|error| Error::field(error.field(), error.to_string()))?;
        let page = self.parts.store.needs(&filter).await?;
        let (secrets, secret_files) = self.reusable_secrets().await?;
        Ok(NeedsYou {
            items: page.items,
            next_cursor: page.next_cursor,
            secrets,
            secret_files,
        })
    }
}
