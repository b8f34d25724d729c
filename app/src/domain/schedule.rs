//! Schedules: when tasks are made by themselves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::word::words;

words! {
    /// A day of the week.
    pub enum Weekday {
        Monday,
        Tuesday,
        Wednesday,
        Thursday,
        Friday,
        Saturday,
        Sunday,
    }

    /// What becomes of the times at which no server was there to make a task.
    #[derive(Default)]
    pub enum CatchUp {
        /// They are left out.
        Skip,
        /// One task is made for all of them.
        #[default]
        Latest,
        /// One is made for each, at most for the last ten.
        All,
    }
}

/// When a schedule makes tasks, by the clock of its time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(tag = "every", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rhythm {
    /// Each hour at a minute, 0 to 59.
    Hour { minute: u8 },
    /// Each day.
    Day {
        #[cfg_attr(feature = "ssr", schema(value_type = String))]
        at: TimeOfDay,
    },
    /// On days of each week.
    Week {
        on: Vec<Weekday>,
        #[cfg_attr(feature = "ssr", schema(value_type = String))]
        at: TimeOfDay,
    },
    /// On a day of each month that has it, 1 to 31; 31 is the last one of any month.
    Month {
        day: u8,
        #[cfg_attr(feature = "ssr", schema(value_type = String))]
        at: TimeOfDay,
    },
    /// As a cron expression of five fields says: minute, hour, day, month, day of the week.
    Cron { expression: String },
}

impl Rhythm {
    /// The cron expression that says the same.
    pub fn cron(&self) -> String {
        match self {
            Self::Hour { minute } => format!("{minute} * * * *"),
            Self::Day { at } => format!("{} {} * * *", at.minute, at.hour),
            Self::Week { on, at } => {
                // Sunday is 0.
                let number = |day: &Weekday| (*day as usize + 1) % 7;
                let days: Vec<String> = on.iter().map(|day| number(day).to_string()).collect();
                format!("{} {} * * {}", at.minute, at.hour, days.join(","))
            }
            Self::Month { day: 31, at } => format!("{} {} L * *", at.minute, at.hour),
            Self::Month { day, at } => format!("{} {} {day} * *", at.minute, at.hour),
            Self::Cron { expression } => expression.clone(),
        }
    }
}

/// A time of the day, written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    hour: u8,
    minute: u8,
}

/// Not a time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of the day as in 09:30")]
pub struct NoTimeOfDay;

impl FromStr for TimeOfDay {
    type Err = NoTimeOfDay;

    fn from_str(text: &str) -> Result<Self, NoTimeOfDay> {
        let (hour, minute) = text.split_once(':').ok_or(NoTimeOfDay)?;
        let number = |text: &str, end: u8| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| digits && *number < end);
            number.ok_or(NoTimeOfDay)
        };
        Ok(Self {
            hour: number(hour, 24)?,
            minute: number(minute, 60)?,
        })
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = NoTimeOfDay;

    fn try_from(text: String) -> Result<Self, NoTimeOfDay> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn simple_forms_are_cron_expressions() {
        let at: TimeOfDay = "09:05".parse().unwrap();
        let on = vec![Weekday::Monday, Weekday::Sunday];
        let told = [
            Rhythm::Hour { minute: 7 },
            Rhythm::Day { at },
            Rhythm::Week { on, at },
            Rhythm::Month { day: 15, at },
            Rhythm::Month { day: 31, at },
        ]
        .map(|rhythm| rhythm.cron());
        let expected = [
            "7 * * * *",
            "5 9 * * *",
            "5 9 * * 1,0",
            "5 9 15 * *",
            "5 9 L * *",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_rhythm_is_stored_by_its_name() {
        let daily = serde_json::json!({ "every": "day", "at": "23:59" });
        let rhythm: Rhythm = serde_json::from_value(daily.clone()).unwrap();
        assert_eq!(serde_json::to_value(&rhythm).unwrap(), daily);
        for wrong in ["24:00", "9:30", "09:60", "0930", "", "+9:30", "09:3０"] {
            assert_eq!(wrong.parse::<TimeOfDay>(), Err(NoTimeOfDay), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_refused(text in any::<String>()) {
            if let Ok(time) = text.parse::<TimeOfDay>() {
                prop_assert_eq!(time.to_string(), text);
            }
        }
    }
}
