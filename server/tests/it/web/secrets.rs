//! `/api/secrets`.

use http::StatusCode;
use serde_json::{Value, json};

use super::support::TestApp;

const VALUE: &str = "sk-live-canary-of-the-reusable-secret-wxyz";

async fn keep(app: &TestApp, new: Value) -> super::support::Answer {
    app.json("POST", "/api/secrets", &new).await
}

#[tokio::test]
async fn a_secret_is_kept_replaced_listed_and_removed_and_its_value_never_comes_out() {
    let app = TestApp::new().await;
    assert_eq!(
        app.get("/api/secrets").await.json(),
        json!({"items": [], "next_cursor": null})
    );
    let kept = keep(&app, json!({"name": "STRIPE_KEY", "value": VALUE})).await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.body);
    assert_eq!(kept.header("location"), "/api/secrets/STRIPE_KEY");
    let shown = kept.json();
    assert_eq!(shown["kind"], "variable");
    assert_eq!(shown["last_four"], "wxyz");
    assert_eq!(shown["tasks"], 0);
    let file = keep(
        &app,
        json!({"name": "account.json", "kind": "file", "value": "{\"key\": 1}"}),
    )
    .await;
    assert_eq!(file.json()["last_four"], Value::Null);

    let list = app.get("/api/secrets").await;
    let names: Vec<_> = list.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    assert_eq!(names, ["STRIPE_KEY", "account.json"]);
    for answer in [&kept, &list] {
        assert!(!answer.body.contains("canary"), "{}", answer.body);
    }

    let changed = app
        .json(
            "PUT",
            "/api/secrets/STRIPE_KEY",
            &json!({"value": VALUE.replace("wxyz", "stuv")}),
        )
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    assert_eq!(changed.json()["last_four"], "stuv");
    assert_eq!(changed.json()["created_at"], shown["created_at"]);

    let task = app.create("custom").await;
    let detail = app
        .get(&format!(
            "/api/tasks/{}/detail",
            task["id"].as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(detail["secrets"], json!(["STRIPE_KEY"]));
    assert_eq!(detail["secret_files"], json!(["account.json"]));

    assert_eq!(delete(&app, "STRIPE_KEY").await, StatusCode::NO_CONTENT);
    assert_eq!(delete(&app, "STRIPE_KEY").await, StatusCode::NOT_FOUND);
    assert_eq!(
        app.get("/api/secrets").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn delete(app: &TestApp, name: &str) -> StatusCode {
    let request = super::support::request("DELETE", &format!("/api/secrets/{name}"));
    app.send(request.body(axum::body::Body::empty()).unwrap())
        .await
        .status
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_told_without_its_value() {
    let app = TestApp::new().await;
    keep(&app, json!({"name": "TAKEN", "value": VALUE})).await;
    for (new, field) in [
        (json!({"name": "TAKEN", "value": VALUE}), "name"),
        (json!({"name": "../x", "value": VALUE}), "name"),
        (json!({"name": "", "value": VALUE}), "name"),
        (json!({"value": VALUE}), "name"),
        (json!({"name": "X"}), "value"),
        (json!({"name": "X", "value": ""}), "value"),
        (json!({"name": "X", "value": [VALUE]}), "value"),
        (json!({"name": "X", "value": format!("{VALUE}\0")}), "value"),
        (json!({"name": "X", "value": VALUE.repeat(2_000)}), "value"),
        (json!({"name": "X", "value": VALUE, "kind": "page"}), "kind"),
        (
            json!({"name": "X", "value": VALUE, "scope": "task"}),
            "scope",
        ),
    ] {
        let answer = keep(&app, new).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{}",
            answer.body
        );
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(
            answer.json()["errors"][0]["field"],
            field,
            "{}",
            answer.body
        );
        assert!(!answer.body.contains("canary"), "{}", answer.body);
    }
    for name in ["NONE", "a%2Fb"] {
        let answer = app
            .json(
                "PUT",
                &format!("/api/secrets/{name}"),
                &json!({"value": VALUE}),
            )
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.body);
    }
    let empty = app
        .json("PUT", "/api/secrets/TAKEN", &json!({"value": ""}))
        .await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        app.get("/api/secrets").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_secret_that_is_sent_twice_with_a_key_is_kept_once_and_can_not_be_guessed_from_the_database()
 {
    use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
    use sha2::{Digest as _, Sha256};
    let app = TestApp::new().await;
    let body = json!({"name": "STRIPE_KEY", "value": VALUE}).to_string();
    let send = || {
        let request = super::support::request("POST", "/api/secrets")
            .header("content-type", "application/json")
            .header("idempotency-key", "one");
        app.send(request.body(body.clone().into()).unwrap())
    };
    assert_eq!(send().await.status, StatusCode::CREATED);
    let again = send().await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (StatusCode::CREATED, "true")
    );
    let sql = "SELECT body_sha256 FROM idempotency_keys";
    let url = format!("sqlite://{}", app.data.path().join("ccs.db").display());
    let database = sea_orm::Database::connect(url).await.unwrap();
    let asked = Statement::from_string(DbBackend::Sqlite, sql.to_owned());
    let row = database.query_one_raw(asked).await.unwrap().unwrap();
    let stored: Vec<u8> = row.try_get_by_index(0).unwrap();
    assert_eq!(stored.len(), 32);
    assert_ne!(stored, Sha256::digest(&body).to_vec());
}
