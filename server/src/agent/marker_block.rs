//! The lines of one marker block, read into what they say.

use super::marker::{BLOCK_LIMIT, BlockKind, Marker, ProtocolWarning};
use super::request::{
    DependencyKind, DependencyRequest, FIELD_LIMIT, FailureKind, FailureReport, QuestionCategory,
    UserQuestion,
};

/// A block that has been opened.
pub(super) struct Block<'a> {
    pub(super) kind: BlockKind,
    lines: Vec<&'a str>,
    bytes: usize,
}

/// The fields of a block, in order.
struct Fields<'a> {
    kind: BlockKind,
    fields: Vec<(&'static str, Vec<&'a str>)>,
}

impl<'a> Block<'a> {
    pub(super) fn new(kind: BlockKind) -> Self {
        Self {
            kind,
            lines: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn push(&mut self, line: &'a str) {
        self.bytes = self.bytes.saturating_add(line.len() + 1);
        if self.bytes <= BLOCK_LIMIT {
            self.lines.push(line);
        }
    }

    pub(super) fn read(self) -> Result<Marker, ProtocolWarning> {
        let kind = self.kind;
        if self.bytes > BLOCK_LIMIT {
            return Err(ProtocolWarning::BlockTooLong { kind });
        }
        let names: &[&'static str] = match kind {
            BlockKind::Dependency => &["type", "name", "description", "required"],
            BlockKind::Question => &["category", "question", "options", "default", "required"],
            BlockKind::Failure => &["type", "message", "details"],
        };
        let fields = Fields::split(kind, names, &self.lines)?;
        Ok(match kind {
            BlockKind::Dependency => Marker::Dependency(fields.dependency()?),
            BlockKind::Question => Marker::Question(UserQuestion {
                category: fields
                    .one_of::<QuestionCategory>("category", &QuestionCategory::NAMES)?,
                question: fields.required("question")?,
                options: fields.list("options"),
                default: fields.text("default"),
                required: fields.flag("required")?,
            }),
            BlockKind::Failure => Marker::Failure(FailureReport {
                kind: fields.one_of::<FailureKind>("type", &FailureKind::NAMES)?,
                message: fields.required("message")?,
                details: fields.text("details"),
            }),
        })
    }
}

impl<'a> Fields<'a> {
    fn split(
        kind: BlockKind,
        names: &[&'static str],
        lines: &[&'a str],
    ) -> Result<Self, ProtocolWarning> {
        let mut fields: Vec<(&'static str, Vec<&'a str>)> = Vec::new();
        for line in lines {
            if let Some((field, value)) = field_start(names, line) {
                if fields.iter().any(|(known, _)| *known == field) {
                    return Err(ProtocolWarning::RepeatedField { kind, field });
                }
                fields.push((field, vec![value]));
            } else if let Some((_, values)) = fields.last_mut() {
                values.push(line);
            } else if !line.trim().is_empty() {
                return Err(ProtocolWarning::NotAField { kind });
            }
        }
        for (field, values) in &fields {
            if values.iter().map(|value| value.len() + 1).sum::<usize>() > FIELD_LIMIT {
                return Err(ProtocolWarning::FieldTooLong { kind, field });
            }
        }
        Ok(Self { kind, fields })
    }

    fn dependency(&self) -> Result<DependencyRequest, ProtocolWarning> {
        let needed = DependencyRequest {
            kind: self.one_of::<DependencyKind>("type", &DependencyKind::NAMES)?,
            name: self.required("name")?,
            description: self.required("description")?,
            required: self.flag("required")?,
        };
        match needed.kind.check_name(&needed.name) {
            Ok(()) => Ok(needed),
            Err(reason) => Err(ProtocolWarning::Name { reason }),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        let (_, values) = self.fields.iter().find(|(field, _)| *field == name)?;
        let text = values.join("\n").trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn required(&self, field: &'static str) -> Result<String, ProtocolWarning> {
        self.text(field).ok_or(ProtocolWarning::MissingField {
            kind: self.kind,
            field,
        })
    }

    fn one_of<T: std::str::FromStr>(
        &self,
        field: &'static str,
        allowed: &'static [&'static str],
    ) -> Result<T, ProtocolWarning> {
        let kind = self.kind;
        self.required(field)?
            .parse()
            .map_err(|_| ProtocolWarning::NotAllowed {
                kind,
                field,
                allowed,
            })
    }

    /// A flag that is set unless said otherwise.
    fn flag(&self, field: &'static str) -> Result<bool, ProtocolWarning> {
        match self.text(field).map(|text| text.to_lowercase()).as_deref() {
            None | Some("true" | "yes") => Ok(true),
            Some("false" | "no") => Ok(false),
            Some(_) => Err(ProtocolWarning::NotAllowed {
                kind: self.kind,
                field,
                allowed: &["true", "false"],
            }),
        }
    }

    /// `[a, b]` on one line, or lines that start with `- `.
    fn list(&self, field: &str) -> Vec<String> {
        let Some(text) = self.text(field) else {
            return Vec::new();
        };
        let items: Vec<&str> = match text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            Some(inline) => inline.split(',').collect(),
            None => text
                .lines()
                .map(|line| line.trim_start().strip_prefix("- ").unwrap_or(line))
                .collect(),
        };
        let bare = |item: &str| item.trim().trim_matches(['"', '\'']).to_owned();
        items
            .into_iter()
            .map(bare)
            .filter(|item| !item.is_empty())
            .collect()
    }
}

/// The field that a line starts, and the rest of the line.
fn field_start<'a>(names: &[&'static str], line: &'a str) -> Option<(&'static str, &'a str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim();
    let field = names
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))?;
    Some((field, value))
}
