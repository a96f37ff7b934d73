#!/usr/bin/env python3
"""Writes what comes of the lives in the tables beside it, from the head and the events of each.

    python3 crates/lending/testdata/lives/life.py

It shares nothing with the engine: a life is told day by day, interest is a fraction without any
rounding until it is booked, and a payment that is booked late or taken back is a life told again
from its first day. Add a table by writing its head and its events and running this; compare the
rows with a calculation of your own before you keep them.
"""

import sys
from calendar import isleap, monthrange
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

CENT = Fraction(1, 100)
DAY = timedelta(1)
PARTS = ("penalty", "fee", "interest", "principal")


def main():
    for path in sorted(Path(__file__).parent.glob("*.txt")):
        head, rest = path.read_text(encoding="utf-8").split("\nevents\n")
        rows = [line.split() for line in rest.split("\ncame of it\n")[0].splitlines()]
        events = [row for row in rows if row and row[0] not in ("#", "on")]
        text = "\nevents\n" + aligned([["on", "booked", "what", "value"], *events])
        path.write_text(head + text + told(Loan(head), events), encoding="utf-8")


class Refused(Exception):
    pass


def to(value, unit=CENT):
    """The nearest multiple of a unit; of two, the even one."""
    times = Fraction(value) / unit
    low = times.numerator // times.denominator
    rest = times - low
    up = rest > Fraction(1, 2) or rest == Fraction(1, 2) and low % 2 == 1
    return (low + up) * unit


def days(first, last):
    return (last - first).days


class Loan:
    """What was agreed."""

    def __init__(self, head):
        lines = [line.split("#")[0].split() for line in head.splitlines()]
        given = {words[0]: words[1:] for words in lines if words}
        one = lambda name, none: given.get(name, [none])[0]
        self.sum = Fraction(one("principal", 0))
        self.part = Fraction(one("part", self.sum))
        self.count = int(one("instalments", 1))
        self.method = one("method", "equal-instalment")
        self.rate = Fraction(one("rate", 0))
        self.day_count = one("day_count", "ACT/365F")
        self.begin = date.fromisoformat(one("from", ""))
        self.until = one("until", None)
        rate, self.penalty_base, grace, *compounding = given.get("penalty", [0, "", 0])
        self.multiple = str(rate).endswith("x")
        self.penalty_rate, self.grace = Fraction(str(rate).rstrip("x")), int(grace)
        self.compounding = bool(compounding)
        self.by = one("allocation_by", "row")
        self.order = given.get("allocation", list(PARTS))
        self.upfront = Fraction(one("disbursal_fee", 0))
        self.shop_fee = Fraction(one("third_party_fee", 0))
        self.year_days = given.get("year_days")
        self.instalment_fee = Fraction(one("instalment_fee", 0))
        self.overdue_fee = Fraction(one("overdue_fee", 0))
        self.settlement_fee = Fraction(one("settlement_fee", 0))
        self.prepayment_fee = Fraction(one("prepayment_fee", 0))
        self.suspended_after = int(one("suspended_after", 10**6))


class Line:
    """An instalment of the plan."""

    def __init__(self, number, start, first, due, whole):
        self.number, self.start, self.first, self.due, self.whole = number, start, first, due, whole
        self.carried, self.rate, self.base = Fraction(0), Fraction(0), Fraction(0)
        self.principal = self.interest = self.fee = self.opening = Fraction(0)


class Due:
    """An instalment that is due, with what remains of it."""

    def __init__(self, due, owed):
        self.due, self.owed = due, dict(owed)
        self.kept, self.since, self.booked, self.late = Fraction(0), due, Fraction(0), False


