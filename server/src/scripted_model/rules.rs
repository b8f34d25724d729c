//! The rules that a scenario keeps beyond its file's form.

use std::collections::BTreeSet;

use super::pattern::{Pattern, Template, Variables, json_variables};
use super::scenario::{Aside, Condition, Expectation, Fault, Place, Reply, Scenario, Tool};

/// Facts of the request that every template can name besides its captures.
const FACTS: [&str; 12] = [
    "n",
    "k",
    "cwd",
    "session",
    "model",
    "prompt",
    "tool_result",
    "message",
    "feedback",
    "now",
    "in_one_minute",
    "in_one_hour",
];

/// A rule that a well-formed file breaks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("a scenario needs at least one [[turn]]")]
    NoTurns,
    #[error("a turn needs at least one [[turn.reply]]")]
    NoReplies,
    #[error("an empty reply: give it `think`, `say`, `tools` or `fault`")]
    EmptyReply,
    #[error("an alternative needs an `if`")]
    AlternativeWithoutCondition,
    #[error("`if` belongs to alternatives ([[turn.reply.or]]), not to the reply itself")]
    ConditionOnReply,
    #[error("an alternative can't have alternatives or `repeat` of its own")]
    NestedAlternative,
    #[error("`repeat`, `say_times` and the characters of a pace start at 1")]
    Zero,
    #[error("`say_times` without `say`")]
    NothingToRepeat,
    #[error("unknown variable {{{{{name}}}}}: neither a fact of the request nor a capture")]
    UnknownVariable { name: String },
    #[error("write needs either `content` or `from`")]
    ContentOrFrom,
    #[error("no file {path} beside the scenarios")]
    MissingFile { path: String },
    #[error("an expectation needs `matches` or `lacks`, and `header` exactly when it looks in one")]
    IncompleteExpectation,
    #[error("{status} is no HTTP error status")]
    NotAnError { status: u16 },
    #[error("{name:?} can't be the name of a header")]
    BadHeader { name: String },
    #[error("the input of {tool} has to be a table")]
    InputIsNoTable { tool: String },
}

impl Scenario {
    /// Checks what the file's form can't say. `has_file` knows the files that `from` may name.
    ///
    /// # Errors
    /// The first problem with the byte offset where its turn or reply begins.
    pub fn check(&self, has_file: &dyn Fn(&str) -> bool) -> Result<(), (usize, Problem)> {
        if self.turns.is_empty() {
            return Err((0, Problem::NoTurns));
        }
        if self.pace.chars == 0 {
            return Err((0, Problem::Zero));
        }
        self.aside
            .as_ref()
            .map_or(Ok(()), Aside::check)
            .map_err(|problem| (0, problem))?;
        self.turns.iter().try_for_each(|turn| {
            let start = turn.span().start;
            let turn = turn.get_ref();
            if turn.replies.is_empty() {
                return Err((start, Problem::NoReplies));
            }
            check_expectations(&turn.expect).map_err(|problem| (start, problem))?;
            let known: BTreeSet<String> = FACTS
                .into_iter()
                .map(str::to_owned)
                .chain(turn.when.iter().flat_map(Pattern::variables))
                .collect();
            turn.replies.iter().try_for_each(|reply| {
                let start = reply.span().start;
                let reply = reply.get_ref();
                reply
                    .check(&known, has_file)
                    .map_err(|problem| (start, problem))
            })
        })
    }
}

impl Aside {
    fn check(&self) -> Result<(), Problem> {
        let captured: Vec<_> = self.message.variables().collect();
        let is_known = |name: &str| FACTS.contains(&name) || captured.iter().any(|c| c == name);
        let unknown = self.say.variables().find(|name| !is_known(name));
        unknown.map_or(Ok(()), |name| {
            Err(Problem::UnknownVariable {
                name: name.to_owned(),
            })
        })
    }
}

impl Condition {
    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        [
            &self.tool_result,
            &self.prompt,
            &self.message,
            &self.feedback,
        ]
        .into_iter()
        .flatten()
    }
}

impl Reply {
    fn check(
        &self,
        known: &BTreeSet<String>,
        has_file: &dyn Fn(&str) -> bool,
    ) -> Result<(), Problem> {
        if self.condition.patterns().next().is_some() {
            return Err(Problem::ConditionOnReply);
        }
        self.check_alone(known, has_file)?;
        for alternative in &self.alternatives {
            if alternative.condition.patterns().next().is_none() {
                return Err(Problem::AlternativeWithoutCondition);
            }
            if !alternative.alternatives.is_empty() || alternative.repeat.is_some() {
                return Err(Problem::NestedAlternative);
            }
            alternative.check_alone(known, has_file)?;
        }
        Ok(())
    }

