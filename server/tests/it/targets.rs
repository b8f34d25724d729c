//! Notifications leave the house: to browsers, encrypted for each, to webhooks, signed, and to Slack; once, and
//! given up where nobody is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes128Gcm, Nonce};
use app::api::{PushKeys, PushSubscription};
use app::domain::settings::SecretSetting;
use app::domain::task::{ConcernKind, TaskCommand};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use http::{HeaderMap, StatusCode};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::Generate as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use serde_json::{Value, json};
use server::notifier::{Notifier, Reach, Surroundings};
use server::store::{Store, Target};
use sha2::Sha256;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::database::{TestDatabase, notifier, on_both_databases, settings, vault};
use crate::support::task::{Hand, act, create_queued};

const SECRET: [u8; 16] = [7; 16];

/// A push service, and the browser behind it.
#[derive(Clone)]
struct Service {
    browser: SecretKey,
    answer: Arc<Mutex<StatusCode>>,
    body: Arc<Mutex<&'static str>>,
    received: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Service {
    async fn start(serving: &mut JoinSet<()>) -> (Self, String) {
        let service = Self {
            browser: SecretKey::generate(),
            answer: Arc::new(Mutex::new(StatusCode::CREATED)),
            body: Arc::default(),
            received: Arc::default(),
        };
        let take = async |State(service): State<Self>, headers: HeaderMap, body: Bytes| {
            service.received.lock().unwrap().push((headers, body));
            (
                *service.answer.lock().unwrap(),
                *service.body.lock().unwrap(),
            )
        };
        let router = Router::new().route("/to/one", post(take));
        let router = router.with_state(service.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        (service, origin)
    }

    fn subscription(&self, origin: &str, kinds: &[ConcernKind]) -> PushSubscription {
        PushSubscription {
            endpoint: format!("{origin}/to/one"),
            keys: PushKeys {
                p256dh: URL_SAFE_NO_PAD.encode(point(&self.browser.public_key())),
                auth: URL_SAFE_NO_PAD.encode(SECRET),
            },
            kinds: kinds.to_vec(),
        }
    }

    fn answers(&self, status: StatusCode) {
        *self.answer.lock().unwrap() = status;
    }

    fn says(&self, body: &'static str) {
        *self.body.lock().unwrap() = body;
    }

    fn received(&self) -> Vec<(HeaderMap, Bytes)> {
        std::mem::take(&mut self.received.lock().unwrap())
    }

    /// As a browser does.
    fn decrypt(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let (head, rest) = rest.split_at(5);
        assert_eq!(head, [0, 0, 16, 0, 65]);
        let (sender, sealed) = rest.split_at(65);
        let public = PublicKey::from_sec1_bytes(sender).unwrap();
        let shared =
            p256::ecdh::diffie_hellman(self.browser.to_nonzero_scalar(), public.as_affine());
        let own = point(&self.browser.public_key());
        let info = [b"WebPush: info\0".as_slice(), &own, sender].concat();
        let derive = |salt: &[u8], input: &[u8], info: &[u8], output: &mut [u8]| {
            Hkdf::<Sha256>::new(Some(salt), input)
                .expand(info, output)
                .unwrap();
        };
        let (mut input, mut key, mut nonce) = ([0; 32], [0; 16], [0; 12]);
        derive(&SECRET, shared.raw_secret_bytes(), &info, &mut input);
        derive(salt, &input, b"Content-Encoding: aes128gcm\0", &mut key);
        derive(salt, &input, b"Content-Encoding: nonce\0", &mut nonce);
        let cipher = Aes128Gcm::new(&key.into());
        let mut text = cipher.decrypt(&Nonce::from(nonce), sealed).unwrap();
        assert_eq!(text.pop(), Some(2));
        serde_json::from_slice(&text).unwrap()
    }
}

fn point(key: &PublicKey) -> Vec<u8> {
    key.to_sec1_point(false).as_bytes().to_vec()
}

/// A task that has come to its gate.
async fn at_gate(store: &Store) -> app::domain::task::Task {
    create_queued(store, "Garden").await;
    Hand::take(store).await.work().await
}

async fn make_due(database: &TestDatabase) {
    database
        .execute("UPDATE notification_deliveries SET due_at_ms = 0")
        .await;
}

async fn waiting(database: &TestDatabase) -> i64 {
    database
        .number("SELECT COUNT(*) FROM notification_deliveries")
        .await
}

/// What a receiver of webhooks does with its secret.
fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let of = |name: &str| headers[name].to_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.", of("webhook-id"), of("webhook-timestamp")).as_bytes());
    mac.update(body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    of("webhook-signature") == expected
}

async fn add(store: &Store, target: &Target, kinds: &[ConcernKind]) -> Uuid {
    let id = Uuid::now_v7();
    let added = store.add_target(id, target, kinds, 20).await.unwrap();
    assert_eq!(added.unwrap().id, id);
    id
}

on_both_databases! {
    async fn a_browser_is_told_once_what_it_wants_to_hear(database) {
        let store = &database.store;
        let mut serving = JoinSet::new();
        let (service, origin) = Service::start(&mut serving).await;
        let (other, elsewhere) = Service::start(&mut serving).await;
        let wanted = service.subscription(&origin, &[ConcernKind::Review, ConcernKind::Failed]);
        store.keep_subscription(Uuid::now_v7(), &wanted).await.unwrap();
        let unwanted = other.subscription(&elsewhere, &[ConcernKind::Completed]);
        store.keep_subscription(Uuid::now_v7(), &unwanted).await.unwrap();
        let notifier = notifier(store);
        let task = at_gate(store).await;
        assert_eq!(notifier.send_due().await.unwrap(), None);
        let received = service.received();
        assert_eq!(received.len(), 1);
        assert!(other.received().is_empty());
        let (headers, body) = &received[0];
        assert_eq!(headers["content-encoding"], "aes128gcm");
        assert_eq!(headers["ttl"], "86400");
        let told = service.decrypt(body);
        assert_eq!(told["title"], "Your review is needed");
        assert_eq!(told["body"], "Garden");
        assert_eq!(told["url"], format!("/tasks/{}/review", task.id));
        assert_eq!(told.as_object().unwrap().len(), 4);

        let token = headers["authorization"].to_str().unwrap();
        let (token, public) = token.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(public, notifier.key().await.unwrap().public());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let verifier = VerifyingKey::from_sec1_bytes(&decode(public)).unwrap();
        let signature = Signature::from_slice(&decode(signature)).unwrap();
        verifier.verify(signed.as_bytes(), &signature).unwrap();
        let claims = decode(signed.split_once('.').unwrap().1);
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], origin.as_str());

        notifier.send_due().await.unwrap();
        store.rebuild().await.unwrap();
        notifier.send_due().await.unwrap();
        assert!(service.received().is_empty());
    }

