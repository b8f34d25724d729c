//! Text that people type, parsed once at the edge: capped, and free of control characters.

use serde::{Deserialize, Serialize};

/// Why a text was refused. Shown beside the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More than the limit, in characters.
    #[error("must be at most {limit} characters, this has {length}")]
    TooLong {
        /// The most that is taken.
        limit: usize,
        /// What was given.
        length: usize,
    },
    /// A control character other than a line break or a tab.
    #[error("must not contain control characters")]
    ControlCharacter,
}

fn check(text: &str, limit: usize, multiline: bool) -> Result<(), TextError> {
    let length = text.chars().count();
    if length > limit {
        return Err(TextError::TooLong { limit, length });
    }
    let forbidden = |c: char| c.is_control() && !(multiline && matches!(c, '\n' | '\r' | '\t'));
    if text.chars().any(forbidden) {
        return Err(TextError::ControlCharacter);
    }
    Ok(())
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident { limit: $limit:literal, multiline: $multiline:literal }),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, derive_more::Display)]
        #[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The most characters that are taken.
            pub const LIMIT: usize = $limit;

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                // Forms send a line break as two characters; people see one.
                let text = text.trim().replace("\r\n", "\n");
                if text.is_empty() {
                    return Err(TextError::Empty);
                }
                check(&text, $limit, $multiline)?;
                Ok(Self(text))
            }
        }

        impl std::str::FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    )+};
}

texts! {
    /// A task's name, one line.
    Title { limit: 200, multiline: false },
    /// What a person asks for, in Markdown.
    Description { limit: 50_000, multiline: true },
    /// A message to an agent, a comment in a review, an answer.
    Note { limit: 20_000, multiline: true },
    /// What a rule allows: a command, a path, a host, a tool.
    RuleText { limit: 2_000, multiline: true },
    /// A model's name as the Claude CLI takes it.
    ModelName { limit: 100, multiline: false },
}

/// What Markdown begins a heading, a list, a quotation, a rule or a block of code with.
const MARKS: [char; 9] = ['#', '-', '*', '+', '>', '=', '_', '`', '~'];

impl Title {
    /// The first line of a description that has words, shortened to a title.
    pub fn suggest(description: &str) -> Option<Self> {
        description.lines().find_map(|line| {
            let line = line.trim_start_matches(|c: char| c.is_whitespace() || MARKS.contains(&c));
            let short: String = line.chars().filter(|c| !c.is_control()).take(80).collect();
            short.parse().ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_title_is_one_line_within_its_limit() {
        assert_eq!(
            "  A title ".parse::<Title>().map(String::from),
            Ok("A title".to_owned())
        );
        assert_eq!(" \n ".parse::<Title>(), Err(TextError::Empty));
        assert_eq!("a\nb".parse::<Title>(), Err(TextError::ControlCharacter));
        let long = "x".repeat(201);
        let too_long = TextError::TooLong {
            limit: 200,
            length: 201,
        };
        assert_eq!(long.parse::<Title>(), Err(too_long));
    }

    #[test]
    fn a_description_keeps_its_lines() {
        let text: Description = "a\r\n\tb".parse().expect("valid");
        assert_eq!(text.as_str(), "a\n\tb");
    }

    #[test]
    fn a_line_break_counts_once_however_it_was_sent() {
        let text = vec!["x"; 10_000].join("\r\n");
        let note: Note = text.parse().expect("19,999 characters as people count");
        assert_eq!(note.as_str().len(), 19_999);
    }

    #[test]
    fn a_title_is_suggested_by_the_first_line_with_words() {
        let suggested = |text| Title::suggest(text).map(String::from);
        assert_eq!(
            suggested("---\n\n## Sort photos ##").as_deref(),
            Some("Sort photos ##")
        );
        assert_eq!(suggested("```\n> * Quoted").as_deref(), Some("Quoted"));
        assert_eq!(suggested("# \n --- \n"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused_without_a_panic(text in any::<String>()) {
            if let Ok(note) = text.parse::<Note>() {
                prop_assert!(!note.as_str().is_empty());
            }
            Title::suggest(&text);
        }
    }
}
