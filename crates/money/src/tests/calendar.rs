use std::collections::BTreeMap;

use jiff::civil::Weekday;
use stdx::{Date, Prng, table};

use super::{any_date, date};
use crate::{Calendar, DayKind, Roll};

#[test]
fn holidays_and_make_up_days_of_china() {
    let rows = table::parse(
        "
        date       => business  name
        2022-12-30    true      -
        2022-12-31    false     元旦            # ordered by the notice for 2023
        2023-01-02    false     元旦
        2023-01-28    true      春节            # a Saturday
        2023-06-23    false     端午节
        2023-06-25    true      端午节          # a Sunday
        2023-10-06    false     中秋节、国庆节
        2024-02-09    true      -               # New Year's Eve, only recommended
        2024-02-18    true      春节
        2024-06-08    false     -               # a plain Saturday beside a holiday
        2025-01-26    true      春节
        2025-01-28    false     春节
        2025-10-08    false     国庆节、中秋节
        2025-10-11    true      国庆节、中秋节
        2026-01-04    true      元旦
        2026-02-23    false     春节
        2026-02-24    true      -
        2026-10-10    true      国庆节
        ",
    );
    for row in rows {
        let date: Date = row.get("date");
        let name = Calendar::china().special(date).map(|it| it.name.to_owned());
        assert_eq!(Calendar::china().is_business_day(date), row.get::<bool>("business"), "{date}");
        assert_eq!(name, row.option("name"), "{date}");
    }
}

/// The totals of each notice, and what a slip of the pen would break: a make-up day is a weekend
/// day, a notice does not contradict itself.
#[test]
fn the_data_adds_up() {
    let text = include_str!("../../data/calendar-cn.txt");
    let (mut spans, mut totals) = (0, BTreeMap::new());
    for row in table::parse(text) {
        let (from, to): (Date, Date) = (row.get("from"), row.get("to"));
        assert!(from <= to, "line {}", row.line);
        for day in from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to) {
            let special = Calendar::china().special(day).unwrap();
            assert_eq!(special.notice, row.text("notice"), "{day} stands in two notices");
            assert_eq!(special.kind, row.get::<DayKind>("kind"), "{day} is of two kinds");
            let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            assert!(weekend || special.kind == DayKind::Holiday, "{day} is a working day anyway");
            let total: &mut (u32, u32) = totals.entry(row.text("notice")).or_default();
            match special.kind {
                DayKind::Holiday => total.0 += 1,
                DayKind::Workday => total.1 += 1,
            }
            spans += 1;
        }
    }
    assert_eq!(
        totals.into_iter().collect::<Vec<_>>(),
        [
            ("国办发明电〔2021〕11号", (31, 7)),
            ("国办发明电〔2022〕16号", (27, 7)),
            ("国办发明电〔2023〕7号", (28, 8)),
            ("国办发明电〔2024〕12号", (28, 5)),
            ("国办发明电〔2025〕7号", (33, 6)),
        ],
    );
    let every_day = date("2020-01-01").series(jiff::Span::new().days(1)).take(3_000);
    let special = every_day.filter(|day| Calendar::china().special(*day).is_some());
    assert_eq!(special.count(), spans, "a day is listed twice");
}

#[test]
fn outside_the_data_there_are_only_weekends_and_it_says_so() {
    let china = Calendar::china();
    for (day, covered) in [("2021-10-01", false), ("2022-01-01", true), ("2026-12-31", true)] {
        assert_eq!(china.covers(date(day)), covered, "{day}");
    }
    assert!(!china.covers(date("2027-10-01")));
    assert!(china.is_business_day(date("2027-10-01")));
    assert!(!Calendar::weekends_only().covers(date("2026-01-01")));
    let mut prng = Prng::stream(1, "calendar-outside");
    for _ in 0..2_000 {
        let day = any_date(&mut prng);
        if !china.covers(day) {
            let plain = Calendar::weekends_only().is_business_day(day);
            assert_eq!(china.is_business_day(day), plain, "{day}");
        }
    }
}

#[test]
fn due_dates_roll() {
    let rows = table::parse(
        "
        date       => following   modified-following  preceding
        2025-09-30    2025-09-30  2025-09-30          2025-09-30
        2025-10-01    2025-10-09  2025-10-09          2025-09-30
        2025-01-31    2025-02-05  2025-01-27          2025-01-27
        2025-05-31    2025-06-03  2025-05-30          2025-05-30
        2026-02-28    2026-02-28  2026-02-28          2026-02-28   # a Saturday one works on
        2026-01-03    2026-01-04  2026-01-04          2025-12-31   # to a Sunday one works on
        ",
    );
    for row in rows {
        let date: Date = row.get("date");
        for (name, roll) in Roll::ALL {
            let expected = if roll == Roll::Unadjusted { date } else { row.get(name) };
            assert_eq!(Calendar::china().roll(date, roll), expected, "{date} {name}");
        }
    }
    let last = Calendar::weekends_only().next_business_day(Date::MAX);
    assert_eq!(last, None);
    for (_, roll) in Roll::ALL {
        assert!(Calendar::china().roll(Date::MIN, roll) >= Date::MIN);
        assert!(Calendar::china().roll(Date::MAX, roll) <= Date::MAX);
    }
}

#[test]
fn rolling_reaches_the_nearest_business_day() {
    let mut prng = Prng::stream(2, "calendar-roll");
    for _ in 0..3_000 {
        let day = any_date(&mut prng);
        for calendar in Calendar::all() {
            let rolled = |roll| calendar.roll(day, roll);
            let (after, before) = (rolled(Roll::Following), rolled(Roll::Preceding));
            assert_eq!(rolled(Roll::Unadjusted), day);
            assert!(before <= day && day <= after);
            assert!(calendar.is_business_day(before) && calendar.is_business_day(after));
            let next = calendar.next_business_day(before).unwrap();
            assert_eq!(if before == day { day } else { next }, after, "{day}");
            let modified = rolled(Roll::ModifiedFollowing);
            assert!(modified == after || modified == before);
            assert_eq!((modified.year(), modified.month()), (day.year(), day.month()));
        }
    }
}

#[test]
fn calendars_are_found_by_name() {
    for calendar in Calendar::all() {
        assert_eq!(Calendar::named(calendar.name()).unwrap().name(), calendar.name());
    }
    let error = Calendar::named("mars").unwrap_err();
    assert_eq!(error.to_string(), "`mars` is not one of: weekends-only, china");
}
