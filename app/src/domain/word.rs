//! Words: enums whose value has one name, the same in JSON, in the database and on a form.

/// Declares enums of words, each with all of them in the order of their declaration.
macro_rules! words {
    ($($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$word_meta:meta])* $word:ident),+ $(,)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, derive_more::Display, derive_more::FromStr)]
        #[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        #[display(rename_all = "snake_case")]
        #[from_str(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$word_meta])* $word,)+
        }

        impl $name {
            /// Every one, in the order of their declaration.
            pub const ALL: [Self; [$(stringify!($word)),+].len()] = [$(Self::$word),+];
        }
    )+};
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use crate::domain::log::{LogKind, LogStream};
    use crate::domain::permission::PermissionMode;
    use crate::domain::plan::TaskType;
    use crate::domain::task::{Action, Actor, Priority, ReminderLevel, StatusName, WaitingReason};

    #[test]
    fn every_word_is_stored_as_it_is_printed_and_reads_back() {
        macro_rules! check {
            ($($name:ident),+) => {$(
                for word in $name::ALL {
                    let printed = word.to_string();
                    let stored = serde_json::to_string(&word).unwrap();
                    assert_eq!(stored, format!("\"{printed}\""));
                    assert_eq!(printed.parse::<$name>().ok(), Some(word));
                }
                assert!("no such word".parse::<$name>().is_err());
            )+};
        }
        check!(
            Action,
            Actor,
            LogKind,
            LogStream,
            PermissionMode,
            Priority,
            ReminderLevel,
            StatusName,
            TaskType
        );
        check!(WaitingReason);
        assert_eq!(WaitingReason::RateLimit.to_string(), "rate_limit");
    }
}