class Life:
    def __init__(self, loan):
        self.loan, self.today, self.status = loan, loan.begin, "active"
        self.books = defaultdict(Fraction)
        self.principal = self.drawn = loan.part
        self.draws, self.free = 1, []
        self.rate, self.kept_level, self.left = loan.rate, None, loan.count
        self.listed, self.opened, self.past = None, 0, []
        self.open, self.earned, self.prepaid = [], Fraction(0), Fraction(0)
        self.late, self.suspended = 0, False
        self.post("1303", "1003", loan.part)
        self.post("1003", "6021.01", loan.upfront)
        self.shop_owes = loan.shop_fee
        self.post("1221.02", "6021.01", loan.shop_fee)
        self.rates = [(loan.begin, loan.rate)]
        self.plan = self.made(loan.begin, 1, None, Fraction(0))

    def post(self, debit, credit, amount):
        self.books[debit] += amount
        self.books[credit] -= amount

    # The plan.

    def regular(self, n):
        """The due date of an instalment, before or after a rescheduling."""
        if self.listed:
            return self.listed[n - 1]
        if self.loan.year_days:
            day = self.loan.begin
            while n:
                day += DAY
                n -= f"{day:%m-%d}" in self.loan.year_days
            return day
        month = self.loan.begin.month - 1 + n
        year, month = self.loan.begin.year + month // 12, month % 12 + 1
        return date(year, month, min(self.loan.begin.day, monthrange(year, month)[1]))

    def made(self, first, number, start, carried):
        """The instalments from a day on, for the principal that is not due."""
        rows, bullet = [], self.loan.method == "bullet"
        for index in range(1 if bullet else self.left):
            n = number + index
            slot = n + self.left - 1 if bullet else n
            due = self.regular(slot)
            begin = start if index == 0 and start else first
            whole = None
            if not self.listed and not self.loan.year_days:
                before = self.regular(slot - (self.left if bullet else 1))
                whole = 30 * (self.left if bullet else 1) if before == begin else None
            rows.append(Line(n, begin, first, due, whole))
            first = due
        balance = self.undue()
        rows[0].carried = carried
        level = self.level(rows, balance)
        plan = []
        for index, row in enumerate(rows):
            row.rate, row.opening = self.rate, balance
            row.base = self.drawn if self.loan.method == "flat" else balance
            row.interest = to(self.exact(row, row.due))
            row.fee = self.loan.instalment_fee
            last = index + 1 == len(rows)
            if not last and self.loan.method == "equal-instalment":
                if level <= row.interest and row.interest > 0:
                    raise Refused("schedule-impossible")
                row.principal = min(level - row.interest, balance)
            elif not last:
                row.principal = min(level, balance)
            if last or self.kept_level is not None and balance - row.principal <= 0:
                row.principal = balance
                last = True
            balance -= row.principal
            plan.append(row)
            if last:
                break
        return plan

    def level(self, rows, balance):
        """The sum of a level instalment, or the principal of each."""
        if self.loan.method in ("interest-first", "bullet"):
            return Fraction(0)
        if self.kept_level is not None:
            return self.kept_level
        if self.loan.method != "equal-instalment":
            return to(balance / len(rows))
        # The balance after each instalment is a - b × E; after the last it is nothing.
        a, b = balance, Fraction(0)
        for index, row in enumerate(rows):
            growth = 1 + self.rate * self.years(row, row.due)
            a, b = a * growth + (row.carried if index == 0 else 0), b * growth + 1
        return to(a / b)

    def years(self, row, last):
        """The part of a year from the first day of an instalment that costs interest."""
        spans = [row.first + n * DAY for n in range(days(row.first, last))]
        paid = [day for day in spans if not any(a <= day < b for a, b in self.free)]
        if self.loan.day_count == "30/360":
            whole = days(row.start, row.due)
            return Fraction(self.thirty(row) * len(paid), 360 * whole) if whole else Fraction(0)
        if self.loan.day_count == "ACT/ACT":
            return sum(Fraction(1, 365 + isleap(day.year)) for day in paid)
        return Fraction(len(paid), {"ACT/360": 360, "ACT/365F": 365}[self.loan.day_count])

    def thirty(self, row):
        if row.whole is not None:
            return row.whole
        first, last = row.start, row.due
        one = min(first.day, 30)
        two = min(last.day, 30) if one == 30 else last.day
        return 360 * (last.year - first.year) + 30 * (last.month - first.month) + two - one

    def exact(self, row, day):
        return row.carried + row.base * row.rate * self.years(row, min(day, row.due))

    def renewed(self, change=lambda: None):
        """Makes the instalments that are not due anew; what is earned so far is carried."""
        if not self.plan:
            return
        running = self.plan[0]
        on = max(self.today, running.first)
        carried, start = running.carried, running.start if running.start < running.first else None
        if on > running.first:
            carried, start = self.exact(running, on), running.start
        if self.loan.method != "bullet":
            self.left -= running.number - self.number_of_first
        change()
        self.rates.append((self.today, self.rate))
        self.plan = self.made(on, running.number, start, carried)
        self.number_of_first = running.number

    number_of_first = 1

    # What is owed.

    def due(self):
        return {part: sum(it.owed[part] for it in self.open) for part in PARTS}

    def undue(self):
        return self.principal - self.due()["principal"]

    def owed(self):
        owed = self.due()
        return owed | {"principal": self.principal, "interest": owed["interest"] + self.earned}

    # A day.

    def closed_to(self, day):
        while self.status == "active" and self.today < day:
            self.close(self.today + DAY)
        return self

    def close(self, after):
        self.accrue(after)
        self.penalise(after)
        self.today = after
        if self.plan and self.plan[0].due <= after:
            self.becomes_due(self.plan.pop(0))
        self.rated(after - DAY)
        self.ends_if_paid()

    def accrue(self, after):
        if not self.plan:
            return
        earned = to(self.exact(self.plan[0], after))
        self.book_earned("1132.01", "6011.01", earned - self.earned)
        self.earned = earned

    def book_earned(self, asset, income, amount):
        if self.suspended:
            self.post("7001", "7009", amount)
        else:
            self.post(asset, income, amount)

    def penalty(self, it, day):
        base = it.owed["principal"]
        if self.loan.penalty_base == "overdue-instalment":
            base += it.owed["interest"]
        if self.loan.compounding:
            base += it.owed["penalty"]
        late = [it.since + n * DAY for n in range(days(it.since, day))]
        year = {"ACT/365F": 365, "ACT/ACT": None}.get(self.loan.day_count, 360)
        worth = sum(self.penalty_on(day) / (year or 365 + isleap(day.year)) for day in late)
        return it.kept + base * worth

    def penalty_on(self, day):
        """The penalty rate of a day: of its own, or so many times the rate of the loan then."""
        rate = [rate for first, rate in self.rates if first <= day][-1]
        return self.loan.penalty_rate * (rate if self.loan.multiple else 1)

    def keep_penalties(self, day=None):
        for it in self.open:
            it.kept, it.since = self.penalty(it, day or self.today), day or self.today

    def penalise(self, after):
        for it in self.open:
            if days(it.due, after) <= self.loan.grace:
                continue
            exact = self.penalty(it, after)
            if self.loan.compounding:
                it.kept, it.since = exact, after
            booked = to(exact) - it.booked
            it.booked += booked
            it.owed["penalty"] += booked
            self.book_earned("1132.02", "6011.02", booked)
            if not it.late:
                it.late = True
                it.owed["fee"] += self.loan.overdue_fee
                self.post("1221.01", "6021.01", self.loan.overdue_fee)

    def becomes_due(self, row):
        self.opened += 1
        self.earned -= row.interest
        owed = {"penalty": Fraction(0), "fee": row.fee}
        owed |= {"interest": row.interest, "principal": row.principal}
        self.post("1221.01", "6021.01", row.fee)
        self.open.append(Due(row.due, owed))
        self.past.append(row.due)
        self.apply_prepaid()

    def apply_prepaid(self):
        paid, self.prepaid = self.allocated(self.prepaid)
        self.book_paid(paid, "2241.01")

    def rated(self, day):
        self.late = 0
        if self.open:
            late = days(self.open[0].due, day)
            self.late = late if late > self.loan.grace else 0
        if not self.suspended and self.late > self.loan.suspended_after:
            self.suspend(True)
        elif self.suspended and self.late == 0:
            self.suspend(False)

    def suspend(self, suspended):
        owed, self.suspended = self.owed(), suspended
        sign = -1 if suspended else 1
        self.post("1132.01", "6011.01", sign * owed["interest"])
        self.post("1132.02", "6011.02", sign * owed["penalty"])
        self.post("7001", "7009", -sign * (owed["interest"] + owed["penalty"]))

    def ends_if_paid(self):
        if self.status == "active" and not self.open and not self.plan:
            self.status = "settled"

    # A payment.

    def allocated(self, amount):
        """Pays what is due, in the order of the contract; gives what was paid and what is left."""
        self.keep_penalties()
        places = [(it, part) for it in self.open for part in self.loan.order]
        if self.loan.by == "component":
            places = [(it, part) for part in self.loan.order for it in self.open]
        paid = dict.fromkeys(PARTS, Fraction(0))
        for it, part in places:
            share = min(amount, it.owed[part])
            it.owed[part] -= share
            paid[part] += share
            amount -= share
        self.principal -= paid["principal"]
        self.drop_paid()
        return paid, amount

    def drop_paid(self):
        self.open = [it for it in self.open if any(it.owed.values())]

    def book_paid(self, paid, source):
        self.post(source, "1221.01", paid["fee"])
        self.post(source, "1303", paid["principal"])
        if self.suspended:
            self.post(source, "6011.01", paid["interest"])
            self.post(source, "6011.02", paid["penalty"])
            self.post("7009", "7001", paid["interest"] + paid["penalty"])
        else:
            self.post(source, "1132.01", paid["interest"])
            self.post(source, "1132.02", paid["penalty"])

    def waits(self, amount):
        self.prepaid += amount
        self.post("1003", "2241.01", amount)

    def received(self):
        self.rated(self.today - DAY)
        self.ends_if_paid()

    # What can happen. `may_…` refuses or gives the fact at its price; the other does it.

    def may(self, what, value):
        """The fact that would happen: its name, its value, its price."""
        on_books = self.status == "active"
        must = lambda it, code: it or refuse(code)
        due = sum(self.due().values())
        fee = Fraction(0)
        if what == "due":
            what, value = "repayment", due
        if what == "drawing":
            must(on_books, "not-active")
            must(value > 0, "amount-not-positive")
            must(self.drawn + value <= self.loan.sum, "beyond-the-sum")
            must(self.plan, "nothing-left-to-plan")
        elif what == "repayment" and self.status == "charged-off":
            must(value > 0, "amount-not-positive")
            must(value <= due, "exceeds-settlement")
        elif what == "repayment":
            must(on_books, "not-active")
            must(value > 0, "amount-not-positive")
            ahead = value - min(due, value)
            most = self.undue() + self.earned
            if len(self.plan) == 1:
                last = self.plan[0]
                most = max(most, last.principal + last.interest + last.fee)
            must(ahead == 0 or self.prepaid + ahead <= most, "exceeds-settlement")
        elif what.startswith("prepayment"):
            must(on_books, "not-active")
            early = value - min(due, value)
            fee = self.loan.prepayment_fee
            must(early - fee > 0, "prepayment-too-small")
            must(early - fee < self.undue(), "exceeds-settlement")
        elif what == "settlement":
            must(on_books, "not-active")
            fee = self.loan.settlement_fee if self.plan else fee
            owed = sum(self.owed().values())
            covered = owed < self.prepaid or owed + fee == self.prepaid
            must(not covered, "prepaid-covers")
            value = owed + fee - self.prepaid
        elif what == "refund":
            must(value > 0, "amount-not-positive")
            must(value <= self.prepaid, "more-than-prepaid")
        elif what == "third-party-fee":
            must(value > 0, "amount-not-positive")
            must(value <= self.shop_owes, "more-than-subsidy")
        elif what == "rate-change":
            must(on_books, "not-active")
            must(0 <= value <= 100, "rate-out-of-range")
            must(self.plan, "nothing-left-to-plan")
        elif what == "interest-pause":
            must(on_books, "not-active")
            must(value > self.today, "dates-not-in-order")
            must(self.plan, "nothing-left-to-plan")
        elif what == "rescheduling":
            must(on_books, "not-active")
            dates = value["due"]
            in_order = all(a < b for a, b in zip(dates, dates[1:]))
            must(in_order and dates and dates[0] > self.today, "dates-not-in-order")
            must(not (value["capitalise"] and self.suspended), "interest-suspended")
            must(self.plan, "nothing-left-to-plan")
        elif what == "waiver":
            must(on_books, "not-active")
            fits = all(0 <= value[part] <= self.due()[part] for part in PARTS)
            must(fits and any(value.values()), "more-than-due")
        elif what == "charge-off":
            must(on_books, "not-active")
        elif what == "write-off":
            must(self.status == "charged-off", "not-charged-off")
        elif what == "sale":
            must(self.status in ("active", "charged-off"), "not-active")
            must(value >= 0, "amount-not-positive")
        return what, value, fee

    def happen(self, what, value, fee):
        getattr(self, what.replace("-", "_"))(value, fee)
        return self

    def repayment(self, amount, _):
        if self.status == "charged-off":
            paid, rest = self.allocated(amount)
            paid = sum(paid.values())
            self.post("1003", "1304.02", paid)
            self.post("7009", "7002", paid)
            self.waits(rest)
            self.status = self.status if self.open else "settled"
            return
        paid, rest = self.allocated(amount)
        self.book_paid(paid, "1003")
        self.waits(rest)
        self.received()

    def drawing(self, amount, _):
        self.drawn += amount
        self.principal += amount
        self.post("1303", "1003", amount)
        self.renewed(self.no_level)

    def no_level(self):
        self.kept_level = None

    def prepaid_early(self, amount, fee, keep):
        paid, rest = self.allocated(amount - fee)
        self.book_paid(paid, "1003")
        self.post("1003", "6021.01", fee)
        if rest >= self.undue():
            self.waits(rest)
        else:
            level = None
            if keep and self.plan:
                running = self.plan[0]
                level = running.principal
                if self.loan.method == "equal-instalment":
                    level += to(self.exact(running, running.due))
            self.principal -= rest
            self.post("1003", "1303", rest)
            if rest > 0:
                def change():
                    self.kept_level = level if level and level > 0 else None
                self.renewed(change)
        self.received()

    def prepayment_term(self, amount, fee):
        self.prepaid_early(amount, fee, False)

    def prepayment_instalment(self, amount, fee):
        self.prepaid_early(amount, fee, True)

    def settlement(self, amount, fee):
        owed = self.owed()
        self.post("1003", "6021.01", fee)
        if self.prepaid + amount - fee < sum(owed.values()):
            return self.repayment(amount - fee, 0)
        self.all_due(owed)
        self.apply_prepaid()
        paid, rest = self.allocated(amount - fee)
        self.book_paid(paid, "1003")
        self.waits(rest)
        self.rated(self.today - DAY)
        self.status = "settled"

    def all_due(self, owed):
        self.open, self.earned, self.plan = [Due(self.today, owed)], Fraction(0), []

    def refund(self, amount, _):
        if amount > self.prepaid:
            raise Refused("more-than-prepaid")
        self.prepaid -= amount
        self.post("2241.01", "1003", amount)

    def third_party_fee(self, amount, _):
        if amount > self.shop_owes:
            raise Refused("more-than-subsidy")
        self.shop_owes -= amount
        self.post("1003", "1221.02", amount)

    def rate_change(self, rate, _):
        def change():
            self.rate, self.kept_level = rate, None
        self.renewed(change)

    def interest_pause(self, until, _):
        if not self.plan:
            return
        begin, day = self.today, self.today
        before = list(self.free)
        def change():
            self.kept_level = None
            self.free = before + [(begin, until)]
        self.renewed(change)

    def rescheduling(self, value, _):
        if value["capitalise"] and not self.suspended:
            self.keep_penalties()
            moved = self.due()
            for it in self.open:
                it.owed |= dict.fromkeys(("fee", "interest", "principal"), Fraction(0))
            self.drop_paid()
            self.principal += moved["interest"] + moved["fee"]
            self.post("1303", "1132.01", moved["interest"])
            self.post("1303", "1221.01", moved["fee"])
        def change():
            self.listed = self.past[: self.opened] + value["due"]
            self.left, self.kept_level = len(value["due"]), None
            self.rate = self.rate if value["rate"] is None else value["rate"]
        self.renewed(change)
        self.rated(self.today - DAY)

    def waiver(self, waived, _):
        waived, given_up = dict(waived), dict.fromkeys(PARTS, Fraction(0))
        self.keep_penalties()
        for it in self.open:
            for part in PARTS:
                share = min(waived[part], it.owed[part])
                it.owed[part] -= share
                waived[part] -= share
                given_up[part] += share
        self.principal -= given_up["principal"]
        self.drop_paid()
        self.post("6021.01", "1221.01", given_up["fee"])
        self.post("1304.02", "1303", given_up["principal"])
        if self.suspended:
            self.post("7009", "7001", given_up["interest"] + given_up["penalty"])
        else:
            self.post("6011.01", "1132.01", given_up["interest"])
            self.post("6011.02", "1132.02", given_up["penalty"])
        self.received()

    def on_books(self, owed):
        if self.status == "charged-off":
            return dict.fromkeys(PARTS, Fraction(0))
        if self.suspended:
            return owed | {"interest": Fraction(0), "penalty": Fraction(0)}
        return owed

    def charge_off(self, _value, _fee):
        self.all_due(self.owed())
        self.apply_prepaid()
        owed = self.due()
        lost = self.on_books(owed)
        for part, account in zip(PARTS, ("1132.02", "1221.01", "1132.01", "1303")):
            self.post("1304.02", account, lost[part])
        self.post("7002", "7009", sum(lost.values()))
        self.post("7002", "7001", sum(owed.values()) - sum(lost.values()))
        self.status = "charged-off"

    def write_off(self, _value, _fee):
        self.post("7009", "7002", sum(self.due().values()))
        self.open, self.principal, self.status = [], Fraction(0), "written-off"

    def sale(self, price, _):
        owed = self.owed()
        sold = self.on_books(owed)
        off = sum(owed.values()) - sum(sold.values())
        self.post("1003", "1221.09", price)
        for part, account in zip(PARTS, ("1132.02", "1221.01", "1132.01", "1303")):
            self.post("1221.09", account, sold[part])
        self.post("1221.09", "6111", price - sum(sold.values()))
        self.post("7009", "7002" if self.status == "charged-off" else "7001", off)
        self.open, self.principal, self.earned = [], Fraction(0), Fraction(0)
        self.plan, self.status = [], "sold"


