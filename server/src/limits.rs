//! How long an account is left alone that can't be used. Pure.

use std::time::Duration;

use app::domain::task::{Limit, LimitCause};
use chrono::{DateTime, TimeDelta, Utc};

/// Ends that are told as later than this are not believed.
const LONGEST: TimeDelta = TimeDelta::days(8);

/// Between the end that was told and the next try: clocks differ.
const MARGIN: TimeDelta = TimeDelta::seconds(1);

/// So often in a row the end that is told is believed alone. Then it is no end, and what is told
/// only lengthens the waits.
const BELIEVED: u32 = 3;

/// How long is waited where nobody has told how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// The first time, the second time and so on; the last one from then on.
    pub waits: Vec<Duration>,
    /// Between two tasks that go on after an end that was told.
    pub stagger: Duration,
    /// How long the first task that goes on has to show that the model can be used again, if nobody
    /// has told so, before the next one tries as well.
    pub probe: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            waits: [1, 5, 15, 30, 60].map(Duration::from_mins).to_vec(),
            stagger: Duration::from_secs(2),
            probe: Duration::from_mins(1),
        }
    }
}

impl Pacing {
    /// The wait after so many times in a row, from 1.
    fn wait(&self, strikes: u32) -> TimeDelta {
        let index = strikes.saturating_sub(1) as usize;
        let wait = self.waits.get(index).or(self.waits.last());
        let wait = wait.copied().unwrap_or(Duration::from_mins(1));
        TimeDelta::from_std(wait).unwrap_or(LONGEST)
    }
}

/// A sign that the model can't be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hit {
    pub cause: LimitCause,
    /// Which limit, as Claude names it.
    pub name: Option<String>,
    /// The end, if it was told.
    pub reset: Option<DateTime<Utc>>,
}

impl Hit {
    /// Part of the names of the models that are concerned; empty for all.
    pub fn model(&self) -> &'static str {
        match self.name.as_deref() {
            Some("seven_day_opus") => "opus",
            Some("seven_day_sonnet") => "sonnet",
            _ => "",
        }
    }
}

/// What is known of an account that can't be used, or could not until lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub limit: Limit,
    /// How often in a row.
    pub strikes: u32,
}

/// What follows from a sign. Those that come while the account is left alone already, from agents that
/// had begun before, count as one.
pub fn hold(before: Option<&Hold>, hit: &Hit, now: DateTime<Utc>, pacing: &Pacing) -> Hold {
    let held = before.filter(|before| before.limit.until > now);
    let strikes = match (held, before) {
        (Some(held), _) => held.strikes,
        (None, Some(before)) => before.strikes.saturating_add(1),
        (None, None) => 1,
    };
    let told = hit
        .reset
        .filter(|reset| *reset > now && *reset <= now + LONGEST);
    let until = match (told, held) {
        (Some(reset), held) => {
            let believed = strikes.checked_sub(BELIEVED).filter(|more| *more > 0);
            let at_least = believed.map_or(now, |more| now + pacing.wait(more));
            let known = held.filter(|held| held.limit.told);
            let known = known.map_or(now, |held| held.limit.until);
            (reset + MARGIN).max(at_least).max(known)
        }
        (None, Some(held)) => return held.clone(),
        (None, None) => now + pacing.wait(strikes),
    };
    Hold {
        limit: Limit {
            until,
            told: told.is_some(),
            cause: hit.cause,
            name: hit.name.clone(),
        },
        strikes,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn told(second: i64) -> Hit {
        Hit {
            reset: Some(at(second)),
            ..Hit::default()
        }
    }

    fn after(before: Option<&Hold>, hit: &Hit, now: i64) -> Hold {
        hold(before, hit, at(now), &Pacing::default())
    }

    fn waited(hold: &Hold, now: i64) -> i64 {
        hold.limit.until.timestamp() - now
    }

    #[test]
    fn without_a_told_end_each_wait_is_longer_up_to_an_hour() {
        let (mut now, mut known, mut waits) = (1_000, None, Vec::new());
        for _ in 0..6 {
            let next = after(known.as_ref(), &Hit::default(), now);
            waits.push(waited(&next, now) / 60);
            now = next.limit.until.timestamp() + 1;
            known = Some(next);
        }
        assert_eq!(waits, [1, 5, 15, 30, 60, 60]);
    }

    #[test]
    fn a_told_end_goes_before_the_waits_and_is_not_shortened() {
        let first = after(None, &told(5_000), 1_000);
        assert_eq!(first.limit.until, at(5_001));
        assert!(first.limit.told);
        assert_eq!(after(Some(&first), &told(3_000), 1_001), first);
        assert_eq!(after(Some(&first), &Hit::default(), 1_001), first);
        let later = after(Some(&first), &told(9_000), 1_001);
        assert_eq!(later.limit.until, at(9_001));
        assert_eq!(later.strikes, 1);
    }

    #[test]
    fn a_told_end_takes_the_place_of_a_guess() {
        let guess = after(None, &Hit::default(), 1_000);
        assert_eq!(guess.limit.until, at(1_060));
        assert_eq!(
            after(Some(&guess), &told(1_010), 1_001).limit.until,
            at(1_011)
        );
    }

    #[test]
    fn an_end_that_makes_no_sense_is_not_believed() {
        for wrong in [0, 999, 1_000, 1_000 + 9 * 24 * 3_600] {
            let hold = after(None, &told(wrong), 1_000);
            assert_eq!(
                (waited(&hold, 1_000), hold.limit.told),
                (60, false),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_end_that_is_told_again_and_again_is_not_believed_for_ever() {
        let (mut now, mut known, mut waits) = (1_000, None, Vec::new());
        for _ in 0..6 {
            let next = after(known.as_ref(), &told(now + 4), now);
            waits.push(waited(&next, now));
            now = next.limit.until.timestamp() + 1;
            known = Some(next);
        }
        assert_eq!(waits, [5, 5, 5, 60, 300, 900]);
    }

    #[test]
    fn a_limit_of_one_model_holds_back_tasks_of_that_model() {
        let named = |name: &str| Hit {
            name: Some(name.to_owned()),
            ..Hit::default()
        };
        assert_eq!(named("seven_day_opus").model(), "opus");
        assert_eq!(named("five_hour").model(), "");
        assert_eq!(Hit::default().model(), "");
    }

    proptest! {
        #[test]
        fn a_hold_lies_ahead_and_a_sign_never_shortens_what_was_told(
            resets in prop::collection::vec((prop::option::of(0..100_000_i64), 0..4_000_i64), 1..30)
        ) {
            let (mut now, mut known) = (1_000, None::<Hold>);
            for (reset, pause) in resets {
                let hit = Hit { reset: reset.map(at), ..Hit::default() };
                let next = after(known.as_ref(), &hit, now);
                prop_assert!(next.limit.until > at(now));
                prop_assert!(next.limit.until <= at(now) + LONGEST + MARGIN);
                if let Some(known) = known.filter(|known| known.limit.told && known.limit.until > at(now)) {
                    prop_assert!(next.limit.until >= known.limit.until);
                }
                known = Some(next);
                now += pause;
            }
        }
    }
}