    async fn a_service_that_fails_is_tried_again_and_then_given_up(database) {
        let store = &database.store;
        let mut serving = JoinSet::new();
        let (service, origin) = Service::start(&mut serving).await;
        let wanted = service.subscription(&origin, &[ConcernKind::Review]);
        store.keep_subscription(Uuid::now_v7(), &wanted).await.unwrap();
        let notifier = notifier(store);
        at_gate(store).await;
        service.answers(StatusCode::SERVICE_UNAVAILABLE);
        let pause = notifier.send_due().await.unwrap().unwrap();
        assert!(pause > Duration::from_secs(20) && pause <= Duration::from_secs(30), "{pause:?}");
        notifier.send_due().await.unwrap();
        assert_eq!(service.received().len(), 1);
        service.answers(StatusCode::CREATED);
        make_due(&database).await;
        assert_eq!(notifier.send_due().await.unwrap(), None);
        assert_eq!(service.received().len(), 1);

        service.answers(StatusCode::TOO_MANY_REQUESTS);
        at_gate(store).await;
        for _ in 0..10 {
            make_due(&database).await;
            notifier.send_due().await.unwrap();
        }
        assert_eq!(service.received().len(), 7);
        assert_eq!(waiting(&database).await, 0);
        assert_eq!(store.subscriptions().await.unwrap().len(), 1);
    }

    async fn a_browser_that_is_gone_is_forgotten(database) {
        let store = &database.store;
        let mut serving = JoinSet::new();
        let (service, origin) = Service::start(&mut serving).await;
        let wanted = service.subscription(&origin, &[ConcernKind::Review]);
        store.keep_subscription(Uuid::now_v7(), &wanted).await.unwrap();
        service.answers(StatusCode::GONE);
        at_gate(store).await;
        assert_eq!(notifier(store).send_due().await.unwrap(), None);
        assert_eq!(store.subscriptions().await.unwrap(), []);
        at_gate(store).await;
        assert_eq!(waiting(&database).await, 0);
    }

