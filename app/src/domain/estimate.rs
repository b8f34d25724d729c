//! What a phase will probably need, learned from those of the same kind that were finished before.

use serde::{Deserialize, Serialize};

use super::money::Usd;

/// Fewer finished phases say nothing.
pub const FEWEST: usize = 3;

/// Only so many of the newest count: how work is done changes. With as many, the interval leaves five on
/// each side.
pub const NEWEST: usize = 49;

/// How much of what comes next an interval should hold, in percent.
const WANTED: usize = 80;

/// A finished phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub cost: Usd,
    /// How long agents and checks were at work, in milliseconds.
    pub active_ms: u64,
}

/// The median of what was seen, and where the next one probably lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Interval<T> {
    pub low: T,
    pub middle: T,
    pub high: T,
}

/// What is expected of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Expected {
    /// How probable it is that reality falls inside, the same for each of the figures. Rounded down.
    pub coverage_percent: u8,
    pub cost_usd: Interval<Usd>,
    /// Without the time that people are waited for, in milliseconds.
    pub active_ms: Interval<u64>,
}

/// What is expected of a phase, or how much is missing to say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct PhaseEstimate {
    /// Finished phases of the kind that it is learned from.
    pub samples: u32,
    /// Only those of tasks that asked for the same model.
    #[serde(default)]
    pub same_model: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
}

/// The estimate of one phase of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstimatedPhase {
    /// Counts from 1.
    pub phase: u32,
    #[serde(flatten)]
    pub estimate: PhaseEstimate,
}

/// Which of the sorted samples the interval reaches to: `k` from either end, counted from 1.
///
/// Of n + 1 exchangeable values without ties each is the last to come with the same probability in each
/// place of their order. So the next one lies between the k-th smallest and the k-th largest of n with
/// probability (n + 1 − 2k) / (n + 1), whatever the distribution is; ties only raise it. See H. A. David
/// and H. N. Nagaraja, *Order Statistics*, 3rd edition, Wiley 2003, chapter 7, on prediction intervals
/// that are free of the distribution.
///
/// The interval is the narrowest that holds 80 %, which takes nine samples. With fewer it is the widest, and
/// holds less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rank {
    samples: usize,
    k: usize,
}

impl Rank {
    fn of(samples: usize) -> Option<Self> {
        if samples < FEWEST {
            return None;
        }
        let outside = (samples + 1) * (100 - WANTED) / 100;
        let k = (outside / 2).max(1);
        Some(Self { samples, k })
    }

    fn coverage_percent(self) -> u8 {
        let places = self.samples + 1;
        let inside = (places - 2 * self.k) * 100 / places;
        u8::try_from(inside).unwrap_or(100)
    }

    /// The samples have to be as many as it was made for.
    fn interval<T: Ord + Copy>(self, mut samples: Vec<T>, mean: fn(T, T) -> T) -> Interval<T> {
        samples.sort_unstable();
        let half = self.samples / 2;
        let middle = if self.samples.is_multiple_of(2) {
            mean(samples[half - 1], samples[half])
        } else {
            samples[half]
        };
        Interval {
            low: samples[self.k - 1],
            middle,
            high: samples[self.samples - self.k],
        }
    }
}

impl<T: Ord + Copy> Interval<T> {
    /// Whether this is what was expected.
    pub fn holds(&self, actual: T) -> bool {
        (self.low..=self.high).contains(&actual)
    }
}

