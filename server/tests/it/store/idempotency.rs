//! Requests that come twice.

use server::store::{IdempotencyKey, Recall, StoredAnswer};
use tokio::task::JoinSet;

use crate::support::database::on_both_databases;

fn key(key: &str, body: u8) -> IdempotencyKey {
    IdempotencyKey {
        key: key.to_owned(),
        route: "POST /api/tasks".to_owned(),
        body_digest: [body; 32],
    }
}

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        location: Some("/api/tasks/1".to_owned()),
        content_type: Some("application/json".to_owned()),
        body: b"{\"id\":\"\0\"}".to_vec(),
    }
}

on_both_databases! {
    async fn a_repeated_request_gets_the_same_answer(database) {
        let store = &database.store;
        let first = key("a", 1);
        assert_eq!(store.recall(&first).await.unwrap(), Recall::New);
        assert_eq!(store.recall(&first).await.unwrap(), Recall::InProgress);
        store.remember(&first, &answer()).await.unwrap();
        assert_eq!(store.recall(&first).await.unwrap(), Recall::Answered(answer()));
        assert_eq!(store.recall(&key("a", 2)).await.unwrap(), Recall::Different);
        assert_eq!(store.recall(&key("b", 2)).await.unwrap(), Recall::New);
        let route = "POST /api/other".to_owned();
        assert_eq!(store.recall(&IdempotencyKey { route, ..key("a", 1) }).await.unwrap(), Recall::New);
    }

    async fn a_request_that_came_to_nothing_may_be_tried_again(database) {
        let store = &database.store;
        store.recall(&key("a", 1)).await.unwrap();
        store.forget(&key("a", 1)).await.unwrap();
        assert_eq!(store.recall(&key("a", 1)).await.unwrap(), Recall::New);
        // An answer stays: forgetting is for those that have none.
        store.remember(&key("a", 1), &answer()).await.unwrap();
        store.forget(&key("a", 1)).await.unwrap();
        assert_eq!(store.recall(&key("a", 1)).await.unwrap(), Recall::Answered(answer()));
    }

    async fn of_requests_at_the_same_moment_one_is_carried_out(database) {
        let mut requests = JoinSet::new();
        for _ in 0..8 {
            let store = database.store.clone();
            requests.spawn(async move { store.recall(&key("a", 1)).await.unwrap() });
        }
        let recalled = requests.join_all().await;
        let new = recalled.iter().filter(|recall| **recall == Recall::New).count();
        assert_eq!(new, 1, "{recalled:?}");
    }

    async fn a_key_is_forgotten_when_its_time_is_over(database) {
        let store = &database.store;
        store.recall(&key("a", 1)).await.unwrap();
        store.remember(&key("a", 1), &answer()).await.unwrap();
        store.recall(&key("b", 1)).await.unwrap();
        database.execute("UPDATE idempotency_keys SET expires_at_ms = 1").await;
        assert_eq!(store.recall(&key("a", 2)).await.unwrap(), Recall::New);
        assert_eq!(database.number("SELECT COUNT(*) FROM idempotency_keys").await, 1);
    }
}