    async fn what_nobody_has_to_see_to_any_more_is_not_pushed(database) {
        let store = &database.store;
        let mut serving = JoinSet::new();
        let (service, origin) = Service::start(&mut serving).await;
        let wanted = service.subscription(&origin, &[ConcernKind::Review]);
        store.keep_subscription(Uuid::now_v7(), &wanted).await.unwrap();
        let task = at_gate(store).await;
        let review = task.open_review().unwrap().id;
        act(store, task.id, TaskCommand::Approve { review, comment: None }, None).await.unwrap();
        assert_eq!(notifier(store).send_due().await.unwrap(), None);
        assert!(service.received().is_empty());
        assert_eq!(waiting(&database).await, 0);
    }

    async fn an_address_in_the_table_is_checked_again_before_anything_is_sent(database) {
        let store = &database.store;
        let mut serving = JoinSet::new();
        let (service, origin) = Service::start(&mut serving).await;
        let wanted = service.subscription(&origin, &[ConcernKind::Review]);
        let surroundings = Surroundings {
            browsers: Reach::Public,
            ..Surroundings::new("http://127.0.0.1:3000".to_owned(), true)
        };
        let public = Notifier::new(store.clone(), vault(store), settings(store), surroundings);
        assert!(public.check(&wanted).is_err());
        store.keep_subscription(Uuid::now_v7(), &wanted).await.unwrap();
        at_gate(store).await;
        public.send_due().await.unwrap();
        assert!(service.received().is_empty());
        assert_eq!(store.subscriptions().await.unwrap(), []);
    }

