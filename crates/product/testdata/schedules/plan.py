#!/usr/bin/env python3
"""Writes the plans in the tables beside it, from the terms at the head of each.

    python3 crates/product/testdata/schedules/plan.py

It shares nothing with the engine: values are fractions without any rounding, and the level
instalment is the one linear equation it is, solved forwards. Add a table by writing its head and
running this; compare the rows with a calculation of your own before you keep them.
"""

import sys
from calendar import isleap, monthrange
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path


def main():
    for path in sorted(Path(__file__).parent.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        head = text.split("\nplan\n")[0]
        path.write_text(head + "\nplan\n" + table(Terms(head)), encoding="utf-8")


class Terms:
    def __init__(self, head):
        lines = [line.split("#")[0].split() for line in head.splitlines()]
        self.given = {words[0]: words[1] for words in lines if words}
        self.principal = Fraction(self.given["principal"])
        self.count = int(self.given["instalments"])
        self.method = self.given["method"]
        self.rate = Fraction(self.given["rate"])
        self.day_count = self.given["day_count"]
        self.begin = date.fromisoformat(self.given["from"])
        self.broken = self.given.get("broken", "spread")
        self.grace_principal = int(self.given.get("grace_principal", 0))
        self.grace_interest = int(self.given.get("grace_interest", 0))
        self.capitalise = "capitalise" in self.given
        self.multiple = Fraction(self.given.get("multiple", "0.01"))
        self.balloon = Fraction(self.given.get("balloon", 0))
        self.level = self.given.get("level") and Fraction(self.given["level"])
        spans = filter(None, self.given.get("free", "").split(","))
        self.free = [tuple(map(date.fromisoformat, it.split(".."))) for it in spans]

    def subsidy_rate(self, number):
        if number > int(self.given.get("subsidy_until", 10**6)):
            return Fraction(0)
        share = self.rate * Fraction(self.given.get("subsidy_share", 0))
        return share + min(self.rate, Fraction(self.given.get("subsidy_points", 0)))

    def step(self):
        """The period: a number of months and a number of days."""
        count, unit = self.given["every"].split("-")
        count = int(count)
        return {
            "day": (0, count), "week": (0, 7 * count), "month": (count, 0), "year": (12 * count, 0),
        }[unit.rstrip("s")]

    def regular(self, n):
        """The date n periods after the start of the first full one, or the n-th listed."""
        if "dates" in self.given:
            return date.fromisoformat(self.given["dates"].split(",")[n - 1])
        if "year_days" in self.given:
            return self.day_of_year(n)
        start = date.fromisoformat(self.given.get("start", self.given["from"]))
        months, days = self.step()
        month = start.month - 1 + months * n
        year, month = start.year + month // 12, month % 12 + 1
        day = min(start.day, monthrange(year, month)[1])
        return date(year, month, day) + timedelta(days * n)

    def day_of_year(self, n):
        """The n-th of the days of every year after the first day, walking one by one."""
        day, days = self.begin, self.given["year_days"].split(",")
        while n:
            day += timedelta(1)
            n -= f"{day:%m-%d}" in days
        return day

    def roll(self, day):
        rule = self.given.get("roll", "unadjusted")
        off = lambda it: it.weekday() >= 5
        after = next(it for it in (day + timedelta(n) for n in range(9)) if not off(it))
        before = next(it for it in (day - timedelta(n) for n in range(9)) if not off(it))
        if rule == "following" or rule == "modified-following" and after.month == day.month:
            return after
        return day if rule == "unadjusted" else before

    def periods(self):
        """Number, first day, last day, due date, whole period or not, interest only or not."""
        rows = []
        separate = self.broken == "separate" and "start" in self.given
        steps = [0] if separate else []
        bullet = self.method == "bullet"
        steps += [self.count] if bullet else range(1, self.count + 1)
        first, whole_start = self.begin, "start" not in self.given and "dates" not in self.given
        for number, n in enumerate(steps, 1):
            regular = self.regular(n)
            due = self.roll(regular)
            last = due if self.given.get("interest_to") != "regular" else regular
            only = separate and number == 1
            rows.append((number, first, last, due, n, whole_start and last == regular, only))
            first, whole_start = last, last == regular and "dates" not in self.given
        return rows

    def days(self, first, last, periods):
        """Days of a period, which is so many regular ones if that is not None."""
        if self.day_count != "30/360":
            return (last - first).days
        if periods is not None:
            months, days = self.step()
            return (30 * months + days) * periods
        one = min(first.day, 30)
        two = min(last.day, 30) if one == 30 else last.day
        return 360 * (last.year - first.year) + 30 * (last.month - first.month) + two - one

    def years(self, first, last, days):
        """The part of a year that costs interest."""
        each = [first + timedelta(n) for n in range((last - first).days)]
        paid = [day for day in each if not any(a <= day < b for a, b in self.free)]
        if self.day_count == "30/360":
            return Fraction(days * len(paid), 360 * len(each))
        if self.day_count == "ACT/ACT":
            return sum(Fraction(1, 365 + isleap(day.year)) for day in paid)
        return Fraction(len(paid), {"ACT/360": 360, "ACT/365F": 365}[self.day_count])


def to(value, unit):
    """The nearest multiple of a unit; of two, the even one."""
    times = Fraction(value) / unit
    low = times.numerator // times.denominator
    rest = times - low
    up = rest > Fraction(1, 2) or rest == Fraction(1, 2) and low % 2 == 1
    return (low + up) * unit


CENT = Fraction(1, 100)


def table(terms):
    rows, lines = terms.periods(), []
    balance, deferred, level = terms.principal, Fraction(0), None
    for index, (number, first, last, due, n, whole, only) in enumerate(rows):
        width = terms.count if terms.method == "bullet" else 1
        days = terms.days(first, last, width if whole else None)
        base = terms.principal if terms.method == "flat" else balance
        payer = terms.subsidy_rate(number)
        exact = base * (terms.rate - payer) * terms.years(first, last, days)
        own = exact
        if number == 1 and terms.broken == "first":
            own = base * (terms.rate - payer) * full_years(terms, n, last)
        total_exact = exact + deferred
        subsidy = to(base * payer * terms.years(first, last, days), CENT)
        final = index + 1 == len(rows)
        spared = terms.grace_principal
        spared = max(spared, terms.grace_interest) if terms.capitalise else spared
        principal = Fraction(0)
        if not only and number > spared:
            level = level or Level(terms, balance, rows[index:])
            principal = level.principal(to(own, CENT), balance)
            final = final or terms.level and balance - principal <= terms.balloon
        interest = later = added = Fraction(0)
        if final or number > terms.grace_interest:
            interest, deferred = to(total_exact, CENT), Fraction(0)
        elif terms.capitalise:
            added = to(total_exact, CENT)
        else:
            deferred = total_exact
            later = to(deferred, CENT)
        balance += added
        principal = balance if final else principal
        balance -= principal
        amounts = [principal, interest, later, added, subsidy, principal + interest, balance]
        texts = [str(number), first, last, due, str(days)] + [f"{float(it):.2f}" for it in amounts]
        assert all(it * 100 == int(it * 100) for it in amounts)
        lines.append([str(it) for it in texts])
        if final:
            break
    names = "number from to due days principal interest deferred capitalised subsidy total balance"
    lines.insert(0, names.split())
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths)).rstrip() + "\n"
        for line in lines
    )


