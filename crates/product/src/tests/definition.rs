use expect_test::{Expect, expect};
use serde_json::{Value, json};
use stdx::Prng;

use super::{EXAMPLES, example};
use crate::{
    chart::Chart,
    check,
    definition::Definition,
    document::{DEPTH_MAX, Document, KEY_BYTES_MAX, NODES_MAX, TEXT_BYTES_MAX},
    kinds,
    schema::{self, FORMATS},
};

fn problems(text: &str) -> Vec<String> {
    match Document::parse(text) {
        Ok(document) => {
            check::check(&document, Chart::china()).iter().map(ToString::to_string).collect()
        }
        Err(problem) => vec![problem.to_string()],
    }
}

fn check_problems(text: &str, expected: &Expect) {
    expected.assert_eq(&problems(text).join("\n"));
}

/// Example `name` with some places set, as `place=value` lines.
fn changed(name: &str, changes: &str) -> String {
    let mut document = Document::parse(example(name)).unwrap();
    for change in changes.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let (place, value) = change.split_once('=').unwrap();
        document.set(place, value).unwrap();
    }
    serde_json::to_string_pretty(document.value()).unwrap()
}

/// What is wrong with an example after some changes. Line numbers would only count JSON.
fn problems_of_changed(name: &str, changes: &str) -> Vec<String> {
    let document = Document::parse(&changed(name, changes)).unwrap();
    let document = Document::from_value(document.value().clone()).unwrap();
    check::check(&document, Chart::china()).iter().map(ToString::to_string).collect()
}

#[test]
fn examples_are_clean() {
    for (name, text) in EXAMPLES {
        assert_eq!(problems(text), Vec::<String>::new(), "{name}");
    }
    for kind in kinds::ALL {
        assert_eq!(problems(kind.example), Vec::<String>::new(), "{}", kind.name);
        let definition = Definition::parse(kind.example, Chart::china()).unwrap();
        assert_eq!(definition.kind, kind.name);
    }
}

#[test]
fn a_definition_written_and_read_is_the_same() {
    for (_, text) in EXAMPLES {
        let definition = Definition::parse(text, Chart::china()).unwrap();
        let value = serde_json::to_value(&definition).unwrap();
        assert_eq!(Definition::from_value(value.clone(), Chart::china()).unwrap(), definition);
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(Definition::parse(&json, Chart::china()).unwrap(), definition);
    }
}

