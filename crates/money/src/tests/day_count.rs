use jiff::ToSpan;
use stdx::{Date, Prng, table};

use super::{any_date, date};
use crate::{DayCount, Decimal, Period, Unit, YearFraction};

/// Ends of months and Februaries, by the formula of the 2006 ISDA Definitions, 4.16(f).
#[test]
fn thirty_360_counts_days_as_bond_basis() {
    let rows = table::parse(
        "
        from        to         => days
        2007-01-15  2007-01-30    15
        2007-01-15  2007-02-15    30
        2007-01-15  2007-07-15    180
        2007-09-30  2008-03-31    180
        2007-09-30  2007-10-31    30
        2007-09-30  2008-09-30    360
        2007-01-15  2007-01-31    16
        2007-01-31  2007-02-28    28
        2007-02-28  2007-03-31    33
        2006-08-31  2007-02-28    178
        2007-02-28  2007-08-31    183
        2007-02-14  2007-02-28    14
        2007-02-26  2008-02-29    363
        2008-02-29  2009-02-28    359
        2008-02-29  2008-03-30    31
        2008-02-29  2008-03-31    32
        2007-02-28  2007-03-05    7
        2007-10-31  2007-11-28    28
        2007-08-31  2008-02-29    179
        2008-02-29  2008-08-31    182
        2024-01-01  2024-01-01    0
        2024-01-30  2024-01-31    0
        2024-01-31  2024-02-01    1
        ",
    );
    for row in rows {
        let (from, to) = (row.get("from"), row.get("to"));
        assert_eq!(DayCount::Thirty360.days(from, to), row.get::<i32>("days"), "line {}", row.line);
    }
}

/// Periods within, into, out of and over leap years, their days counted by hand.
#[test]
fn actual_actual_counts_each_day_in_its_own_year() {
    let rows = table::parse(
        "
        from        to         => days  common  leap
        2003-11-01  2004-05-01    182   61      121
        1999-02-01  1999-07-01    150   150     0
        1999-07-01  2000-07-01    366   184     182
        2002-08-15  2003-07-15    334   334     0
        2003-07-15  2004-01-15    184   170     14
        1999-07-30  2000-01-30    184   155     29
        2000-01-30  2000-06-30    152   0       152
        1999-11-30  2000-04-30    152   32      120
        2024-02-28  2024-03-01    2     0       2
        2023-12-31  2025-01-02    368   2       366
        ",
    );
    let part = |days: i64, year: i64| Decimal::from(days) / Decimal::from(year);
    for row in rows {
        let (from, to) = (row.get("from"), row.get("to"));
        let expected = part(row.get("common"), 365) + part(row.get("leap"), 366);
        let actual = DayCount::ActAct.fraction(from, to);
        assert!((actual - expected).abs() <= Decimal::new(1, 27), "line {}", row.line);
        assert_eq!(DayCount::ActAct.days(from, to), row.get::<i32>("days"), "line {}", row.line);
    }
}

#[test]
fn fractions_are_right_to_the_last_digit_and_amounts_round_once() {
    let (from, to) = (date("2024-01-31"), date("2024-03-01"));
    let fraction = |basis: DayCount| basis.fraction(from, to).to_string();
    assert_eq!(fraction(DayCount::Thirty360), "0.0861111111111111111111111111");
    assert_eq!(fraction(DayCount::Act360), "0.0833333333333333333333333333");
    assert_eq!(fraction(DayCount::Act365Fixed), "0.0821917808219178082191780822");
    assert_eq!(fraction(DayCount::ActAct), "0.0819672131147540983606557377");
    let month = DayCount::Act360.years(from, to);
    assert_eq!(month.of(Decimal::new(6_00, 2)), Decimal::new(50, 2));
    assert_ne!(month.to_decimal() * Decimal::new(6_00, 2), Decimal::new(50, 2));
}

#[test]
fn regular_periods_of_30_360_have_their_own_length() {
    let start = date("2023-01-31");
    let mut dates = Vec::new();
    for month in 0..14 {
        let from = Period::MONTH.after(start, month).unwrap();
        let to = Period::MONTH.after(start, month + 1).unwrap();
        let years = DayCount::Thirty360.years_of(Period::MONTH, from, to);
        assert_eq!(years.of(Decimal::from(360)), Decimal::from(30), "{from}..{to}");
        dates.push(DayCount::Thirty360.days(from, to));
    }
    // What the dates alone would say of the same fourteen months.
    assert_eq!(dates, [28, 33, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 29, 32]);
    // A week has seven days, where the dates would say six.
    let (from, to) = (date("2023-01-28"), date("2023-02-04"));
    let week = DayCount::Thirty360.years_of(Period::new(1, Unit::Week).unwrap(), from, to);
    assert_eq!(week.of(Decimal::from(360)), Decimal::from(7));
    assert_eq!(DayCount::Thirty360.days(from, to), 6);
    let fortnight = Period::new(2, Unit::Week).unwrap();
    let (from, to) = (date("2023-01-31"), date("2023-02-14"));
    for (_, basis) in DayCount::ALL {
        let years = basis.years_of(fortnight, from, to).to_decimal();
        assert_eq!(years, basis.fraction(from, to));
    }
}

