//! One module per module of the crate.

mod amount;
mod calendar;
mod cash_flow;
mod day_count;
mod name;
mod period;
mod words;

use stdx::{Date, Prng};

/// A day of the years 1990 to 2060, often one of the last three of its month.
fn any_date(prng: &mut Prng) -> Date {
    let day = i32::try_from(prng.below(25_900)).unwrap();
    let date = date("1990-01-01").checked_add(jiff::Span::new().days(day)).unwrap();
    if !prng.chance(50) {
        return date;
    }
    let before_end = i32::try_from(prng.below(3)).unwrap();
    date.last_of_month().checked_sub(jiff::Span::new().days(before_end)).unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}
