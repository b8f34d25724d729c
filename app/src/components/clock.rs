//! Times: the exact one from the server, a relative one as soon as the page is live.

use crate::reactive::{effect, part};
use chrono::{DateTime, Datelike, Timelike, Utc};
use leptos::prelude::*;

/// The present as the page knows it: absent until the page is live, so that both sides render
/// the same.
#[derive(Clone, Copy)]
pub struct Clock(RwSignal<Option<i64>>);

impl Clock {
    /// Starts the page's one clock.
    pub fn provide() {
        let now = RwSignal::new(None);
        provide_context(Self(now));
        effect(move || {
            let tick = move || now.set(Some(present()));
            tick();
            if let Ok(handle) = set_interval_with_handle(tick, std::time::Duration::from_secs(15)) {
                on_cleanup(move || handle.clear());
            }
        });
    }

    /// Seconds since `at`; negative for the future.
    pub fn seconds_since(self, at: DateTime<Utc>) -> Option<i64> {
        self.0.get().map(|now| now / 1000 - at.timestamp())
    }
}

#[cfg(feature = "hydrate")]
#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds of an epoch fit"
)]
fn present() -> i64 {
    js_sys::Date::now() as i64
}

#[cfg(not(feature = "hydrate"))]
fn present() -> i64 {
    0
}

/// `2026-11-22T15:30:00Z`, for machines.
pub fn machine_time(at: DateTime<Utc>) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// `22 Nov 2026, 15:30 UTC`, for people.
pub fn exact_time(at: DateTime<Utc>) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = MONTHS[at.month0() as usize];
    format!(
        "{} {month} {}, {:02}:{:02} UTC",
        at.day(),
        at.year(),
        at.hour(),
        at.minute()
    )
}

/// `15:30:07 UTC`.
pub fn time_of_day(at: DateTime<Utc>) -> String {
    format!("{:02}:{:02}:{:02} UTC", at.hour(), at.minute(), at.second())
}

/// `12 s`, `5 min`, `3 h`, `2 d`.
pub fn span(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3_600 => format!("{} min", s / 60),
        s @ 3_600..86_400 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

fn relative(seconds: i64) -> String {
    match seconds {
        -5..=9 => "just now".to_owned(),
        i64::MIN..-5 => format!("in {}", span(-seconds)),
        _ => format!("{} ago", span(seconds)),
    }
}

/// A point in time, relative once the page is live, with the exact one on hover.
#[component]
pub fn Time(#[prop(into)] at: Signal<DateTime<Utc>>) -> impl IntoView {
    let clock = expect_context::<Clock>();
    let text = move || {
        let at = at.get();
        clock
            .seconds_since(at)
            .map_or_else(|| exact_time(at), relative)
    };
    view! {
        <time datetime=move || machine_time(at.get()) title=move || exact_time(at.get())>
            {part(text)}
        </time>
    }
    .into_any()
}

/// `in 2 h`, and to the second from ten minutes on: `in 9:05`.
fn left(seconds: i64) -> String {
    match seconds {
        ..=0 => "any moment".to_owned(),
        1..600 => format!("in {}:{:02}", seconds / 60, seconds % 60),
        seconds => format!("in {}", span(seconds)),
    }
}

/// The time left until a moment once the page is live, with the moment itself on hover and without
/// script.
#[component]
pub fn Countdown(at: DateTime<Utc>) -> impl IntoView {
    let now = ArcRwSignal::new(None);
    let clock = now.clone();
    effect(move || {
        let clock = clock.clone();
        let tick = move || {
            clock.try_set(Some(present()));
        };
        tick();
        if let Ok(handle) = set_interval_with_handle(tick, std::time::Duration::from_secs(1)) {
            on_cleanup(move || handle.clear());
        }
    });
    let text = move || {
        now.get().map_or_else(
            || exact_time(at),
            |now: i64| left(at.timestamp() - now / 1000),
        )
    };
    view! {
        <time class="num" datetime=machine_time(at) title=exact_time(at)>{part(text)}</time>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{exact_time, left, machine_time, relative, span, time_of_day};

    #[test]
    fn what_is_near_is_counted_down_to_the_second() {
        let told: Vec<String> = [-1, 0, 9, 599, 600, 7_300].map(left).into();
        let expected = [
            "any moment",
            "any moment",
            "in 0:09",
            "in 9:59",
            "in 10 min",
            "in 2 h",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn times_are_told_for_people_and_for_machines() {
        let at = DateTime::from_timestamp(1_795_361_407, 0).expect("valid");
        assert_eq!(exact_time(at), "22 Nov 2026, 15:30 UTC");
        assert_eq!(machine_time(at), "2026-11-22T15:30:07Z");
        assert_eq!(time_of_day(at), "15:30:07 UTC");
    }

    #[test]
    fn spans_use_the_largest_whole_unit() {
        let told: Vec<String> = [-3, 59, 60, 7_199, 86_400].map(span).into();
        assert_eq!(told, ["0 s", "59 s", "1 min", "1 h", "1 d"]);
        assert_eq!(relative(3), "just now");
        assert_eq!(relative(-90), "in 1 min");
        assert_eq!(relative(600), "10 min ago");
    }
}