#[test]
fn days_are_the_same_in_both_orders_and_never_fall() {
    let mut prng = Prng::stream(1, "day-count-order");
    for _ in 0..5_000 {
        let (from, to) = (any_date(&mut prng), any_date(&mut prng));
        for (name, basis) in DayCount::ALL {
            assert_eq!(basis.days(from, to), -basis.days(to, from), "{name} {from} {to}");
            assert_eq!(basis.fraction(from, to), -basis.fraction(to, from), "{name} {from} {to}");
            assert_eq!(basis.days(from, from), 0);
            let (first, last) = (from.min(to), from.max(to));
            let next = basis.days(first, last.tomorrow().unwrap());
            assert!(next >= basis.days(first, last), "{name} {first} {last}");
        }
    }
}

#[test]
fn actual_conventions_add_up_over_any_split() {
    let mut prng = Prng::stream(2, "day-count-split");
    for _ in 0..5_000 {
        let [a, b, c] = [(); 3].map(|()| any_date(&mut prng));
        for basis in [DayCount::Act360, DayCount::Act365Fixed, DayCount::ActAct] {
            assert_eq!(basis.days(a, b) + basis.days(b, c), basis.days(a, c));
            let parts = basis.fraction(a, b) + basis.fraction(b, c);
            let gap = (parts - basis.fraction(a, c)).abs();
            assert!(gap <= Decimal::new(2, 26), "{a} {b} {c}: {gap}");
        }
    }
}

#[test]
fn twelve_months_are_a_year() {
    let mut prng = Prng::stream(3, "day-count-year");
    for _ in 0..5_000 {
        let from = any_date(&mut prng);
        let to = from.checked_add(12.months()).unwrap();
        let by_dates = DayCount::Thirty360.days(from, to);
        assert_eq!(by_dates, if from.month() == 2 && from.day() == 29 { 359 } else { 360 });
        let period = Period::new(12, Unit::Month).unwrap();
        let regular = DayCount::Thirty360.years_of(period, from, to).to_decimal();
        assert_eq!(regular, Decimal::ONE);
        let new_year = from.first_of_year();
        let next = new_year.checked_add(1.year()).unwrap();
        assert_eq!(DayCount::ActAct.fraction(new_year, next), Decimal::ONE, "{new_year}");
    }
}

#[test]
fn actual_actual_equals_the_sum_over_its_days() {
    let mut prng = Prng::stream(4, "day-count-oracle");
    for _ in 0..100 {
        let from = any_date(&mut prng);
        let days = i32::try_from(prng.below(2_000)).unwrap();
        let to = from.checked_add(days.days()).unwrap();
        let each = from.series(1.day()).take_while(|day| *day < to);
        let sum: Decimal = each.map(|day| Decimal::ONE / Decimal::from(day.days_in_year())).sum();
        let gap = (sum - DayCount::ActAct.fraction(from, to)).abs();
        assert!(gap < Decimal::new(1, 20), "{from} {to}: {gap}");
    }
}

#[test]
fn the_longest_time_is_counted_too() {
    for (_, basis) in DayCount::ALL {
        assert!(basis.days(Date::MIN, Date::MAX) > 7_000_000);
        let scaled = basis.years(Date::MIN, Date::MAX).of(Decimal::from(i64::MAX));
        assert!(scaled > Decimal::from(i64::MAX));
    }
}

#[test]
fn what_is_left_of_a_part_of_a_year_is_exact() {
    let [from, middle, to] =
        ["2023-11-20", "2024-02-10", "2024-03-01"].map(|it| it.parse().unwrap());
    for (name, count) in DayCount::ALL {
        let left = count.years(from, to).less(count.years(from, middle));
        if count != DayCount::Thirty360 {
            let rest = count.years(middle, to);
            assert_eq!(left.to_decimal(), rest.to_decimal(), "{name}");
        }
        let none = count.years(from, to).less(count.years(from, to));
        assert!(none.to_decimal().is_zero(), "{name}");
    }
    let quarter = YearFraction::new(1, 2).less(YearFraction::new(1, 4));
    assert_eq!(quarter.to_decimal(), "0.25".parse().unwrap());
}
