//! What a turn has used, from the CLI's running totals. Pure.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::turn_result::{ModelUsage, TurnResult};

/// Turns the totals of one process's results into what each turn has added.
///
/// The CLI's own totals go on over `--resume`, but only if the earlier process ended in order, so
/// they can't be compared across processes. Each result also says what was used since the previous
/// result of the same process; that is the figure taken here. Totals are the fallback.
#[derive(Clone, Debug, Default)]
pub struct UsageMeter {
    totals: BTreeMap<String, ModelUsage>,
}

/// What one turn has used, subagents included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnUsage {
    /// By model.
    pub by_model: BTreeMap<String, ModelUsage>,
}

impl UsageMeter {
    /// What the turn with this result has used.
    pub fn record(&mut self, result: &TurnResult) -> TurnUsage {
        let by_model = match &result.model_usage_since_last_result {
            Some(usage) => usage.clone(),
            None => result
                .model_usage
                .iter()
                .map(|(model, total)| (model.clone(), self.growth(model, total)))
                .collect(),
        };
        self.totals.clone_from(&result.model_usage);
        TurnUsage { by_model }
    }

    /// How far a model's total has grown. A total that shrank has started anew.
    fn growth(&self, model: &str, total: &ModelUsage) -> ModelUsage {
        match self.totals.get(model) {
            Some(before) if before.output_tokens <= total.output_tokens => ModelUsage {
                input_tokens: total.input_tokens.saturating_sub(before.input_tokens),
                output_tokens: total.output_tokens - before.output_tokens,
                cache_read_input_tokens: total
                    .cache_read_input_tokens
                    .saturating_sub(before.cache_read_input_tokens),
                cache_creation_input_tokens: total
                    .cache_creation_input_tokens
                    .saturating_sub(before.cache_creation_input_tokens),
                cost_usd: (total.cost_usd - before.cost_usd).max(0.0),
            },
            _ => total.clone(),
        }
    }
}

impl TurnUsage {
    /// All models together.
    pub fn total(&self) -> ModelUsage {
        let mut sum = ModelUsage::default();
        for usage in self.by_model.values() {
            sum += usage;
        }
        sum
    }
}

impl AddAssign for TurnUsage {
    fn add_assign(&mut self, more: Self) {
        for (model, usage) in more.by_model {
            *self.by_model.entry(model).or_default() += &usage;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Message, parse};
    use super::*;

    fn results(transcript: &str) -> Vec<TurnResult> {
        let results = transcript.lines().filter_map(|line| match parse(line) {
            Ok(Message::Result(result)) => Some(*result),
            _ => None,
        });
        results.collect()
    }

    fn outputs(results: &[TurnResult]) -> Vec<u64> {
        let mut meter = UsageMeter::default();
        results
            .iter()
            .map(|result| meter.record(result).total().output_tokens)
            .collect()
    }

    #[test]
    fn each_turn_is_counted_once() {
        let mut results = results(include_str!(
            "../../tests/fixtures/transcripts/02_multiturn_partial_replay.jsonl"
        ));
        assert_eq!(outputs(&results), [25, 100, 25]);
        for result in &mut results {
            result.model_usage_since_last_result = None;
        }
        assert_eq!(
            outputs(&results),
            [25, 100, 25],
            "the totals lead to the same"
        );
    }

    #[test]
    fn a_resumed_process_does_not_count_the_past_again() {
        let resumed = results(include_str!(
            "../../tests/fixtures/transcripts/12b_resume.jsonl"
        ));
        assert_eq!(outputs(&resumed), [25]);
        assert!(
            (resumed[0].total_cost_usd - 0.0018).abs() < 1e-9,
            "while the total does"
        );
    }

    #[test]
    fn a_total_that_starts_anew_counts_from_there() {
        let with_output = |output_tokens| TurnResult {
            model_usage: BTreeMap::from([(
                "m".to_owned(),
                ModelUsage {
                    output_tokens,
                    ..ModelUsage::default()
                },
            )]),
            ..TurnResult::default()
        };
        assert_eq!(
            outputs(&[with_output(10), with_output(30), with_output(5)]),
            [10, 20, 5]
        );
    }
}
