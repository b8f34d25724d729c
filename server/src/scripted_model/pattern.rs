//! The two small languages of a scenario file: regular expressions and `{{templates}}`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::de::{self, Deserialize, Deserializer};
use serde_json::Value;

/// What a template can name: captures and the facts of the request.
pub type Variables = BTreeMap<String, String>;

/// A regular expression, checked while the file is read so that a mistake is reported with its line.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether the text matches anywhere.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Numbers and names that a match gives to templates.
    pub fn variables(&self) -> impl Iterator<Item = String> {
        let names = self.0.capture_names().flatten().map(str::to_owned);
        (0..self.0.captures_len())
            .map(|n| n.to_string())
            .chain(names)
    }

    /// Adds the captures of the first match; false without a match.
    pub fn capture(&self, text: &str, variables: &mut Variables) -> bool {
        let found = self.0.captures(text);
        if let Some(found) = &found {
            self.store(found, variables);
        }
        found.is_some()
    }

    /// The captures of every match in order, at most `limit`.
    pub fn capture_each(&self, text: &str, limit: usize) -> Vec<Variables> {
        let matches = self.0.captures_iter(text).take(limit);
        matches
            .map(|found| {
                let mut variables = Variables::new();
                self.store(&found, &mut variables);
                variables
            })
            .collect()
    }

    fn store(&self, found: &Captures<'_>, variables: &mut Variables) {
        for (number, name) in self.0.capture_names().enumerate() {
            let value = found.get(number).map_or("", |group| group.as_str());
            variables.insert(number.to_string(), value.to_owned());
            if let Some(name) = name {
                variables.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Regex::new(&source).map(Self).map_err(de::Error::custom)
    }
}

/// Text with `{{name}}` in it. Double braces, since scripts and programs use `${…}` themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable { name: String, is_integer: bool },
}

impl Template {
    /// Every text is a template: what doesn't look like `{{name}}` or `{{name|int}}` stays as it is.
    pub fn parse(source: &str) -> Self {
        static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"\{\{\s*([a-z0-9_]+)(\|int)?\s*\}\}").expect("a constant expression")
        });
        let mut parts = Vec::new();
        let mut end = 0;
        for found in VARIABLE.captures_iter(source) {
            let (whole, [name, ..]) = (found.get_match(), [&found[1]]);
            if whole.start() > end {
                parts.push(Part::Text(source[end..whole.start()].to_owned()));
            }
            let is_integer = found.get(2).is_some();
            parts.push(Part::Variable {
                name: name.to_owned(),
                is_integer,
            });
            end = whole.end();
        }
        if end < source.len() {
            parts.push(Part::Text(source[end..].to_owned()));
        }
        Self(parts)
    }

    /// The names that the text asks for.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with its variables filled in; a group that didn't take part is empty.
    pub fn fill(&self, variables: &Variables) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Variable { name, .. } => {
                    text.push_str(variables.get(name).map_or("", String::as_str));
                }
            }
        }
        text
    }

    /// As JSON: a string, or a number where the whole text is `{{name|int}}`.
    fn fill_value(&self, variables: &Variables) -> Value {
        let text = self.fill(variables);
        match (self.0.as_slice(), text.parse::<i64>()) {
            (
                [
                    Part::Variable {
                        is_integer: true, ..
                    },
                ],
                Ok(number),
            ) => number.into(),
            _ => text.into(),
        }
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|source| Self::parse(&source))
    }
}

/// Fills every string inside a JSON value.
pub fn fill_json(value: &Value, variables: &Variables) -> Value {
    match value {
        Value::String(source) => Template::parse(source).fill_value(variables),
        Value::Array(items) => items
            .iter()
            .map(|item| fill_json(item, variables))
            .collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), fill_json(field, variables)))
            .collect(),
        other => other.clone(),
    }
}

/// Every variable that the strings inside a JSON value ask for.
pub fn json_variables(value: &Value) -> Vec<String> {
    match value {
        Value::String(source) => Template::parse(source)
            .variables()
            .map(str::to_owned)
            .collect(),
        Value::Array(items) => items.iter().flat_map(json_variables).collect(),
        Value::Object(fields) => fields.values().flat_map(json_variables).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variables() -> Variables {
        [("step", "01_idea"), ("phase", "2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn known_variables_are_filled_and_other_braces_stay() {
        let template = Template::parse("{{step}} of ${x} {{ phase }} {{A}} {{}}");
        assert_eq!(template.fill(&variables()), "01_idea of ${x} 2 {{A}} {{}}");
        assert_eq!(template.variables().collect::<Vec<_>>(), ["step", "phase"]);
    }

    #[test]
    fn a_lone_integer_variable_becomes_a_number() {
        let input =
            json!({"phase": "{{phase|int}}", "step": "{{step|int}}", "files": ["{{step}}"]});
        let filled = fill_json(&input, &variables());
        assert_eq!(
            filled,
            json!({"phase": 2, "step": "01_idea", "files": ["01_idea"]})
        );
    }
}