def full_years(terms, n, last):
    start = terms.regular(n - 1)
    periods = 1 if last == terms.regular(n) else None
    return terms.years(start, last, terms.days(start, last, periods))


class Level:
    def __init__(self, terms, balance, rows):
        self.terms, self.sum = terms, terms.method == "equal-instalment"
        if terms.method in ("interest-first", "bullet"):
            self.sum, self.each = False, Fraction(0)
        elif terms.level:
            self.each = terms.level
        elif self.sum:
            # The balance after each instalment is a - b × E; after the last it is the balloon.
            a, b = balance, Fraction(0)
            for number, first, last, _, n, whole, _ in rows:
                years = terms.years(first, last, terms.days(first, last, 1 if whole else None))
                if number == 1 and terms.broken == "first":
                    years = full_years(terms, n, last)
                growth = 1 + (terms.rate - terms.subsidy_rate(number)) * years
                a, b = a * growth, b * growth + 1
            self.each = to((a - terms.balloon) / b, terms.multiple)
        else:
            self.each = (balance - terms.balloon) / len(rows)

    def principal(self, interest, balance):
        if self.sum:
            return min(self.each - interest, balance)
        if self.each and self.terms.multiple > CENT:
            total = to(self.each + interest, self.terms.multiple)
            return min(max(total - interest, 0), balance)
        return min(to(self.each, CENT), balance)


if __name__ == "__main__":
    sys.exit(main())