#[test]
fn every_mistake_is_reported() {
    check_problems(
        r#"
product: Broken Loan
version: 0
kind: instalment-loan
nmae: { en: Broken, zh: 坏 }
currency: RMB
effective: 2022-13-01
facts:
  job: { type: txt, title: { en: Job, zh: 职业 } }
  "first name": { type: text, title: { en: Name, zh: 名 } }
eligibility:
  - { code: age, rule: applicant.age > "18", reason: { en: Too young., zh: 年龄不足。 } }
  - { code: age, rule: aplicant.age < 60, reason: { en: Too old. } }
terms:
  amount: { min: 5000, max: 500, setp: 10 }
  term: { min: 3, max: 24, default: 36, allowed: [6, 48, 6] }
  repayment: { method: equal-installment, every: monthly }
  interest: { rate: 9.6, day_count: 30/360, rounding: half-evn }
  fees:
    - { code: service, on: disbursal, amount: principal * }
    - { code: service, on: instalment, amount: principle * 0.01 }
  penalty: { rate: -0.1, grace_days: three }
  allocation: [penalty, fee, fee, principal]
  early_settlement: { allowed: false, fee: outstanding * 0.01 }
accounting:
  disbursal:
    - { debit: "1303", credit: "1004", amount: principal }
  repayment:
    - { debit: 1003, credit: "1303", amount: principal }
  repaiment: []
"#,
        &expect![[r#"
            line 2, product: `Broken Loan` is not a code. Write lower-case letters, digits and `-`, like `service-fee`. (malformed-code)
            line 3, version: 0 is not in 1 to 4294967295. Choose a number in that range. (out-of-range)
            line 5, nmae: There is no field `nmae` here. Did you mean `name`? (unknown-field)
            line 6, currency: `RMB` is not a currency. Write a code of ISO 4217 that has a minor unit, like `CNY`. (unknown-currency)
            line 7, effective: `2022-13-01` is not a date. Write year-month-day, like `2025-01-31`. (malformed-date)
            line 9, facts.job.type: `txt` is not one of the choices. Did you mean `text`? (unknown-value)
            line 10, facts.first name: `first name` cannot be written in a rule. Use lower-case letters, digits and `_`, a letter first. (malformed-name)
            line 12, eligibility[0].rule: At 1:17: The sides of `>` differ in type: number and text. Write a number without quotes, a text within them. (type-mismatch)
            line 13, eligibility[1].code: `age` is there already. Give it another code. (duplicate-code)
            line 13, eligibility[1].rule: At 1:1: There is no field `aplicant.age`. Did you mean `applicant.age`? (unknown-field)
            line 13, eligibility[1].reason.zh: `zh` is missing. Add it: Chinese (中文). (missing)
            line 15, terms.amount.min: The smallest, 5000, is more than the largest, 500. Exchange `min` and `max`. (empty-range)
            line 15, terms.amount.setp: There is no field `setp` here. Did you mean `step`? (unknown-field)
            line 16, terms.term.default: 36 is not in 3 to 24. Choose one in the range. (outside-range)
            line 16, terms.term.allowed[1]: 48 is not in 3 to 24. Choose one in the range. (outside-range)
            line 16, terms.term.allowed[2]: 6 is there already. Keep one. (duplicate-value)
            line 17, terms.repayment.method: `equal-installment` is not one of the choices. Did you mean `equal-instalment`? (unknown-value)
            line 17, terms.repayment.every: `monthly` is not a period. Write a number and a unit, like `1 month` or `2 weeks`. (malformed-period)
            line 18, terms.interest.rate: The rate 9.6 is 960 % a year. Write a fraction: 9.6 % is 0.096. (absurd-rate)
            line 18, terms.interest.rounding: `half-evn` is not one of the choices. Did you mean `half-even`? (unknown-value)
            line 20, terms.fees[0].amount: At 1:12: The expression ends too early. Write the rest of it. (syntax)
            line 21, terms.fees[1].code: `service` is there already. Give it another code. (duplicate-code)
            line 21, terms.fees[1].amount: At 1:1: There is no field `principle`. Did you mean `principal`? (unknown-field)
            line 22, terms.penalty.rate: The rate -0.1 is negative. Use 0 or more. (negative-rate)
            line 22, terms.penalty.grace_days: A whole number is needed, not the text `three`. Write digits without quotes. (wrong-type)
            line 23, terms.allocation[2]: A part is there twice, so another is never paid. Name each of the four parts once. (duplicate-value)
            line 24, terms.early_settlement.fee: There is a fee for what is not allowed. Remove it, or allow early settlement. (unused)
            line 27, accounting.disbursal[0].credit: The chart has no account 1004. Did you mean `1001`? (unknown-account)
            line 28, accounting.repayment: `fee` of `repayment` is not booked. Add a posting with `amount: fee`. (unbooked-amount)
            line 28, accounting.repayment: `interest` of `repayment` is not booked. Add a posting with `amount: interest`. (unbooked-amount)
            line 28, accounting.repayment: `penalty` of `repayment` is not booked. Add a posting with `amount: penalty`. (unbooked-amount)
            line 29, accounting.repayment[0].debit: A text is needed, not the number 1003. Put it in quotes: "1003". (wrong-type)
            line 30, accounting.repaiment: There is no field `repaiment` here. Remove it; the fields here are: disbursal, disbursal-fee, interest-accrual, subsidy-accrual, third-party-fee, subsidy-received, interest-capitalised, penalty-accrual, instalment-fee, overdue-fee, repayment, prepayment, prepayment-applied, settlement-fee, prepayment-fee, refund, capitalisation, waiver, interest-suspension, interest-resumption, suspended-accrual, suspended-repayment, suspended-prepayment-applied, suspended-waiver, charge-off, recovery, write-off, sale, collateral-pledged, collateral-released, provision, general-provision. (unknown-field)"#]],
    );
}

#[test]
fn memo_accounts_move_against_their_like() {
    let booked = |debit: &str, credit: &str| {
        let rule = format!("{{debit: '{debit}', credit: '{credit}', amount: amount}}");
        problems_of_changed("wallet", &format!("accounting={{deposit: [{rule}]}}"))
    };
    let mixed = booked("7003", "2011.01");
    assert_eq!(mixed.len(), 1, "{mixed:?}");
    assert!(mixed[0].ends_with("(memo-mixed)"), "{mixed:?}");
    // Nothing is left of the deposit, which another check finds; memo against memo is none.
    let memo = booked("7003", "7009");
    assert!(memo.iter().all(|it| !it.ends_with("(memo-mixed)")), "{memo:?}");
}

#[test]
fn one_mistake() {
    let (loan, wallet, deposit) = ("consumer-instalment", "wallet", "time-deposit");
    let two = "currency=JPY\n terms.amount.min=200.5";
    let elsewhere = "accounting={deposit: [{debit: '1003', credit: '2241.01', amount: amount}]}";
    let cases = [
        (loan, two),
        (loan, "kind=instalment-lone"),
        (loan, "kind=bond"),
        (loan, "until=2021-12-31"),
        (loan, "terms.amount.step=1000000"),
        (loan, "terms.amount={min: 500, max: 550, step: 400}"),
        (loan, "effective=20220101"),
        (loan, "product=123.5"),
        (loan, "eligibility[1].rule=true"),
        (loan, "accounting={disbursal: [{debit: 1303.10, credit: '1003', amount: principal}]}"),
        (loan, "name={en: a, cn: b}"),
        (loan, "name={en: a, zh: b, em: c}"),
        (loan, "terms.term={min: 3, mix: 24}"),
        (loan, "eligibility[1].rule=applicant.kyc_level == 'full'"),
        (loan, "terms.term.allowed=[3, 6]"),
        (loan, "terms.interest.rate="),
        (loan, "terms.repayment.every=2 years"),
        (loan, "terms.fees[0].amount=0 - 5"),
        (loan, "terms.fees[0].amount=principal"),
        (loan, "terms.fees[0].amount=1 / (term - 3)"),
        (loan, "terms.fees=[{code: a, on: disbursel, amount: principle + balance}]"),
        (loan, "terms.early_settlement.fee=paid - 1"),
        (
            loan,
            "terms.term.allowed=[6, 12]\n terms.fees[0].amount=1 / (term - 3)\n until=2021-01-01",
        ),
        (loan, "terms.allocation=[principal]"),
        (loan, "terms.interest.floating={reference: lpr-1y, spread: 0.01, reset: anniversary}"),
        (loan, "terms.interest={day_count: 30/360}"),
        (
            loan,
            "terms.interest={floating: {reference: lpr-2y, spread: 55, reset: never}, \
            day_count: 30/360}",
        ),
        (
            loan,
            "terms.interest={floating: {reference: lpr-5y, spread: 55, reset: 1-january}, \
            day_count: 30/360}",
        ),
        (loan, "terms.subsidy={payer: The Shop, share: 1.5}"),
        (loan, "terms.subsidy={payer: merchant}"),
        (loan, "terms.subsidy={payer: merchant, share: 1, points: 2}"),
        (loan, "packs=[rate-ceilings, amounts/Least, a/b, a/b]"),
        (loan, "terms.penalty={rate: 0.1, multiple: 1.5}"),
        (loan, "terms.penalty={grace_days: 1}"),
        (loan, "terms.penalty={multiple: 150}"),
        (loan, "terms.repayment={method: flat}"),
        (loan, "terms.repayment={method: flat, every: 1 month, on: [03-15]}"),
        (loan, "terms.repayment={method: flat, due_day: 8, on: [03-15, 03-15]}"),
        (loan, "terms.repayment={method: flat, on: [02-29, 3-15, 13-01]}"),
        (loan, "terms.repayment={method: flat, on: [03-15]}\n terms.term.max=60"),
        (loan, "terms.repayment.due_day=31"),
        (loan, "terms.repayment.due_day=8\n terms.repayment.every=2 weeks"),
        (loan, "terms.repayment.broken_period=separate"),
        (loan, "terms.repayment.grace={principal: 3, interest: 9}"),
        (loan, "terms.repayment.grace={capitalise: true}"),
        (loan, "terms.repayment.grace={principal: 1, interest: 2, capitalise: true}"),
        (loan, "terms.repayment.balloon=1"),
        (loan, "terms.repayment.multiple=0.001\n terms.repayment.method=bullet"),
        (loan, "terms.repayment.multiple=1000000"),
        (loan, "terms.down_payment={min_share: 20}"),
        (loan, "terms.tranches={max: 1, days: 0}"),
        (loan, "terms.fees[0]={code: a, on: overdue, amount: balance, payer: merchant}"),
        (loan, "terms.fees[0]={code: a, on: overdue, amount: days - 5}"),
        (loan, "terms.prepayment={allowed: false, fee: amount}"),
        (loan, "terms.prepayment={allowed: true, keep: [term, term], min: 0, fee: paid - 1}"),
        (loan, "terms.waterfall=[overdue-fee]"),
        (
            loan,
            "terms.waterfall=[overdue-fee, due-fee, overdue-fee, due-interest, \
            overdue-interest, due-principal, overdue-principal, due-penalty]",
        ),
        (loan, "terms.four_eyes=[waver, sale, sale]"),
        (
            loan,
            "terms.dunning=[{after: 3, step: sms, title: {en: Text, zh: 短信}}, \
            {after: 3, step: sms, title: {en: Text, zh: 短信}}, \
            {after: 0, step: Legal, title: {en: Legal, zh: 诉讼}}]",
        ),
        (loan, "terms.security={}"),
        (
            loan,
            "terms.security={guarantors: {min: 11, kinds: [joint, joint]}, \
            collateral: {kinds: [car, vehicle], loan_to_value: 70, revalued_months: 0}}",
        ),
        (loan, "eligibility[1].rule=applicant.age"),
        (loan, "eligibility[1].rule=facts.job == 'skiled'"),
        (loan, "facts.job.type=txt\n eligibility[1].rule=facts.job == 1 && aplicant.age > 1"),
        (wallet, "terms.max_balance=-1"),
        (wallet, "terms.outflow.daily=150000"),
        (wallet, "terms.interest.day_count=30/360"),
        (wallet, "terms.interest.settle_every=2 years"),
        (wallet, elsewhere),
        (wallet, "terms.inflow={daily: 5, yearly: 4}"),
        (wallet, "terms.class=bank-4"),
        (wallet, "terms.dormant_after=2 weeks"),
        (wallet, "terms.interest.rate=[{from: 2022-01-02, rate: 0.003}]"),
        (wallet, "terms.interest.rate=[]"),
        (deposit, "terms.demand_rate=[{from: 2022-01-01, rate: 3}, {from: 2021-01-01, rate: 0}]"),
        (deposit, "terms.tenors[1].tenor=3 months"),
        (deposit, "terms.tenors[1].tenor=31 years"),
        (deposit, "terms.amount={min: 50, max: 40, step: 20}"),
        (deposit, "terms.counting=30/360"),
    ];
    assert_eq!(problems("").len(), 1);
    assert_eq!(problems("- 1").len(), 1);
    let lines = cases.iter().flat_map(|(name, changes)| {
        let problems = problems_of_changed(name, changes);
        assert!(!problems.is_empty(), "{changes}");
        problems
    });
    expect![[r#"
        terms.amount.min: 200.5 has more decimals than JPY. Write at most 0 decimals. (too-many-decimals)
        kind: There is no kind `instalment-lone`. Did you mean `instalment-loan`? (unknown-kind)
        kind: There is no kind `bond`. Write one of: current-account, instalment-loan, revolving-credit, term-deposit. (unknown-kind)
        until: The last day, 2021-12-31, is before the first, 2022-01-01. Move one of them. (ends-before-it-begins)
        terms.amount.step: No amount from 200 to 200000 is a multiple of 1000000. Lower the step. (empty-range)
        terms.amount.step: No amount from 500 to 550 is a multiple of 400. Lower the step. (empty-range)
        effective: A text is needed, not the number 20220101. Write year-month-day, like `2025-01-31`. (wrong-type)
        product: A text is needed, not the number 123.5. Write lower-case letters, digits and `-`, like `service-fee`. (wrong-type)
        eligibility[1].rule: A text is needed, not true. Put it in quotes: "true". (wrong-type)
        accounting.disbursal[0].debit: A text is needed, not the number 1303.1. Write four digits and parts of two, in quotes, like "1132.01". (wrong-type)
        name.zh: `zh` is missing. Add it: Chinese (中文). (missing)
        name.cn: There is no field `cn` here. Remove it; the fields here are: en, zh. (unknown-field)
        name.em: There is no field `em` here. Remove it; the fields here are: en, zh. (unknown-field)
        terms.term.mix: There is no field `mix` here. Did you mean `max`? (unknown-field)
        eligibility[1].rule: At 1:24: `applicant.kyc_level` is never "full". It is one of "none", "declared", "verified", "face-to-face". (value-not-allowed)
        terms.term.default: 12 is not one of the `allowed` numbers. Choose one of them. (outside-range)
        terms.interest.rate: A number or a text is needed, not nothing. Write a value or remove the field. (wrong-type)
        terms.repayment.every: 36 times 2 years is more than 50 years. Lower `every` or `terms.term.max`. (too-long)
        terms.fees[0].amount: 200 over 3 instalments: a fee is negative. Change the terms so that every loan they allow can be made. (impossible-loan)
        terms.fees: 200 over 3 instalments: the fees leave nothing to pay out. Change the terms so that every loan they allow can be made. (impossible-loan)
        terms.fees[0].amount: 200 over 3 instalments: division by zero. Change the terms so that every loan they allow can be made. (impossible-loan)
        terms.fees[0].on: `disbursel` is not one of the choices. Did you mean `disbursal`? (unknown-value)
        terms.fees[0].amount: At 1:1: There is no field `principle`. Did you mean `principal`? (unknown-field)
        terms.early_settlement.fee: 200 over 3 instalments: a fee is negative. Change the terms so that every loan they allow can be made. (impossible-loan)
        until: The last day, 2021-01-01, is before the first, 2022-01-01. Move one of them. (ends-before-it-begins)
        terms.allocation: The list has 1 items; it needs 4. Add what is missing. (too-few)
        terms.interest.floating: The rate is fixed and floating. Remove one of `rate` and `floating`. (unused)
        terms.interest.rate: `rate` is missing. Add `rate`, or `floating` for one that follows. (missing)
        terms.interest.floating.reference: `lpr-2y` is not one of the choices. Did you mean `lpr-1y`? (unknown-value)
        terms.interest.floating.spread: The spread 55 is 5500 % a year. Write a fraction: 55 points are 0.0055. (absurd-rate)
        terms.interest.floating.reset: `never` is not one of the choices. Write one of: 1-january, anniversary, each-fixing. (unknown-value)
        terms.interest.floating.spread: The spread 55 is 5500 % a year. Write a fraction: 55 points are 0.0055. (absurd-rate)
        terms.subsidy.payer: `The Shop` is not a code. Write lower-case letters, digits and `-`, like `service-fee`. (malformed-code)
        terms.subsidy.share: 1.5 is not more than 0 and at most 1. Write a fraction: all of it is 1. (outside-range)
        terms.subsidy: The subsidy is one of `share` and `points`. Write one of them. (unclear)
        terms.subsidy: The subsidy is one of `share` and `points`. Write one of them. (unclear)
        terms.subsidy.points: The rate 2 is 200 % a year. Write a fraction: 9.6 % is 0.096. (absurd-rate)
        packs[0]: `rate-ceilings` is not a pack rule. Write the name of a pack and a key in it, like `rate-ceilings/microloan`. (malformed-pack-rule)
        packs[1]: `amounts/Least` is not a pack rule. Write the name of a pack and a key in it, like `rate-ceilings/microloan`. (malformed-pack-rule)
        packs[3]: `a/b` is there already. Keep one. (duplicate-value)
        terms.penalty: The penalty is one of `rate` and `multiple`. Write one of them. (unclear)
        terms.penalty: The penalty is one of `rate` and `multiple`. Write one of them. (unclear)
        terms.penalty.multiple: 150 is not more than 0 and at most 10. The rate plus 50 % is 1.5. (outside-range)
        terms.repayment.every: `every` is missing. Add `every`, or `on` for days of the year. (missing)
        terms.repayment.on: The due dates are a period apart and on days of the year. Remove one of `every` and `on`. (unused)
        terms.repayment.due_day: Instalments are due on days of the year. Remove it, or write `every` in place of `on`. (unused)
        terms.repayment.on[1]: It is there already. Keep one. (duplicate-value)
        terms.repayment.on[0]: `02-29` is not a year day. Write a month and a day that every year has, like `03-15`. (malformed-year-day)
        terms.repayment.on[1]: `3-15` is not a year day. Write a month and a day that every year has, like `03-15`. (malformed-year-day)
        terms.repayment.on[2]: `13-01` is not a year day. Write a month and a day that every year has, like `03-15`. (malformed-year-day)
        terms.repayment.on: 60 times, 1 a year, is more than 50 years. Lower `terms.term.max`. (too-long)
        terms.repayment.due_day: 31 is not in 1 to 28. Choose a number in that range. (out-of-range)
        terms.repayment.due_day: 2 weeks later is another day of the month. Remove it, or let `every` count months. (unused)
        terms.repayment.broken_period: Without `due_day` no first period is broken. Remove it, or add `due_day`. (unused)
        terms.repayment.grace.principal: A loan of 3 instalments would spare all of them. Lower it, or raise `terms.term.min`. (outside-range)
        terms.repayment.grace.interest: A loan of 3 instalments would spare all of them. Lower it, or raise `terms.term.min`. (outside-range)
        terms.repayment.grace.capitalise: There is no interest that is not due. Remove it, or add `interest`. (unused)
        terms.repayment.grace.principal: While interest becomes principal, no principal can be due. Let `principal` be at least `interest`. (outside-range)
        terms.repayment.balloon: 1 is not between 0 and 1. Write a fraction: 30 % is 0.3. (outside-range)
        terms.repayment.multiple: 0.001 has more decimals than CNY. Write at most 2 decimals. (too-many-decimals)
        terms.repayment.multiple: Under this method all principal is due with the last instalment. Remove it, or choose another method. (unused)
        terms.interest.rate: 200 over 3 instalments: equal instalments do not cover the interest of instalment 1. Change the terms so that every loan they allow can be made. (impossible-loan)
        terms.down_payment.min_share: 20 is not between 0 and 1. Write a fraction: 30 % is 0.3. (outside-range)
        terms.tranches.max: 1 is not in 2 to 100. Choose a number in that range. (out-of-range)
        terms.tranches.days: 0 is not in 1 to 3660. Choose a number in that range. (out-of-range)
        terms.fees[0].amount: At 1:1: There is no field `balance`. There are `days`, `number`, `overdue` and others. (unknown-field)
        terms.fees[0].payer: Only a fee at disbursal is paid by a third party. Remove it, or take the fee on `disbursal`. (unused)
        terms.fees[0].amount: 200 over 3 instalments: a fee is negative. Change the terms so that every loan they allow can be made. (impossible-loan)
        terms.prepayment.fee: It is about what is not allowed. Remove it, or allow prepayment. (unused)
        terms.prepayment.keep[1]: It is there already. Keep one. (duplicate-value)
        terms.prepayment.min: 0 is not more than 0. Raise it. (not-positive)
        terms.allocation: The waterfall takes its place. Remove it, or the waterfall. (unused)
        terms.waterfall: The list has 1 items; it needs 8. Add what is missing. (too-few)
        terms.allocation: The waterfall takes its place. Remove it, or the waterfall. (unused)
        terms.waterfall[2]: A part is there twice, so another is never paid. Name each of the eight parts once. (duplicate-value)
        terms.four_eyes[0]: `waver` is not one of the choices. Did you mean `waiver`? (unknown-value)
        terms.four_eyes[2]: It is there already. Keep one. (duplicate-value)
        terms.dunning[1].after: 3 days is not later than the step before, 3 days. Write the steps in order. (not-in-order)
        terms.dunning[1].step: `sms` is there already. Give it another code. (duplicate-code)
        terms.dunning[2].after: 0 is not in 1 to 3660. Choose a number in that range. (out-of-range)
        terms.dunning[2].step: `Legal` is not a code. Write lower-case letters, digits and `-`, like `service-fee`. (malformed-code)
        terms.security: It asks for nothing. Write `guarantors` or `collateral`, or remove it. (unclear)
        terms.security.guarantors.min: 11 is not in 0 to 10. Choose a number in that range. (out-of-range)
        terms.security.guarantors.kinds[1]: It is there already. Keep one. (duplicate-value)
        terms.security.collateral.kinds[0]: `car` is not one of the choices. Write one of: real-estate, vehicle, equipment, inventory, deposit, receivable, securities. (unknown-value)
        terms.security.collateral.loan_to_value: 70 is not more than 0 and at most 1. Write a fraction: 70 % is 0.7. (outside-range)
        terms.security.collateral.revalued_months: 0 is not in 1 to 120. Choose a number in that range. (out-of-range)
        eligibility[1].rule: At 1:1: This place takes a bool; this is a number. Compare it with something. (type-mismatch)
        eligibility[1].rule: At 1:14: `facts.job` is never "skiled". Did you mean "skilled"? (value-not-allowed)
        facts.job.type: `txt` is not one of the choices. Did you mean `text`? (unknown-value)
        eligibility[1].rule: At 1:19: There is no field `aplicant.age`. Did you mean `applicant.age`? (unknown-field)
        terms.max_balance: -1 is not more than 0. Raise it. (not-positive)
        terms.outflow.daily: The daily limit, 150000, is more than a longer one, 100000. Lower it: it is never reached. (empty-range)
        terms.interest.day_count: Balances of days are summed, so all days must be alike. Write `ACT/360` or `ACT/365F`. (unknown-value)
        terms.interest.settle_every: Interest is settled once a year at the least. Shorten it. (too-long)
        accounting.deposit: After amount of deposit, amount of withdrawal something stays in 2011.01, 2241.01. Book what one event debits to a contract's account to the credit of the same one. (leaves-balance)
        terms.inflow.daily: The daily limit, 5, is more than a longer one, 4. Lower it: it is never reached. (empty-range)
        terms.class: `bank-4` is not one of the choices. Did you mean `bank-1`? (unknown-value)
        terms.dormant_after: An account is dormant after 30 days at the earliest. Lengthen it. (too-short)
        terms.interest.rate[0].from: There is no rate from 2022-01-01 to 2022-01-02. Begin with the rate that is in force on the first day of the product. (no-rate)
        terms.interest.rate: The list has 0 items; it needs 1. Add what is missing. (too-few)
        terms.demand_rate[0].rate: The rate 3 is 300 % a year. Write a fraction: 9.6 % is 0.096. (absurd-rate)
        terms.demand_rate[1].from: 2021-01-01 is not after 2022-01-01, the day of the rate before it. Order the rates by day. (not-in-order)
        terms.tenors[1].tenor: `3 months` is there already. Keep one of them. (duplicate-tenor)
        terms.tenors[1].tenor: 31 years is longer than 30 years. Shorten it. (too-long)
        terms.amount.min: The smallest, 50, is more than the largest, 40. Exchange `min` and `max`. (empty-range)
        terms.amount.step: The smallest amount, 50, is not a multiple of the step, 20. Change one of them. (not-a-step)
        terms.counting: `30/360` is not one of the choices. Write one of: years-months-days, actual-days. (unknown-value)"#]].assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

/// What makes a loan impossible is found beside every other mistake, each at its own place.
#[test]
fn an_impossible_loan_is_not_hidden() {
    let changes = "
        name={en: a}
        eligibility[1].rule=aplicant.age > 1
        terms.penalty.rate=14.4
        terms.fees=[{code: a, on: disbursal, amount: 1 - term}, \
            {code: b, on: instalment, amount: balance - 1000}]
        terms.early_settlement.fee=0 - paid
    ";
    let lines = problems_of_changed("consumer-instalment", changes);
    expect![[r#"
        name.zh: `zh` is missing. Add it: Chinese (中文). (missing)
        eligibility[1].rule: At 1:1: There is no field `aplicant.age`. Did you mean `applicant.age`? (unknown-field)
        terms.fees[0].amount: 200 over 3 instalments: a fee is negative. Change the terms so that every loan they allow can be made. (impossible-loan)
        terms.fees[1].amount: 200 over 3 instalments: a fee is negative. Change the terms so that every loan they allow can be made. (impossible-loan)
        terms.penalty.rate: The rate 14.4 is 1440 % a year. Write a fraction: 9.6 % is 0.096. (absurd-rate)
        terms.early_settlement.fee: 200 over 3 instalments: a fee is negative. Change the terms so that every loan they allow can be made. (impossible-loan)"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn what_is_not_yaml() {
    let texts = [
        "terms: [1, 2",
        "a: 1\na: 2",
        "a: &x [1]\nb: *x",
        "a: !!str 1",
        "a: 1\n---\nb: 2",
        "? [1]\n: 2",
        "a: 1\n  b: 2",
        "a: \"unclosed",
    ];
    let lines = texts.iter().flat_map(|text| match Document::parse(text) {
        Ok(document) => document.problems().iter().map(ToString::to_string).collect(),
        Err(problem) => vec![problem.to_string()],
    });
    expect![[r#"
        line 1, (file): This is not YAML: unclosed bracket '['. Look at the indentation, quotes and brackets up to here. (not-yaml)
        line 2, a: `a` is there twice. Keep one. (duplicate-key)
        line 2, b: YAML aliases are not read. Write the value out where it is used. (alias)
        line 1, a: YAML tags are not read. Remove the tag. (tag)
        line 3, (file): There is a second document in the file. Write one file each. (several-documents)
        line 1, (file): A key must be a text. Write `key: value`. (key)
        line 2, (file): This is not YAML: mapping values are not allowed in this context. Look at the indentation, quotes and brackets up to here. (not-yaml)
        line 1, (file): This is not YAML: unclosed quote. Look at the indentation, quotes and brackets up to here. (not-yaml)"#]].assert_eq(&lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn documents_are_bounded() {
    let code = |text: &str| Document::parse(text).unwrap_err().code;
    assert_eq!(code(&"#".repeat(TEXT_BYTES_MAX + 1)), "too-large");
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Document::parse(&nested(DEPTH_MAX + 1)).is_ok());
    assert_eq!(code(&nested(DEPTH_MAX + 2)), "too-deep");
    assert!(Document::parse(&"[".repeat(TEXT_BYTES_MAX)).is_err());
    assert_eq!(code(&format!("[{}]", "1,".repeat(NODES_MAX))), "too-large");
    assert_eq!(code(&format!("{}: 1", "k".repeat(KEY_BYTES_MAX + 1))), "too-long");
    // A great many of everything is refused, and soon.
    let items = |item: &str, count: usize| vec![item; count].join(",");
    let text = format!(
        "{{kind: instalment-loan, nmae: x, facts: {{{}}}, eligibility: [{}], \
         terms: {{fees: [{}]}}}}",
        (0..800).map(|it| format!("f{it}: {{type: text}}")).collect::<Vec<_>>().join(","),
        items("{code: a, rule: amount > 1, reason: {en: a, zh: a}}", 800),
        items("{code: a, on: disbursal, amount: principal}", 800),
    );
    assert_eq!(problems(&text).len(), check::PROBLEMS_MAX);
    let text = text.replace("{type: text}", "{type: text, title: {en: a, zh: a}}");
    assert!(problems(&text).iter().any(|it| it.contains("too-many")));
    let text = format!("{{kind: instalment-loan, terms: {{fees: [{}]}}}}", items("!x 1", 19_000));
    assert_eq!(problems(&text).len(), check::PROBLEMS_MAX);
    let mut deep = json!(1);
    for _ in 0..=DEPTH_MAX {
        deep = json!([deep]);
    }
    assert_eq!(Document::from_value(deep).unwrap_err().code, "too-deep");
}

#[test]
fn numbers_stay_exact() {
    let value = |text: &str| Document::parse(text).unwrap().value().clone();
    assert_eq!(value("0.096"), json!(0.096));
    assert_eq!(value("-3"), json!(-3));
    assert_eq!(value("0.1000000000000000000001"), json!("0.1000000000000000000001"));
    assert_eq!(value("'0.096'"), json!("0.096"));
    assert_eq!(value("1e5"), json!("1e5"));
    assert_eq!(value("0.0000001"), json!("0.0000001"));
    assert_eq!(value("30/360"), json!("30/360"));
    assert_eq!(value("yes"), json!("yes"));
    let rate = |text: &str| {
        let text = changed("consumer-instalment", &format!("terms.interest.rate={text}"));
        let terms = Definition::parse(&text, Chart::china()).unwrap().terms;
        serde_json::from_value::<money::Decimal>(terms["interest"]["rate"].clone()).unwrap()
    };
    assert_eq!(rate("0.0960000000000000000001").to_string(), "0.0960000000000000000001");
    assert_eq!(rate("0.096"), rate("'0.096'"));
    assert_eq!(rate("0.0000001").to_string(), "0.0000001");
    // A body that was read as JSON has floats already: too many digits were lost or invented.
    let mut body: Value =
        serde_json::to_value(Definition::parse(example("wallet"), Chart::china()).unwrap())
            .unwrap();
    body["terms"]["interest"]["rate"] = json!(0.000_000_1);
    assert!(Definition::from_value(body.clone(), Chart::china()).is_ok());
    body["terms"]["interest"]["rate"] = json!(0.000_512_345_678_901_234_5);
    let problems = Definition::from_value(body, Chart::china()).unwrap_err();
    assert_eq!(problems[0].code, "inexact-number");
}

const PLACES: [&str; 19] = [
    "a.b", "a.b[0].c", "a.b[0]", "a.x", "x", "a.b[1].c", "a.b[1]", "x.y", "", "a..b", "a.b[-1]",
    "a.b[]", "a.b[0]c", "a[b]", "a.b.0", "[0]", "a.", ".a", "a.b[0",
];

#[test]
fn a_place_is_set() {
    let set = |place: &str| {
        let mut document = Document::parse("a: { b: [ { c: 1 } ] }").unwrap();
        document.set(place, "2").map(|()| document.value().to_string()).map_err(|it| it.to_string())
    };
    expect![[r#"
        a.b => Ok("{\"a\":{\"b\":2}}")
        a.b[0].c => Ok("{\"a\":{\"b\":[{\"c\":2}]}}")
        a.b[0] => Ok("{\"a\":{\"b\":[2]}}")
        a.x => Ok("{\"a\":{\"b\":[{\"c\":1}],\"x\":2}}")
        x => Ok("{\"a\":{\"b\":[{\"c\":1}]},\"x\":2}")
        a.b[1].c => Err("(file): There is no place `a.b[1].c` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a.b[1] => Err("(file): There is no place `a.b[1]` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        x.y => Err("(file): There is no place `x.y` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
         => Err("(file): There is no place `` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a..b => Err("(file): There is no place `a..b` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a.b[-1] => Err("(file): There is no place `a.b[-1]` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a.b[] => Err("(file): There is no place `a.b[]` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a.b[0]c => Err("(file): There is no place `a.b[0]c` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a[b] => Err("(file): There is no place `a[b]` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a.b.0 => Err("(file): There is no place `a.b.0` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        [0] => Err("(file): There is no place `[0]` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a. => Err("(file): There is no place `a.` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        .a => Err("(file): There is no place `.a` in the definition. Write it like `terms.interest.rate`. (unknown-place)")
        a.b[0 => Err("(file): There is no place `a.b[0` in the definition. Write it like `terms.interest.rate`. (unknown-place)")"#]].assert_eq(
        &PLACES.map(|place| format!("{place} => {:?}", set(place))).join("\n"),
    );
}

/// What is wrong with a drawing is said where the drawing is.
#[test]
fn mistakes_in_a_line() {
    let cases = [
        "terms.limit={min: 500, max: 550, step: 400}",
        "terms.limit.min=50",
        "terms.temporary.max=50000",
        "terms.temporary.days=0",
        "terms.holds.days=400",
        "terms.months=121",
        "terms.drawing=",
        "terms.drawing.amount.min=200000",
        "terms.drawing.amount={min: 900, max: 80000, step: 700}",
        "terms.drawing.interest.rate=9.6",
        "terms.drawing.term={min: 3, mix: 24}",
        "terms.drawing.term.default=4",
        "terms.drawing.repayment.every=5 years",
        "terms.drawing.fees=[{code: a, on: disbursal, amount: principal}]",
        "terms.drawing.tranches={max: 2, days: 10}",
        "terms.drawing.down_payment={min_share: 0.2}",
        "terms.limits={min: 1, max: 2}",
    ];
    let found = cases.map(|changes| problems_of_changed("revolving-credit", changes).join("\n"));
    expect![[r#"
        terms.limit.step: No amount from 500 to 550 is a multiple of 400. Lower the step. (empty-range)
        terms.drawing.amount.min: A limit of 50 could never be drawn on. Lower it, or raise `terms.limit.min`. (outside-range)
        terms.temporary.max: 50000 is not more than the highest limit, 50000. Raise it. (outside-range)
        terms.temporary.days: 0 is not in 1 to 366. Choose a number in that range. (out-of-range)
        terms.holds.days: 400 is not in 1 to 366. Choose a number in that range. (out-of-range)
        terms.months: 121 is not in 1 to 120. Choose a number in that range. (out-of-range)
        terms.drawing: A group of fields is needed, not nothing. Write a value or remove the field. (wrong-type)
        terms.drawing.amount.min: The smallest, 200000, is more than the largest, 80000. Exchange `min` and `max`. (empty-range)
        terms.drawing.amount.min: A limit of 1000 could never be drawn on. Lower it, or raise `terms.limit.min`. (outside-range)
        terms.drawing.interest.rate: The rate 9.6 is 960 % a year. Write a fraction: 9.6 % is 0.096. (absurd-rate)
        terms.drawing.term.mix: There is no field `mix` here. Did you mean `max`? (unknown-field)
        terms.drawing.term.default: 4 is not one of the `allowed` numbers. Choose one of them. (outside-range)
        terms.drawing.repayment.every: 12 times 5 years is more than 50 years. Lower `every` or `terms.drawing.term.max`. (too-long)
        terms.drawing.fees: 100 over 1 instalments: the fees leave nothing to pay out. Change the terms so that every loan they allow can be made. (impossible-loan)
        terms.drawing.tranches: A drawing is paid out at once and whole, as soon as it is asked for. Remove it. (unused)
        terms.drawing.down_payment: A drawing is paid out at once and whole, as soon as it is asked for. Remove it. (unused)
        terms.limits: There is no field `limits` here. Remove it; the fields here are: limit, months, temporary, holds, drawing, statement. (unknown-field)"#]].assert_eq(&found.join("\n"));
}

#[test]
fn terms_of_statements_are_checked() {
    let cases = [
        "terms.statement=",
        "terms.statement.day=32",
        "terms.statement.due.after_days=0",
        "terms.statement.due.tolerance=0",
        "terms.statement.interest.rate=18.25",
        "terms.statement.interest.day_count=30/360",
        "terms.statement.interest.back_to_purchase=all",
        "terms.statement.minimum.share=1.1",
        "terms.statement.minimum.floor=10.001",
        "terms.statement.late_fee={share: 0, min: 5}",
        "terms.statement.cash.fee={share: 0.01, min: 10, max: 5}",
        "terms.statement.cash.rate=-0.1",
        "terms.statement.allocation=[interest, fee, penalty, cash, cash]",
        "terms.statement.late_allocation.order=[cash]",
        "terms.drawing={amount: {min: 100, max: 200}}",
    ];
    let found = cases.map(|changes| problems_of_changed("pay-later-account", changes).join("\n"));
    expect![[r#"
        terms.statement: A group of fields is needed, not nothing. Write a value or remove the field. (wrong-type)
        terms.statement.day: 32 is not in 1 to 31. Choose a number in that range. (out-of-range)
        terms.statement.due.after_days: 0 is not in 1 to 60. Choose a number in that range. (out-of-range)
        terms.statement.due.tolerance: 0 is not more than 0. Raise it. (not-positive)
        terms.statement.interest.rate: The rate 18.25 is 1825 % a year. Write a fraction: 9.6 % is 0.096. (absurd-rate)
        terms.statement.interest.day_count: A balance that changes on any day is counted by actual days. Use `ACT/360` or `ACT/365F`. (unsuitable-day-count)
        terms.statement.interest.back_to_purchase: `all` is not one of the choices. Write one of: unpaid, whole. (unknown-value)
        terms.statement.minimum.share: 1.1 is not a share. Write a fraction up to 1: 10 % is 0.1. (outside-range)
        terms.statement.minimum.floor: 10.001 has more decimals than CNY. Write at most 2 decimals. (too-many-decimals)
        terms.statement.late_fee.share: 0 is not a share. Write a fraction up to 1: 10 % is 0.1. (outside-range)
        terms.statement.cash.fee.min: The smallest, 10, is more than the largest, 5. Exchange `min` and `max`. (empty-range)
        terms.statement.cash.rate: The rate -0.1 is negative. Use 0 or more. (negative-rate)
        terms.statement.allocation: A part is there twice, so another is never paid. Name each of the five parts once. (duplicate-value)
        terms.statement.late_allocation.order: The list has 1 items; it needs 5. Add what is missing. (too-few)
        terms.statement: A line is used by drawings, or by purchases on statements. Remove it, or `drawing`. (unused)
        terms.drawing.interest: `interest` is missing. Add it: What the loan costs over time. (missing)
        terms.drawing.repayment: `repayment` is missing. Add it: How the loan is repaid. (missing)
        terms.drawing.term: `term` is missing. Add it: How many instalments. (missing)"#]].assert_eq(&found.join("\n"));
}

#[test]
fn every_format_is_checked() {
    let mut used = Vec::new();
    for kind in kinds::ALL {
        formats(&schema::schema(kind), &mut used);
    }
    used.sort();
    used.dedup();
    let known: Vec<_> = FORMATS.iter().map(|it| it.name).collect();
    let integers = ["uint32"];
    for format in &used {
        assert!(known.contains(&&format[..]) || integers.contains(&&format[..]), "{format}");
    }
    assert!(known.iter().all(|name| used.iter().any(|it| it == name)), "{used:?}");
}

fn formats(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            found.extend(fields.get("format").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|it| formats(it, found));
        }
        Value::Array(items) => items.iter().for_each(|it| formats(it, found)),
        _ => {}
    }
}

#[test]
fn schemas_tell_a_form_everything() {
    for kind in kinds::ALL {
        let schema = schema::schema(kind);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        described(&schema, "");
    }
    let schema = schema::schema(kinds::Kind::named("instalment-loan").unwrap());
    let amount = &schema["$defs"]["AmountRange"]["properties"]["min"];
    expect![[r#"
        {
          "type": [
            "number",
            "string"
          ],
          "format": "decimal",
          "pattern": "^-?[0-9]+(\\.[0-9]+)?$",
          "description": "The smallest amount."
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(amount).unwrap());
}

/// Every property says what it means, and none may be null.
fn described(schema: &Value, path: &str) {
    let Value::Object(fields) = schema else { return };
    for (name, property) in
        fields.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        let words = property.get("description").or(property.get("title"));
        assert!(words.is_some(), "{path}/{name} has no description");
        assert!(!property.to_string().contains("null"), "{path}/{name}: {property}");
        described(property, &format!("{path}/{name}"));
    }
    for (name, it) in fields.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        described(it, &format!("{path}/$defs/{name}"));
    }
}

#[test]
fn broken_definitions_never_panic() {
    for seed in 0..300 {
        let mut prng = Prng::stream(seed, "definition");
        let (_, text) = prng.pick(EXAMPLES);
        let mut value = Document::parse(text).unwrap().value().clone();
        for _ in 0..=prng.below(4) {
            mutate(&mut value, &mut prng);
        }
        if let Ok(document) = Document::from_value(value.clone()) {
            let problems = check::check(&document, Chart::china());
            let read = Definition::from_value(value, Chart::china());
            assert_eq!(read.is_err(), !problems.is_empty(), "seed {seed}");
            assert!(problems.iter().all(|it| it.code != "unreadable"), "seed {seed}: {problems:?}");
        }
    }
}

#[test]
fn broken_texts_never_panic() {
    for seed in 0..300 {
        let mut prng = Prng::stream(seed, "text");
        let (_, text) = prng.pick(EXAMPLES);
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=prng.below(8) {
            let at = usize::try_from(prng.below(bytes.len() as u64)).unwrap();
            bytes[at] = *prng.pick(b"{}[]:,-'\"#&*!|>%@ \n\t0a\xff");
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(problems) = Definition::parse(&text, Chart::china()) {
            assert!(!problems.is_empty(), "seed {seed}");
        }
    }
}

/// Replaces, removes or repeats something somewhere.
fn mutate(value: &mut Value, prng: &mut Prng) {
    let leaf = prng.chance(20);
    match value {
        Value::Object(fields) if !fields.is_empty() && !leaf => {
            let keys: Vec<_> = fields.keys().cloned().collect();
            let key = prng.pick(&keys).clone();
            if prng.chance(10) {
                fields.remove(&key);
            } else {
                mutate(fields.get_mut(&key).unwrap(), prng);
            }
        }
        Value::Array(items) if !items.is_empty() && !leaf => {
            let at = usize::try_from(prng.below(items.len() as u64)).unwrap();
            if prng.chance(20) {
                items.push(items[at].clone());
            } else {
                mutate(&mut items[at], prng);
            }
        }
        other => *other = prng.pick(&replacements()).clone(),
    }
}

fn replacements() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(u32::MAX),
        json!(i64::MAX),
        json!(480),
        json!(1e300),
        json!(0.001),
        json!("79228162514264337593543950335"),
        json!("-0"),
        json!(""),
        json!("x"),
        json!("1303"),
        json!("9999-12-31"),
        json!("4294967295 years"),
        json!("1 day"),
        json!("principal * principal * principal"),
        json!([]),
        json!({}),
        json!([[]]),
    ]
}