impl PhaseEstimate {
    /// Learns from finished phases of the same kind, the newest first. If enough of them were done by tasks
    /// that asked for the same model (the first list), only from those, else from all.
    pub fn learned(same_model: &[Sample], all: &[Sample]) -> Self {
        let is_enough = same_model.len() >= FEWEST;
        let learned = if is_enough { same_model } else { all };
        let learned = &learned[..learned.len().min(NEWEST)];
        let expected = Rank::of(learned.len()).map(|rank| Expected {
            coverage_percent: rank.coverage_percent(),
            cost_usd: rank.interval(
                learned.iter().map(|sample| sample.cost).collect(),
                |left, right| Usd::from_micros(i64::midpoint(left.as_micros(), right.as_micros())),
            ),
            active_ms: rank.interval(
                learned.iter().map(|sample| sample.active_ms).collect(),
                u64::midpoint,
            ),
        });
        Self {
            samples: u32::try_from(learned.len()).unwrap_or(u32::MAX),
            same_model: is_enough,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sample(value: u32) -> Sample {
        Sample {
            cost: Usd::from_micros(i64::from(value)),
            active_ms: u64::from(value) * 1_000,
        }
    }

    fn learned(values: &[u32]) -> PhaseEstimate {
        let samples: Vec<_> = values.iter().copied().map(sample).collect();
        PhaseEstimate::learned(&samples, &[])
    }

    fn expected(values: &[u32]) -> Expected {
        learned(values).expected.unwrap()
    }

    #[test]
    fn too_few_finished_phases_give_no_estimate_and_say_how_many_there_are() {
        assert_eq!(learned(&[]), PhaseEstimate::default());
        let two = PhaseEstimate::learned(&[sample(1)], &[sample(1), sample(2)]);
        assert_eq!(
            (two.samples, two.same_model, two.expected),
            (2, false, None)
        );
    }

    #[test]
    fn few_samples_give_the_widest_interval_and_what_it_is_worth() {
        let of_three = expected(&[30, 10, 20]);
        assert_eq!(of_three.coverage_percent, 50);
        let cost = of_three.cost_usd;
        let micros = [cost.low, cost.middle, cost.high].map(Usd::as_micros);
        assert_eq!(micros, [10, 20, 30]);
        assert_eq!(of_three.active_ms.middle, 20_000);
        assert_eq!(
            expected(&[10, 20, 30, 40]).cost_usd.middle,
            Usd::from_micros(25)
        );
    }

    #[test]
    fn the_interval_narrows_as_soon_as_it_still_holds_eighty_percent() {
        let of = |samples: usize| {
            let rank = Rank::of(samples).unwrap();
            (rank.k, rank.coverage_percent())
        };
        let told = [3, 4, 8, 9, 18, 19, 29, NEWEST].map(of);
        let known = [
            (1, 50),
            (1, 60),
            (1, 77),
            (1, 80),
            (1, 89),
            (2, 80),
            (3, 80),
            (5, 80),
        ];
        assert_eq!(told, known);
    }

    #[test]
    fn the_same_model_counts_alone_once_it_has_finished_enough() {
        let same: Vec<_> = (1..=3).map(sample).collect();
        let all: Vec<_> = (1..=30).map(sample).collect();
        let alone = PhaseEstimate::learned(&same, &all);
        assert_eq!((alone.samples, alone.same_model), (3, true));
        let together = PhaseEstimate::learned(&same[..2], &all);
        assert_eq!((together.samples, together.same_model), (30, false));
    }

    #[test]
    fn only_the_newest_count() {
        let mut values = vec![5; NEWEST];
        values.extend([1_000; 100]);
        assert_eq!(learned(&values).samples, 49);
        assert_eq!(expected(&values).cost_usd.high, Usd::from_micros(5));
    }

    proptest! {
        /// Each of n + 1 values is the next one in one of n + 1 equally probable orders: those that fall
        /// inside what is learned from the others are the coverage, exactly.
        #[test]
        fn exchangeable_values_fall_inside_as_often_as_promised(values in prop::collection::btree_set(any::<u32>(), 4..50)) {
            let values: Vec<u32> = values.into_iter().collect();
            let (mut inside, mut promised) = (0, 0);
            for (index, next) in values.iter().enumerate() {
                let mut others = values.clone();
                others.remove(index);
                let expected = expected(&others);
                let holds = expected.cost_usd.holds(sample(*next).cost);
                prop_assert_eq!(holds, expected.active_ms.holds(sample(*next).active_ms));
                inside += usize::from(holds);
                promised = usize::from(expected.coverage_percent);
            }
            prop_assert_eq!(inside * 100 / values.len(), promised);
        }

        #[test]
        fn ties_never_lower_the_coverage(values in prop::collection::vec(0..4_u32, 4..50)) {
            let holds = |index: usize| {
                let mut others = values.clone();
                let next = others.remove(index);
                let expected = expected(&others);
                (expected.cost_usd.holds(sample(next).cost), usize::from(expected.coverage_percent))
            };
            let held: Vec<_> = (0..values.len()).map(holds).collect();
            let inside = held.iter().filter(|(holds, _)| *holds).count();
            prop_assert!(inside * 100 / values.len() >= held[0].1);
        }

        #[test]
        fn an_interval_is_ordered_and_made_of_what_was_seen(values in prop::collection::vec(any::<u32>(), 3..120)) {
            let expected = expected(&values);
            let cost = expected.cost_usd;
            prop_assert!(cost.low <= cost.middle && cost.middle <= cost.high);
            let seen: BTreeSet<_> = values.iter().map(|value| sample(*value).cost).collect();
            prop_assert!(seen.contains(&cost.low) && seen.contains(&cost.high));
            prop_assert!((50..100).contains(&expected.coverage_percent));
        }

        #[test]
        fn the_interval_is_the_narrowest_that_holds_enough(samples in 9..10_000_usize) {
            let rank = Rank::of(samples).unwrap();
            prop_assert!(rank.coverage_percent() >= 80);
            let narrower = Rank { k: rank.k + 1, ..rank };
            prop_assert!(narrower.coverage_percent() < 80);
        }
    }
}