def refuse(code):
    raise Refused(code)


class Told:
    """A life with the list of what happened to it, which can be told again."""

    def __init__(self, loan):
        self.loan, self.facts, self.life = loan, [], Life(loan)
        self.business_date = loan.begin

    def fold(self, facts, until):
        life = Life(self.loan)
        for on, _, fact, _ in sorted(facts, key=lambda it: (it[0], it[1])):
            if on > until:
                break
            life.closed_to(on)
            life.today = max(life.today, on)
            life.happen(*fact)
        return life.closed_to(until)

    def event(self, index, on, booked, what, value):
        """Lets one event of the script happen; gives what moved."""
        self.life.closed_to(booked)
        self.business_date = max(self.business_date, booked)
        standing = [it for it in self.facts if it[3] != "reversed"]
        if what == "reversal":
            return self.reversed(value, standing)
        number = len(self.facts) + 1
        if on == self.business_date:
            self.life.today = on
            fact = self.life.may(what, value)
            self.life.happen(*fact)
        else:
            if self.life.status not in ("active", "settled"):
                raise Refused("not-active")
            if on < self.loan.begin:
                raise Refused("before-disbursal")
            then = self.fold(standing, on)
            then.today = on
            fact = then.may(what, value)
            self.life = self.fold(standing + [(on, number, fact, index)], self.business_date)
        self.facts.append((on, number, fact, index))
        _, value, _ = fact
        return moved(what, value)

    def reversed(self, index, standing):
        if index == 0:
            raise Refused("not-reversible")
        which = [n for n, it in enumerate(self.facts) if it[3] == index]
        gone = [it for it in self.facts if it[3] == "reversed" and it[4] == index]
        if gone:
            raise Refused("already-reversed")
        if not which:
            raise Refused("no-such-fact")
        on, number, fact, _ = self.facts[which[0]]
        if fact[0] in ("drawing", "refund", "charge-off", "write-off", "sale"):
            raise Refused("not-reversible")
        lost = [it[:2] for it in standing if it[2][0] == "charge-off"]
        recovery = self.life.status == "charged-off" and (on, number) > lost[0]
        if self.life.status not in ("active", "settled") and not recovery:
            raise Refused("not-active")
        left = [it for it in standing if it[3] != index]
        self.life = self.fold(left, self.business_date)
        self.facts[which[0]] = (on, number, fact, "reversed", index)
        return moved(fact[0], fact[1])


