//! When schedules are due: cron expressions by the clock of a time zone.
//!
//! A time that the clock leaves out in spring is due when the clock has gone on; one that it shows twice in
//! autumn is due the first time. An expression with a wildcard in its minute or hour follows the clock.

use app::domain::schedule::Rhythm;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// The longest cron expression, in bytes.
const LONGEST: usize = 200;

/// A rhythm in its time zone.
#[derive(Clone, Debug)]
pub struct Recurrence {
    cron: Cron,
    zone: Tz,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    #[error("must be the name of a time zone, as in Europe/Berlin")]
    Zone,
    #[error("{0}")]
    Rhythm(String),
}

impl Recurrence {
    /// Fails if there is no such time zone, or no such time.
    pub fn new(rhythm: &Rhythm, zone: &str) -> Result<Self, RecurrenceError> {
        let refused = |message: &str| RecurrenceError::Rhythm(message.to_owned());
        match rhythm {
            Rhythm::Hour { minute: 60.. } => return Err(refused("has a minute beyond 59")),
            Rhythm::Week { on, .. } if on.is_empty() => {
                return Err(refused("needs a day of the week"));
            }
            Rhythm::Month { day: 0 | 32.., .. } => {
                return Err(refused("has a day that is not 1 to 31"));
            }
            Rhythm::Cron { expression } if expression.len() > LONGEST => {
                return Err(refused("is too long"));
            }
            _ => {}
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(&rhythm.cron());
        let cron = cron.map_err(|error| refused(&format!("is no cron expression: {error}")))?;
        let zone = zone.parse().map_err(|_| RecurrenceError::Zone)?;
        let recurrence = Self { cron, zone };
        if recurrence.after(Utc::now()).is_none() {
            return Err(refused("is never due"));
        }
        Ok(recurrence)
    }

    /// The first time after `at`; `None` if there is none in sight.
    pub fn after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = at.with_timezone(&self.zone);
        let next = self.cron.find_next_occurrence(&at, false).ok()?;
        Some(next.with_timezone(&Utc))
    }

    /// The times after `at`, in order.
    pub fn times(&self, at: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.after(at), |at| self.after(*at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cron(expression: &str) -> Rhythm {
        Rhythm::Cron {
            expression: expression.to_owned(),
        }
    }

    fn times(rhythm: &Rhythm, zone: &str, from: &str, count: usize) -> Vec<String> {
        let recurrence = Recurrence::new(rhythm, zone).unwrap();
        let times = recurrence.times(from.parse().unwrap()).take(count);
        times
            .map(|at| at.format("%m-%d %H:%M").to_string())
            .collect()
    }

    #[test]
    fn a_day_has_its_time_on_both_sides_of_the_change_of_clocks() {
        let daily = cron("30 9 * * *");
        // In 2026 Berlin changes its clocks on 29 March and 25 October.
        let spring = times(&daily, "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(spring, ["03-28 08:30", "03-29 07:30", "03-30 07:30"]);
        let autumn = times(&daily, "Europe/Berlin", "2026-10-24T00:00:00Z", 3);
        assert_eq!(autumn, ["10-24 07:30", "10-25 08:30", "10-26 08:30"]);
        assert_eq!(
            times(&daily, "UTC", "2026-03-28T00:00:00Z", 1),
            ["03-28 09:30"]
        );
    }

    #[test]
    fn a_time_that_is_left_out_is_made_up_for_and_one_that_comes_twice_counts_once() {
        let at_half_past_two = cron("30 2 * * *");
        let spring = times(
            &at_half_past_two,
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            2,
        );
        assert_eq!(spring, ["03-29 01:00", "03-30 00:30"]);
        let autumn = times(
            &at_half_past_two,
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            2,
        );
        assert_eq!(autumn, ["10-25 00:30", "10-26 01:30"]);
    }

    #[test]
    fn the_last_day_of_a_month_is_known() {
        let monthly = Rhythm::Month {
            day: 31,
            at: "00:00".parse().unwrap(),
        };
        let told = times(&monthly, "UTC", "2026-01-31T12:00:00Z", 3);
        assert_eq!(told, ["02-28 00:00", "03-31 00:00", "04-30 00:00"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let refusal =
            |rhythm: &Rhythm, zone| Recurrence::new(rhythm, zone).unwrap_err().to_string();
        assert_eq!(
            refusal(&cron("0 0 * * *"), "Mars/Base"),
            "must be the name of a time zone, as in Europe/Berlin"
        );
        assert!(refusal(&cron("61 * * * *"), "UTC").starts_with("is no cron expression"));
        assert!(refusal(&cron("* * * * * *"), "UTC").starts_with("is no cron expression"));
        assert_eq!(refusal(&cron("0 0 30 2 *"), "UTC"), "is never due");
        assert_eq!(
            refusal(&Rhythm::Hour { minute: 60 }, "UTC"),
            "has a minute beyond 59"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_an_expression_or_refused(text in "[0-9*,/LW# -]{0,20}") {
            if let Ok(recurrence) = Recurrence::new(&cron(&text), "America/New_York") {
                let times: Vec<_> = recurrence.times(Utc::now()).take(3).collect();
                prop_assert!(times.is_sorted_by(|one, other| one < other));
            }
        }
    }
}