    async fn the_same_browser_again_changes_its_kinds_and_the_oldest_of_many_makes_room(database) {
        let store = &database.store;
        let service = Service {
            browser: SecretKey::generate(),
            answer: Arc::new(Mutex::new(StatusCode::CREATED)),
            body: Arc::default(),
            received: Arc::default(),
        };
        let keep = async |origin: &str, kinds: &[ConcernKind]| {
            let given = service.subscription(origin, kinds);
            store.keep_subscription(Uuid::now_v7(), &given).await.unwrap()
        };
        let first = keep("https://a.example.net", &[ConcernKind::Review]).await;
        let again = keep("https://a.example.net", &[ConcernKind::Error, ConcernKind::Limit]).await;
        assert_eq!(first.id, again.id);
        assert_eq!(again.kinds, [ConcernKind::Error, ConcernKind::Limit]);
        assert_eq!(again.host, "a.example.net");
        for number in 0..20 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            keep(&format!("https://b.example.net/{number}"), &[]).await;
        }
        let kept = store.subscriptions().await.unwrap();
        assert_eq!(kept.len(), 20);
        assert!(kept.iter().all(|browser| browser.id != first.id));
    }

    async fn a_webhook_gets_what_it_wants_signed_and_the_same_again_after_a_failure(database) {
        let store = &database.store;
        let mut serving = JoinSet::new();
        let (service, origin) = Service::start(&mut serving).await;
        let notifier = notifier(store);
        let url = format!("{origin}/to/one");
        let id = add(store, &Target::Webhook { url }, &[ConcernKind::Review]).await;
        notifier.make_secret(id).await.unwrap();
        let secret = notifier.signing_secret(id).await.unwrap().unwrap();
        let task = at_gate(store).await;
        service.answers(StatusCode::BAD_GATEWAY);
        assert!(notifier.send_due().await.unwrap().is_some());
        let noted = &store.targets().await.unwrap()[0];
        assert!(noted.failure.as_ref().unwrap().contains("502"), "{noted:?}");
        assert!(noted.failed_at.is_some());

        service.answers(StatusCode::NO_CONTENT);
        make_due(&database).await;
        assert_eq!(notifier.send_due().await.unwrap(), None);
        let received = service.received();
        let [(first, _), (headers, body)] = received.as_slice() else {
            panic!("{received:?}");
        };
        assert_eq!(first["webhook-id"], headers["webhook-id"]);
        assert!(is_signed(&secret, headers, body));
        assert!(!is_signed(&secret, headers, b"{}"));
        let told: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(told["type"], "notification.review");
        assert_eq!(told["data"]["task"], json!({ "id": task.id, "title": "Garden" }));
        let place = format!("http://127.0.0.1:3000/tasks/{}/review", task.id);
        assert_eq!(told["data"]["url"], place.as_str());
        let noted = &store.targets().await.unwrap()[0];
        assert_eq!((noted.failed_at, noted.failure.as_ref()), (None, None));
    }

    async fn a_webhook_that_refuses_is_told_so_and_not_asked_again(database) {
        let store = &database.store;
        let mut serving = JoinSet::new();
        let (service, origin) = Service::start(&mut serving).await;
        let notifier = notifier(store);
        let url = format!("{origin}/to/one");
        let id = add(store, &Target::Webhook { url }, &ConcernKind::ALL).await;
        notifier.make_secret(id).await.unwrap();
        service.answers(StatusCode::FORBIDDEN);
        at_gate(store).await;
        assert_eq!(notifier.send_due().await.unwrap(), None);
        assert_eq!(service.received().len(), 1);
        let noted = &store.targets().await.unwrap()[0];
        assert!(noted.failure.as_ref().unwrap().contains("403"), "{noted:?}");
        // Whoever took the row's address over gets nothing that is not signed.
        notifier.forget_secret(id).await.unwrap();
        let target = Target::Webhook { url: format!("{origin}/to/one") };
        let trial = notifier.try_target(id, &target).await.unwrap();
        assert!(!trial.is_delivered);
        assert!(service.received().is_empty());
    }

    async fn slack_is_written_to_as_the_bot_of_the_settings(database) {
        let store = &database.store;
        let mut serving = JoinSet::new();
        let (service, origin) = Service::start(&mut serving).await;
        let settings = settings(store);
        let surroundings = Surroundings {
            webhooks: Reach::Loopback,
            slack: format!("{origin}/to/one").parse().unwrap(),
            ..Surroundings::new("https://agents.example.net".to_owned(), false)
        };
        let notifier = Notifier::new(store.clone(), vault(store), settings.clone(), surroundings);
        let target = Target::Slack { channel: "#ops".to_owned() };
        let id = add(store, &target, &[ConcernKind::Review]).await;
        let trial = notifier.try_target(id, &target).await.unwrap();
        assert_eq!(trial.message, "no Slack bot token is set");
        assert!(service.received().is_empty());

        let token = Some("xoxb-1-canary");
        settings.keep_secret(SecretSetting::SlackBotToken, token).await.unwrap();
        service.says(r#"{"ok":true}"#);
        let task = at_gate(store).await;
        assert_eq!(notifier.send_due().await.unwrap(), None);
        let received = service.received();
        let (headers, body) = &received[0];
        assert_eq!(headers["authorization"], "Bearer xoxb-1-canary");
        let told: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(told["channel"], "#ops");
        let link = format!("<https://agents.example.net/tasks/{}/review|Garden>", task.id);
        assert!(told["text"].as_str().unwrap().contains(&link), "{told}");

        service.says(r#"{"ok":false,"error":"not_in_channel"}"#);
        let trial = notifier.try_target(id, &target).await.unwrap();
        assert!(!trial.is_delivered && trial.message.contains("not_in_channel"), "{trial:?}");
        let noted = &store.targets().await.unwrap()[0];
        assert!(!format!("{noted:?}").contains("canary"));
    }

    async fn there_are_only_so_many_targets_and_each_but_once(database) {
        let store = &database.store;
        let webhook = |number: u32| Target::Webhook { url: format!("https://a.example.net/{number}") };
        for number in 0..3 {
            add(store, &webhook(number), &ConcernKind::ALL).await;
        }
        let more = async |number, most| {
            store.add_target(Uuid::now_v7(), &webhook(number), &[], most).await.unwrap()
        };
        assert_eq!(more(0, 20).await, None);
        assert_eq!(more(9, 3).await, None);
        assert!(more(9, 4).await.is_some());
        // Browsers are no part of them, and go their own way.
        assert_eq!(store.subscriptions().await.unwrap(), []);
    }
}

#[tokio::test]
async fn the_key_is_made_once_and_lies_in_the_vault() {
    let database = TestDatabase::sqlite().await;
    let first = notifier(&database.store).key().await.unwrap().public();
    assert_eq!(
        notifier(&database.store).key().await.unwrap().public(),
        first
    );
    assert_eq!(URL_SAFE_NO_PAD.decode(&first).unwrap().len(), 65);
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM secrets WHERE scope = 'settings'")
            .await,
        1
    );
    let text = json!(database.dump("secrets").await).to_string();
    assert!(!text.contains(&first));
}
