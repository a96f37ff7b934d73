//! Dates as numbers: yyyymmdd, which sorts as the date does and is read by people.

use jiff::civil::Date;

/// The number of a date; also of a year before 0, by Euclidean division.
pub fn number(date: Date) -> i32 {
    i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day())
}

/// The date of a number, if it is one.
pub fn from_number(number: i32) -> Option<Date> {
    let year = i16::try_from(number.div_euclid(10_000)).ok()?;
    let month = i8::try_from(number.div_euclid(100).rem_euclid(100)).ok()?;
    let day = i8::try_from(number.rem_euclid(100)).ok()?;
    Date::new(year, month, day).ok()
}
