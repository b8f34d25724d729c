//! Estimates in words.

use super::clock::span;
use crate::domain::estimate::{Expected, FEWEST, Interval, PhaseEstimate};
use crate::domain::money::Usd;
use crate::number::counted;

/// `12 s`, `5 min`.
pub fn took(active_ms: u64) -> String {
    // Half a second and more is one.
    let seconds = active_ms.saturating_add(500) / 1_000;
    span(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// `$0.20 to $0.60`.
pub fn cost_range(cost: &Interval<Usd>) -> String {
    range(cost.low.to_short(), &cost.high.to_short())
}

/// `2 min to 9 min`.
pub fn time_range(active_ms: &Interval<u64>) -> String {
    range(took(active_ms.low), &took(active_ms.high))
}

fn range(low: String, high: &str) -> String {
    if low == high {
        low
    } else {
        format!("{low} to {high}")
    }
}

/// `about $0.35, 4 min`.
pub fn about(expected: &Expected) -> String {
    let cost = expected.cost_usd.middle.to_short();
    format!("about {cost}, {}", took(expected.active_ms.middle))
}

/// What an estimate is learned from and how much it promises, or what is missing; `was` if it was made before
/// the phase began.
pub fn learned_from(estimate: &PhaseEstimate, was: bool) -> String {
    let samples = usize::try_from(estimate.samples).unwrap_or(usize::MAX);
    let Some(expected) = &estimate.expected else {
        let word = if was { "was made" } else { "yet" };
        let needed = counted(FEWEST, "finished phase");
        return format!("no estimate {word}: {samples} of {needed} of this kind");
    };
    let coverage = expected.coverage_percent;
    let model = if estimate.same_model {
        " with this model"
    } else {
        ""
    };
    format!("learned from {samples} finished phases{model}; {coverage} % should fall inside")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::estimate::Sample;

    fn learned(samples: u32) -> PhaseEstimate {
        let sample = |index: u32| Sample {
            cost: Usd::from_micros(100_000 * i64::from(index + 1)),
            active_ms: 60_000 * u64::from(index + 1),
        };
        let samples: Vec<_> = (0..samples).map(sample).collect();
        PhaseEstimate::learned(&samples, &samples)
    }

    #[test]
    fn an_estimate_is_told_with_what_it_is_worth() {
        let estimate = learned(4);
        let expected = estimate.expected.unwrap();
        assert_eq!(cost_range(&expected.cost_usd), "$0.10 to $0.40");
        assert_eq!(time_range(&expected.active_ms), "1 min to 4 min");
        assert_eq!(about(&expected), "about $0.25, 2 min");
        assert_eq!(
            learned_from(&estimate, false),
            "learned from 4 finished phases with this model; 60 % should fall inside"
        );
    }

    #[test]
    fn what_is_missing_is_told() {
        assert_eq!(
            learned_from(&learned(1), false),
            "no estimate yet: 1 of 3 finished phases of this kind"
        );
        assert_eq!(
            learned_from(&learned(0), true),
            "no estimate was made: 0 of 3 finished phases of this kind"
        );
    }

    #[test]
    fn an_interval_of_equals_is_one_figure() {
        let same = Interval {
            low: 400,
            middle: 400,
            high: 499,
        };
        assert_eq!(time_range(&same), "0 s");
    }
}
