//! Who can read what, and what of it lies in the database.

use app::domain::id::TaskId;
use secrecy::ExposeSecret as _;
use server::store::Store;
use server::vault::{MasterKeys, Scope, Secret, SecretKind, SecretName, Vault, VaultError};

use crate::support::database::on_both_databases;
use crate::support::task::task_id;

const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

pub fn vault(store: &Store, keys: &str) -> Vault {
    Vault::new(store.clone(), MasterKeys::parse(keys).unwrap())
}

pub fn name(name: &str) -> SecretName {
    name.parse().unwrap()
}

async fn put(vault: &Vault, scope: Scope, called: &str, value: &str) {
    let (name, kind) = (name(called), SecretKind::Variable);
    vault
        .put(scope, &name, kind, value.as_bytes())
        .await
        .unwrap();
}

async fn get(vault: &Vault, scope: Scope, called: &str) -> Option<String> {
    text(vault.get(scope, &name(called)).await.unwrap())
}

fn text(secret: Option<Secret>) -> Option<String> {
    let value = secret?.value.expose_secret().to_vec();
    Some(String::from_utf8(value).unwrap())
}

async fn names(vault: &Vault, task: TaskId) -> Vec<(String, String)> {
    let secrets = vault.of_task(task).await.unwrap();
    let pairs = secrets.into_iter().map(|secret| {
        let name = secret.name.to_string();
        (name, text(Some(secret)).unwrap())
    });
    pairs.collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

on_both_databases! {
    async fn a_reusable_secret_is_new_or_another_and_tells_who_has_it(database) {
        use server::vault::Keep;
        let vault = vault(&database.store, ONE);
        let (called, kind) = (name("TOKEN"), SecretKind::Variable);
        let long = "a-value-of-a-good-length-abcd".as_bytes();
        assert!(!vault.keep_named(Keep::Another, &called, kind, long).await.unwrap());
        assert!(vault.keep_named(Keep::New, &called, kind, b"short").await.unwrap());
        assert!(!vault.keep_named(Keep::New, &called, kind, long).await.unwrap());
        assert_eq!(get(&vault, Scope::Named, "TOKEN").await.unwrap(), "short");
        let task = task_id();
        vault.grant(task, &called).await.unwrap();
        let listed = |all: Vec<server::vault::NamedSecret>| {
            let each = all.into_iter().map(|it| (it.summary.name.to_string(), it.last_four, it.tasks));
            each.collect::<Vec<_>>()
        };
        let expected = [("TOKEN".to_owned(), None, 1)];
        assert_eq!(listed(vault.named_secrets().await.unwrap()), expected);
        assert!(vault.keep_named(Keep::Another, &called, kind, long).await.unwrap());
        let expected = [("TOKEN".to_owned(), Some("abcd".to_owned()), 1)];
        assert_eq!(listed(vault.named_secrets().await.unwrap()), expected);
        assert_eq!(vault.of_task(task).await.unwrap().len(), 1);
        assert!(vault.delete(Scope::Named, &called).await.unwrap());
        assert_eq!(vault.of_task(task).await.unwrap().len(), 0);
    }

    async fn a_value_comes_back_and_can_be_replaced_and_removed(database) {
        let vault = vault(&database.store, ONE);
        let scope = Scope::Task(task_id());
        assert_eq!(get(&vault, scope, "TOKEN").await, None);
        put(&vault, scope, "TOKEN", "first value").await;
        put(&vault, scope, "TOKEN", "second value").await;
        assert_eq!(get(&vault, scope, "TOKEN").await.unwrap(), "second value");
        let file = b"\x00\xff".repeat(1000);
        vault.put(scope, &name("key.bin"), SecretKind::File, &file).await.unwrap();
        let read = vault.get(scope, &name("key.bin")).await.unwrap().unwrap();
        assert_eq!((read.kind, read.value.expose_secret()), (SecretKind::File, file.as_slice()));
        let list = vault.list(scope).await.unwrap();
        let listed: Vec<_> = list.iter().map(|secret| (secret.name.as_str(), secret.kind)).collect();
        assert_eq!(listed, [("TOKEN", SecretKind::Variable), ("key.bin", SecretKind::File)]);
        assert!(list[0].created_at <= list[0].updated_at);
        assert!(vault.delete(scope, &name("TOKEN")).await.unwrap());
        assert!(!vault.delete(scope, &name("TOKEN")).await.unwrap());
        assert_eq!(get(&vault, scope, "TOKEN").await, None);
        for length in [0, server::vault::VALUE_LIMIT + 1] {
            let refused = vault.put(scope, &name("X"), SecretKind::File, &vec![1; length]).await;
            assert!(matches!(refused, Err(VaultError::Length)));
        }
    }

    async fn nothing_of_a_value_lies_in_the_database(database) {
        let vault = vault(&database.store, ONE);
        put(&vault, Scope::Named, "TOKEN", "a value of its own").await;
        let rows = database.dump("secrets").await.concat() + &database.dump("data_keys").await.concat();
        let hexadecimal = "612076616c7565206f6620697473206f776e";
        assert!(!rows.contains("a value") && !rows.to_lowercase().contains(hexadecimal));
        assert!(!format!("{:?}", vault.get(Scope::Named, &name("TOKEN")).await).contains("a value"));
    }

    async fn the_secrets_of_one_task_are_not_visible_to_another(database) {
        let vault = vault(&database.store, ONE);
        let (mine, yours) = (task_id(), task_id());
        put(&vault, Scope::Task(mine), "TOKEN", "mine").await;
        put(&vault, Scope::Named, "SHARED", "shared").await;
        put(&vault, Scope::Settings, "GITHUB", "platform").await;
        assert_eq!(names(&vault, mine).await, [pair("TOKEN", "mine")]);
        assert_eq!(names(&vault, yours).await, []);
        assert_eq!(get(&vault, Scope::Task(yours), "TOKEN").await, None);
        assert_eq!(get(&vault, Scope::Task(mine), "SHARED").await, None);
        assert_eq!(get(&vault, Scope::Named, "GITHUB").await, None);
        assert!(vault.list(Scope::Task(yours)).await.unwrap().is_empty());
    }

    async fn a_task_has_a_reusable_secret_while_it_is_granted(database) {
        let vault = vault(&database.store, ONE);
        let (mine, yours) = (task_id(), task_id());
        put(&vault, Scope::Named, "SHARED", "shared").await;
        vault.grant(mine, &name("SHARED")).await.unwrap();
        vault.grant(mine, &name("SHARED")).await.unwrap();
        assert_eq!(names(&vault, mine).await, [pair("SHARED", "shared")]);
        assert_eq!(names(&vault, yours).await, []);
        // A new value keeps the grant; the task's own secret goes before.
        put(&vault, Scope::Named, "SHARED", "renewed").await;
        assert_eq!(names(&vault, mine).await, [pair("SHARED", "renewed")]);
        put(&vault, Scope::Task(mine), "SHARED", "own").await;
        assert_eq!(names(&vault, mine).await, [pair("SHARED", "own")]);
        vault.delete(Scope::Task(mine), &name("SHARED")).await.unwrap();
        assert_eq!(vault.grants(mine).await.unwrap().len(), 1);
        vault.revoke(mine, &name("SHARED")).await.unwrap();
        assert_eq!(names(&vault, mine).await, []);
        // What comes after under the same name is another secret.
        vault.grant(mine, &name("SHARED")).await.unwrap();
        vault.delete(Scope::Named, &name("SHARED")).await.unwrap();
        put(&vault, Scope::Named, "SHARED", "another").await;
        assert_eq!(names(&vault, mine).await, []);
        let unknown = vault.grant(mine, &name("NOBODY")).await;
        assert!(matches!(unknown, Err(VaultError::Unknown { .. })));
    }

    async fn a_row_that_is_moved_or_changed_can_not_be_read(database) {
        let vault = vault(&database.store, ONE);
        let (mine, yours) = (task_id(), task_id());
        put(&vault, Scope::Task(mine), "TOKEN", "mine").await;
        put(&vault, Scope::Named, "TOKEN", "shared").await;
        let damages = [
            format!("UPDATE secrets SET owner_id = {} WHERE scope = 'task'", literal(&database.url, yours)),
            "UPDATE secrets SET name = 'OTHER' WHERE scope = 'named'".to_owned(),
        ];
        for damage in damages {
            assert_eq!(database.execute(&damage).await, 1);
        }
        let moved = vault.get(Scope::Task(yours), &name("TOKEN")).await;
        assert!(matches!(moved, Err(VaultError::Damaged { .. })), "{moved:?}");
        let renamed = vault.get(Scope::Named, &name("OTHER")).await;
        assert!(matches!(renamed, Err(VaultError::Damaged { .. })), "{renamed:?}");
        // A damaged one can be given again.
        put(&vault, Scope::Named, "OTHER", "again").await;
        assert_eq!(get(&vault, Scope::Named, "OTHER").await.unwrap(), "again");
    }

    async fn another_master_key_is_refused_and_destroys_nothing(database) {
        let first = vault(&database.store, ONE);
        put(&first, Scope::Named, "TOKEN", "value").await;
        let wrong = vault(&database.store, TWO);
        let refused = wrong.check().await;
        let Err(VaultError::WrongMasterKey { wanted, given }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(MasterKeys::parse(ONE).unwrap().ids().next(), Some(&wanted));
        assert_ne!(wanted.to_string(), given);
        assert!(wrong.get(Scope::Named, &name("TOKEN")).await.is_err());
        let put_wrong = wrong.put(Scope::Named, &name("TOKEN"), SecretKind::Variable, b"x").await;
        assert!(matches!(put_wrong, Err(VaultError::WrongMasterKey { .. })));
        assert_eq!(get(&first, Scope::Named, "TOKEN").await.unwrap(), "value");
        // Both, one a line: what was there is read.
        let both = vault(&database.store, &format!("{TWO}\n{ONE}"));
        both.check().await.unwrap();
        assert_eq!(get(&both, Scope::Named, "TOKEN").await.unwrap(), "value");
    }

    async fn given_keys_are_rotated_to_the_first_of_them(database) {
        let old = vault(&database.store, ONE);
        let task = task_id();
        for number in 0..250 {
            put(&old, Scope::Task(task), &format!("T{number}"), &format!("value {number}")).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let storage = |keys: &str| server::config::Storage {
            data_dir: folder.path().to_owned(),
            database: server::config::Database::Postgres { url: "unused".into() },
            master_keys: Some(MasterKeys::parse(keys).unwrap()),
        };
        let refused = Vault::rotate(&storage(TWO), database.store.clone(), false).await;
        assert!(matches!(refused, Err(VaultError::WrongMasterKey { .. })));
        let both = storage(&format!("{TWO}\n{ONE}"));
        let rotation = Vault::rotate(&both, database.store.clone(), false).await.unwrap();
        assert_eq!((rotation.secrets, rotation.left, rotation.new_master_key), (250, 0, false));
        assert_eq!(database.number("SELECT COUNT(*) FROM data_keys").await, 1);
        let new = vault(&database.store, TWO);
        new.check().await.unwrap();
        for number in 0..250 {
            let value = get(&new, Scope::Task(task), &format!("T{number}")).await.unwrap();
            assert_eq!(value, format!("value {number}"));
        }
        // With the key lost for good, what nobody can read goes when it is asked for.
        let lost = storage(ONE);
        assert!(Vault::rotate(&lost, database.store.clone(), false).await.is_err());
        let rotation = Vault::rotate(&lost, database.store.clone(), true).await.unwrap();
        assert_eq!((rotation.forgotten, rotation.secrets), (250, 0));
        assert!(vault(&database.store, ONE).list(Scope::Task(task)).await.unwrap().is_empty());
    }

    async fn a_damaged_secret_does_not_hold_up_a_rotation(database) {
        let one = vault(&database.store, ONE);
        put(&one, Scope::Named, "GOOD", "value").await;
        put(&one, Scope::Named, "BAD", "value").await;
        database.execute("UPDATE secrets SET name = 'WORSE' WHERE name = 'BAD'").await;
        let folder = tempfile::tempdir().unwrap();
        let storage = server::config::Storage {
            data_dir: folder.path().to_owned(),
            database: server::config::Database::Postgres { url: "unused".into() },
            master_keys: Some(MasterKeys::parse(ONE).unwrap()),
        };
        let rotation = Vault::rotate(&storage, database.store.clone(), false).await.unwrap();
        assert_eq!((rotation.secrets, rotation.left), (1, 1));
        // Its key stays, in case the row is put right again.
        database.execute("UPDATE secrets SET name = 'BAD' WHERE name = 'WORSE'").await;
        assert_eq!(get(&one, Scope::Named, "BAD").await.unwrap(), "value");
        assert_eq!(get(&one, Scope::Named, "GOOD").await.unwrap(), "value");
    }
}

/// A task's id as the database writes it.
fn literal(url: &str, task: TaskId) -> String {
    let digits = task.as_uuid().simple().to_string();
    if url.starts_with("sqlite") {
        format!("x'{digits}'")
    } else {
        format!("'{digits}'")
    }
}