    fn check_alone(
        &self,
        known: &BTreeSet<String>,
        has_file: &dyn Fn(&str) -> bool,
    ) -> Result<(), Problem> {
        let is_empty = self.think.is_none() && self.say.is_none() && self.tools.is_empty();
        if is_empty && self.fault.is_none() {
            return Err(Problem::EmptyReply);
        }
        if self.say.is_none() && self.say_times.is_some() {
            return Err(Problem::NothingToRepeat);
        }
        let chars = self.pace.map(|pace| pace.chars);
        if self.repeat == Some(0) || self.say_times == Some(0) || chars == Some(0) {
            return Err(Problem::Zero);
        }
        check_expectations(&self.expect)?;
        self.fault.as_ref().map_or(Ok(()), Fault::check)?;
        self.tools
            .iter()
            .try_for_each(|tool| tool.check(has_file))?;
        let own = self
            .condition
            .patterns()
            .chain(&self.each)
            .flat_map(Pattern::variables);
        let own: BTreeSet<String> = own.collect();
        let unknown = self
            .variables()
            .into_iter()
            .find(|name| !known.contains(name) && !own.contains(name));
        unknown.map_or(Ok(()), |name| Err(Problem::UnknownVariable { name }))
    }

    fn variables(&self) -> Vec<String> {
        let texts = self
            .think
            .iter()
            .chain(&self.say)
            .flat_map(Template::variables);
        let mut names: Vec<String> = texts.map(str::to_owned).collect();
        names.extend(self.tools.iter().flat_map(Tool::variables));
        if let Some(Fault::Status { headers, .. }) = &self.fault {
            let values = headers.values().flat_map(Template::variables);
            names.extend(values.map(str::to_owned));
        }
        names
    }
}

impl Tool {
    fn variables(&self) -> Vec<String> {
        let templates: Vec<&Template> = match self {
            Self::Bash(text) | Self::Read(text) => vec![text],
            Self::Write(write) => [
                Some(&write.path),
                write.content.as_ref(),
                write.from.as_ref(),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Self::Edit(edit) => vec![&edit.path, &edit.old, &edit.new],
            Self::Verdict(verdict) => [
                Some(&verdict.evidence),
                verdict.suggestion.as_ref(),
                verdict.document.as_ref(),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Self::Call(call) => return json_variables(&call.input),
        };
        templates
            .into_iter()
            .flat_map(Template::variables)
            .map(str::to_owned)
            .collect()
    }

    fn check(&self, has_file: &dyn Fn(&str) -> bool) -> Result<(), Problem> {
        match self {
            Self::Write(write) => match (&write.content, &write.from) {
                // A name with variables in it is known only when it is played.
                (None, Some(from)) if from.variables().next().is_none() => {
                    let path = from.fill(&Variables::new());
                    if has_file(&path) {
                        Ok(())
                    } else {
                        Err(Problem::MissingFile { path })
                    }
                }
                (None, Some(_)) | (Some(_), None) => Ok(()),
                (None, None) | (Some(_), Some(_)) => Err(Problem::ContentOrFrom),
            },
            Self::Call(call) if !(call.input.is_object() || call.input.is_null()) => {
                Err(Problem::InputIsNoTable {
                    tool: call.name.clone(),
                })
            }
            Self::Bash(_) | Self::Read(_) | Self::Edit(_) | Self::Call(_) | Self::Verdict(_) => {
                Ok(())
            }
        }
    }
}

impl Fault {
    fn check(&self) -> Result<(), Problem> {
        let Self::Status {
            status, headers, ..
        } = self
        else {
            return Ok(());
        };
        if !(400..600).contains(status) {
            return Err(Problem::NotAnError { status: *status });
        }
        let bad = headers
            .keys()
            .find(|name| http::HeaderName::try_from(name.as_str()).is_err());
        bad.map_or(Ok(()), |name| {
            Err(Problem::BadHeader { name: name.clone() })
        })
    }
}

fn check_expectations(expectations: &[Expectation]) -> Result<(), Problem> {
    let is_complete = |expectation: &Expectation| {
        let looks_in_header = expectation.place == Place::Header;
        (expectation.matches.is_some() || expectation.lacks.is_some())
            && looks_in_header == expectation.header.is_some()
    };
    if expectations.iter().all(is_complete) {
        Ok(())
    } else {
        Err(Problem::IncompleteExpectation)
    }
}
