//! Money in US dollars, exact to a millionth.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount in millionths of a US dollar. JSON: a decimal string with six places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i64);

/// The text is not an amount of dollars.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an amount in dollars, such as 12.50")]
pub struct NotMoney;

const MICROS: i64 = 1_000_000;

/// The largest figure that is read back.
const MOST_DOLLARS: f64 = 999_999_999.0;

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// From millionths of a dollar.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In millionths of a dollar.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// From the agent's floating point figure, rounded to the nearest millionth. What is negative
    /// or not a number counts as nothing, and more than a billion as just under it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the figure is clamped before"
    )]
    pub fn from_dollars(dollars: f64) -> Self {
        Self((dollars.clamp(0.0, MOST_DOLLARS) * 1e6).round() as i64)
    }

    /// For people: two places, four below one cent.
    pub fn to_short(self) -> String {
        let dollars = self.0 / MICROS;
        let rest = (self.0 % MICROS).abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        if dollars == 0 && rest != 0 && rest < 10_000 {
            return format!("{sign}$0.{:04}", rest / 100);
        }
        let cents = (self.0.abs() + 5_000) / 10_000;
        format!("{sign}${}.{:02}", cents / 100, cents % 100)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

impl FromStr for Usd {
    type Err = NotMoney;

    /// Up to six decimal places; at most a billion dollars.
    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 9 || fraction.len() > 6 {
            return Err(NotMoney);
        }
        if !digits(whole) || !digits(fraction) {
            return Err(NotMoney);
        }
        let whole: i64 = whole.parse().map_err(|_| NotMoney)?;
        let micros: i64 = format!("{fraction:0<6}").parse().map_err(|_| NotMoney)?;
        Ok(Self(whole * MICROS + micros))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Usd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "ssr")]
mod schema {
    use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
    use utoipa::openapi::{RefOr, Schema};
    use utoipa::{PartialSchema, ToSchema};

    impl PartialSchema for super::Usd {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(SchemaType::Type(Type::String))
                .description(Some("US dollars, a decimal string with six places"))
                .examples([serde_json::json!("0.840000")])
                .into()
        }
    }

    impl ToSchema for super::Usd {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_see_cents_and_small_amounts_in_full() {
        let shown = |micros| Usd::from_micros(micros).to_short();
        assert_eq!(shown(0), "$0.00");
        assert_eq!(shown(900), "$0.0009");
        assert_eq!(shown(842_000), "$0.84");
        assert_eq!(shown(12_345_678), "$12.35");
    }

    #[test]
    fn a_figure_that_makes_no_sense_does_no_harm() {
        assert_eq!(Usd::from_dollars(0.000_000_9).as_micros(), 1);
        for (dollars, micros) in [
            (-1.0, 0),
            (f64::NAN, 0),
            (f64::INFINITY, 999_999_999_000_000),
        ] {
            let amount = Usd::from_dollars(dollars);
            assert_eq!(amount.as_micros(), micros);
            assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in [
            "",
            "-1",
            "1e3",
            "1.2345678",
            "12345678901",
            "1.2.3",
            "$1",
            "NaN",
        ] {
            assert_eq!(text.parse::<Usd>(), Err(NotMoney), "{text}");
        }
    }

    proptest! {
        #[test]
        fn json_keeps_every_millionth(micros in 0..1_000_000_000_000_000_i64) {
            let amount = Usd::from_micros(micros);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }
}