def moved(what, value):
    if what == "waiver":
        return sum(value.values())
    none = ("rate-change", "interest-pause", "rescheduling", "charge-off", "write-off")
    return Fraction(0) if what in none else value


def read(what, text):
    """The value of an event as it is written."""
    if what in ("interest-pause",):
        return date.fromisoformat(text)
    if what == "reversal":
        return int(text)
    if what == "waiver":
        pairs = dict(it.split("=") for it in text.split(","))
        return {part: Fraction(pairs.get(part, 0)) for part in PARTS}
    if what == "rescheduling":
        dates, *words = text.split(";")
        rate = [Fraction(it[5:]) for it in words if it.startswith("rate=")]
        due = [date.fromisoformat(it) for it in dates.split(",")]
        return {"due": due, "rate": rate[0] if rate else None, "capitalise": "capitalise" in words}
    return Fraction(0) if text in ("-", "true") else Fraction(text)


def lived(loan, events):
    """Every event with what came of it, then the life at the end."""
    told, rows = Told(loan), {}
    order = sorted(enumerate(events, 1), key=lambda it: it[1][0] if it[1][1] == "-" else it[1][1])
    for index, (on, booked, what, value) in order:
        on = date.fromisoformat(on)
        booked = on if booked == "-" else date.fromisoformat(booked)
        parsed = read(what, value)
        try:
            result, paid = "ok", told.event(index, on, booked, what, parsed)
        except Refused as refused:
            paid = Fraction(0) if what == "reversal" else moved(what, parsed)
            result = str(refused)
        it, due = told.life, told.life.due()
        amounts = [paid, it.principal, it.earned, *(due[part] for part in PARTS), it.prepaid]
        shown = [f"{float(amount):.2f}" for amount in amounts]
        rows[index] = [str(index), result, *shown, str(it.late)]
    last = told.business_date + DAY if events else told.business_date
    end = max([last] + [it.due for it in told.life.plan] + told.life.past[-1:])
    end = date.fromisoformat(loan.until) if loan.until else end
    told.life.closed_to(end)
    return [rows[index] for index in sorted(rows)], told.life


def told(loan, events):
    rows, life = lived(loan, events)
    names = "event result paid principal accrued penalty fee interest due prepaid late"
    text = "\ncame of it\n" + aligned([names.split(), *rows])
    books = [[code, f"{float(amount):.2f}"] for code, amount in sorted(life.books.items())]
    books = [row for row in books if float(row[1])]
    return text + "\nat the end\n" + aligned([["what", "is"], ["status", life.status], *books])


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows)
    return "".join(line.rstrip() + "\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
