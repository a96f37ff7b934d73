use stdx::{Date, Prng, table};

use super::{any_date, date};
use crate::{Period, Unit};

#[test]
fn periods_count_from_the_start_without_drift() {
    let rows = table::parse(
        "
        start       period      n  => date
        2023-01-31  \"1 month\"   0    2023-01-31
        2023-01-31  \"1 month\"   1    2023-02-28
        2023-01-31  \"1 month\"   2    2023-03-31
        2023-01-31  \"1 month\"   3    2023-04-30
        2023-12-31  \"1 month\"   2    2024-02-29
        2024-02-29  \"1 year\"    1    2025-02-28
        2024-02-29  \"1 year\"    4    2028-02-29
        2022-11-30  \"3 months\"  1    2023-02-28
        2022-11-30  \"3 months\"  2    2023-05-30
        2024-02-20  \"2 weeks\"   1    2024-03-05
        2024-02-20  \"14 days\"   2    2024-03-19
        9999-12-30  \"1 day\"     1    9999-12-31
        9999-12-30  \"1 day\"     2    -
        9999-06-30  \"1 month\"   7    -
        2024-01-01  \"4294967295 years\" 4294967295 -
        2024-01-01  \"4294967295 days\"  1          -
        ",
    );
    for row in rows {
        let period: Period = row.get("period");
        let after = period.after(row.get("start"), row.get("n"));
        assert_eq!(after, row.option::<Date>("date"), "line {}", row.line);
    }
}

#[test]
fn periods_read_singular_and_plural_and_write_one_of_them() {
    let rows = table::parse(
        "
        text         => written      months  per_year
        \"1 month\"     \"1 month\"      1       12
        \"1 months\"    \"1 month\"      1       12
        \"2 month\"     \"2 months\"     2       6
        \"5 months\"    \"5 months\"     5       -
        \"1 year\"      \"1 year\"       12      1
        \"2 years\"     \"2 years\"      24      -
        \"2 weeks\"     \"2 weeks\"      -       -
        \"14 days\"     \"14 days\"      -       -
        \"400000000 years\" \"400000000 years\" - -
        ",
    );
    for row in rows {
        let period: Period = row.get("text");
        assert_eq!(period.to_string(), row.text("written"), "line {}", row.line);
        assert_eq!(period.months(), row.option("months"), "line {}", row.line);
        assert_eq!(period.per_year(), row.option("per_year"), "line {}", row.line);
        let json = serde_json::to_string(&period).unwrap();
        assert_eq!(json, format!("\"{period}\""));
        assert_eq!(serde_json::from_str::<Period>(&json).unwrap(), period);
    }
}

#[test]
fn other_texts_are_refused_with_an_example() {
    for text in [
        "",
        "month",
        "1",
        "1month",
        "1  month",
        " 1 month",
        "1 month ",
        "0 days",
        "01 day",
        "+1 day",
        "-1 day",
        "1.5 months",
        "1 Month",
        "1 monthss",
        "1 s",
        "4294967296 days",
        "一 月",
    ] {
        let error = text.parse::<Period>().unwrap_err();
        assert!(error.to_string().contains("write \"1 month\""), "{text:?}");
        let json = serde_json::to_string(text).unwrap();
        assert!(serde_json::from_str::<Period>(&json).is_err(), "{text:?}");
    }
    assert!(serde_json::from_str::<Period>("1").is_err());
    assert_eq!(Period::new(0, Unit::Day), None);
}

#[test]
fn months_keep_the_day_or_take_the_last() {
    let mut prng = Prng::stream(1, "periods");
    for _ in 0..2_000 {
        let start = any_date(&mut prng);
        let n = u32::try_from(prng.below(360)).unwrap();
        let here = Period::MONTH.after(start, n).unwrap();
        let next = Period::MONTH.after(start, n + 1).unwrap();
        assert!(here < next);
        assert_eq!(here.day(), start.day().min(here.days_in_month()), "{start} {n}");
        let year = Period::new(12, Unit::Month).unwrap().after(start, n);
        assert_eq!(year, Period::new(1, Unit::Year).unwrap().after(start, n));
    }
    assert_eq!(Period::MONTH.after(date("2024-02-29"), 12), Some(date("2025-02-28")));
    assert_eq!(Period::MONTH.before(date("2024-03-31"), 1), Some(date("2024-02-29")));
    assert_eq!(Period::MONTH.before(date("2024-03-31"), 2), Some(date("2024-01-31")));
}
