//! What a workflow file has to keep to, beyond its form. Pure, but for a look at the built-in guides.

use std::collections::HashSet;

use app::domain::plan::{DeliverableRule, PhasePlan, StepPlan, Workflow};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::guides;

/// Said of a step that needs no guide.
pub const NO_GUIDE: &str = "none";

/// What a file does wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRule {
    /// A key that nothing is read from: a typo should not be a silent default.
    #[error("`{key}` means nothing here")]
    UnknownKey {
        /// As it stands there.
        key: String,
    },
    /// The id of a phase or a step.
    #[error("the id `{id}` is not a lower-case word that nothing else beside it has")]
    Id {
        /// As it stands there.
        id: String,
    },
    /// The path of a deliverable.
    #[error("the deliverable `{path}` is not a plain relative path")]
    Path {
        /// As it stands there.
        path: String,
    },
    /// A deliverable that the phase may not write.
    #[error("the deliverable `{path}` lies outside of what the phase may change")]
    OutsideWrites {
        /// As it stands there.
        path: String,
    },
    /// What a phase may change.
    #[error("`{pattern}` is neither a plain relative path nor one with `/**` behind it")]
    Pattern {
        /// As it stands there.
        pattern: String,
    },
    /// A step that doesn't say whether it has a guide.
    #[error("step `{step}` names no guide; say `guide = \"none\"` if it needs none")]
    NoGuide {
        /// Its id.
        step: String,
    },
    /// A guide that isn't there.
    #[error("there is no guide `{guide}`")]
    UnknownGuide {
        /// As it stands there.
        guide: String,
    },
    /// A step of which the agent would know nothing but the name.
    #[error("step `{step}` has neither a guide nor an aim")]
    NoAim {
        /// Its id.
        step: String,
    },
}

/// A broken rule and the line it is broken in, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub line: usize,
    pub rule: BrokenRule,
}

/// A piece of the way to a value in a file.
#[derive(Clone, Copy, Debug)]
enum Part<'a> {
    Key(&'a str),
    Item(usize),
}
use Part::{Item, Key};

/// The file's text with the place of everything in it.
pub struct Source<'a> {
    pub text: &'a str,
    pub tree: &'a DeTable<'a>,
}

impl Source<'_> {
    /// The first broken rule of the workflow that was read from this file.
    pub fn finding(&self, workflow: &Workflow) -> Option<Finding> {
        let read = toml::Table::try_from(workflow).expect("a workflow is texts, numbers and lists");
        if let Some(unknown) = unknown_in_table(self.tree, &read) {
            let key = unknown.get_ref().to_string();
            return Some(Finding {
                line: self.line(unknown.span().start),
                rule: BrokenRule::UnknownKey { key },
            });
        }
        let mut ids = HashSet::new();
        let mut phases = workflow.phases.iter().enumerate();
        phases.find_map(|(index, phase)| {
            let place = [Key("phases"), Item(index)];
            if !is_slug(&phase.id) || !ids.insert(&phase.id) {
                let id = phase.id.clone();
                return Some(self.found(&place, &[Key("id")], BrokenRule::Id { id }));
            }
            self.in_phase(phase, &place)
        })
    }

    fn in_phase(&self, phase: &PhasePlan, place: &[Part]) -> Option<Finding> {
        for (index, pattern) in phase.writes.iter().flatten().enumerate() {
            if !is_inside(pattern.strip_suffix("/**").unwrap_or(pattern)) {
                let rule = BrokenRule::Pattern {
                    pattern: pattern.clone(),
                };
                return Some(self.found(place, &[Key("writes"), Item(index)], rule));
            }
        }
        let plan = phase.verification.as_ref();
        if let Some(rule) = plan.and_then(|plan| unknown_guide(plan.guide.as_deref()?)) {
            return Some(self.found(place, &[Key("verification"), Key("guide")], rule));
        }
        for (index, due) in phase.deliverables.iter().enumerate() {
            if let Some(rule) = wrong_path(phase, due) {
                let rest = [Key("deliverables"), Item(index), Key("path")];
                return Some(self.found(place, &rest, rule));
            }
        }
        let mut ids = HashSet::new();
        let mut steps = phase.steps.iter().enumerate();
        steps.find_map(|(index, step)| {
            let place = [place, &[Key("steps"), Item(index)]].concat();
            if !is_slug(&step.id) || !ids.insert(&step.id) {
                let id = step.id.clone();
                return Some(self.found(&place, &[Key("id")], BrokenRule::Id { id }));
            }
            self.in_step(phase, step, &place)
        })
    }

    fn in_step(&self, phase: &PhasePlan, step: &StepPlan, place: &[Part]) -> Option<Finding> {
        let name = || step.id.clone();
        match step.guide.as_deref() {
            None => {
                let rule = BrokenRule::NoGuide { step: name() };
                return Some(self.found(place, &[], rule));
            }
            Some(NO_GUIDE) if step.aim.is_none() => {
                let rule = BrokenRule::NoAim { step: name() };
                return Some(self.found(place, &[], rule));
            }
            Some(NO_GUIDE) => {}
            Some(guide) => {
                if let Some(rule) = unknown_guide(guide) {
                    return Some(self.found(place, &[Key("guide")], rule));
                }
            }
        }
        let rule = wrong_path(phase, step.deliverable.as_ref()?)?;
        Some(self.found(place, &[Key("deliverable"), Key("path")], rule))
    }

    fn found(&self, place: &[Part], rest: &[Part], rule: BrokenRule) -> Finding {
        let mut at = 0;
        let mut table = Some(self.tree);
        let mut list = None;
        for part in place.iter().chain(rest) {
            let next: Option<&Spanned<DeValue>> = match *part {
                Key(key) => table.and_then(|table: &DeTable| {
                    let entry = table.iter().find(|(name, _)| name.get_ref() == key);
                    entry.map(|(_, value)| value)
                }),
                Item(index) => list.and_then(|list: &toml::de::DeArray| list.get(index)),
            };
            let Some(next) = next else { break };
            at = next.span().start;
            table = next.get_ref().as_table();
            list = next.get_ref().as_array();
        }
        Finding {
            line: self.line(at),
            rule,
        }
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        1 + before.filter(|byte| **byte == b'\n').count()
    }
}

type Name<'a> = Spanned<toml::de::DeString<'a>>;

fn unknown_in_table<'a>(given: &'a DeTable<'a>, read: &toml::Table) -> Option<&'a Name<'a>> {
    given
        .iter()
        .find_map(|(key, value)| match read.get(key.get_ref().as_ref()) {
            Some(read) => unknown_in(value.get_ref(), read),
            None => Some(key),
        })
}

fn unknown_in<'a>(given: &'a DeValue<'a>, read: &toml::Value) -> Option<&'a Name<'a>> {
    match (given, read) {
        (DeValue::Table(given), toml::Value::Table(read)) => unknown_in_table(given, read),
        (DeValue::Array(given), toml::Value::Array(read)) => {
            let mut pairs = given.iter().zip(read);
            pairs.find_map(|(given, read)| unknown_in(given.get_ref(), read))
        }
        _ => None,
    }
}

fn unknown_guide(guide: &str) -> Option<BrokenRule> {
    let guide = guide.to_owned();
    (!guides::is_built_in(&guide)).then_some(BrokenRule::UnknownGuide { guide })
}

fn wrong_path(phase: &PhasePlan, due: &DeliverableRule) -> Option<BrokenRule> {
    let path = due.path.clone();
    if !is_inside(&path) {
        return Some(BrokenRule::Path { path });
    }
    (!phase.may_change(&path)).then_some(BrokenRule::OutsideWrites { path })
}

fn is_slug(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !id.is_empty() && id.bytes().all(allowed)
}

/// Whether this is a path as the platform writes it: names with `/` between them.
fn is_inside(path: &str) -> bool {
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('*');
    path.split('/').all(is_name)
}
