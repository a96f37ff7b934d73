//! Why a command may be refused: one rule for each code, written from the documentation.
//!
//! A rule says whether a state gives the reason. It may be weaker than the platform's own where
//! that would mean to write the platform again; it is never satisfied by a state that is nothing
//! to do with the refusal. A code without a rule explains nothing, so a new one is a fault until
//! it has one.

use bank::{Refusal, Role, loans::Apply, products::Step};
use ledger::{AccountId, Balancing, Code, Kind, Side, Transfer};
use money::{Currency, Money};
use serde_json::Value;
use stdx::{Date, Id};

use crate::{
    command::Command,
    contracts::{account_of, half_even},
    history::{Attempt, Request},
    judge::{Record, State, date, limits, place_of, plain_place},
    model::{At, Done, Place, Verdict},
};

/// What is said of a contract that could not be closed, when it may be the next time.
const UNDECIDED: [&str; 2] = ["the store is unavailable", "Others are changing the same records"];

/// Whether a role may give a command: the table of `docs/reference/authorization.md`.
pub(crate) fn may(role: Role, command: &Command) -> bool {
    match command {
        Command::Found(_) => true,
        Command::CreateKey(_) | Command::RevokeKey(_) => {
            matches!(role, Role::Operator | Role::Approver)
        }
        Command::Step(..) => role == Role::Approver,
        Command::Register(_)
        | Command::Consent(_)
        | Command::Unconsent(_)
        | Command::RaiseKyc(_)
        | Command::Amend(..)
        | Command::Apply(_)
        | Command::Sign(_)
        | Command::OpenWallet(..) => matches!(role, Role::Operator | Role::Partner),
        _ => role == Role::Operator,
    }
}

/// Whether a state explains a refusal.
pub(crate) fn explain(
    state: &State,
    request: &Request,
    attempt: &Attempt,
    refusal: &Refusal,
) -> bool {
    let command = &request.command;
    match refusal {
        Refusal::Forbidden(_) => return !may(request.role, command),
        Refusal::IdempotencyKeyReused => {
            let used = state.keys.get(&place_of(request).1);
            return used.is_some_and(|it| it.digest != command.digest());
        }
        _ => {}
    }
    let Some(today) = state.today.filter(|_| !matches!(command, Command::Found(_))) else {
        return explain_without_institution(state, request, refusal);
    };
    let at = At { now: attempt.now, today };
    match refusal {
        Refusal::NotFound(_) => !finds(state, command),
        Refusal::DayIncomplete(_) if matches!(command, Command::ClosePeriod(_)) => {
            let Command::ClosePeriod(through) = command else {
                return false;
            };
            through.tomorrow().is_ok_and(|next| state.contracts.none_before(next).is_err())
        }
        // Of the contracts that are left it is said that trying again helps.
        Refusal::DayIncomplete(unclosed) => {
            let again = |why: &str| UNDECIDED.iter().any(|it| why.contains(it));
            unclosed.iter().all(|it| again(&it.why))
        }
        Refusal::ContractAccount => touches_contract(state, command),
        Refusal::Ledger { reject, .. } => {
            refused_by_books(state, command, at) == Some(reject.number())
        }
        _ => explain_rule(state, command, today, refusal.code()),
    }
}

/// What may be refused before there is an institution, or by the platform's directory.
fn explain_without_institution(state: &State, request: &Request, refusal: &Refusal) -> bool {
    let of = request.of.to_string();
    match (&request.command, refusal.code()) {
        (Command::Found(_), "exists") => state.today.is_some(),
        (Command::RevokeKey(id), "not-found") => {
            let key = state.record("api-key", *id);
            key.is_none_or(|it| it.body["institution"] != of.as_str())
        }
        (Command::CreateKey(new), "key-beyond-own") => {
            let releases = |role| role == Role::Approver;
            let runs = |role| role == Role::Operator;
            new.sees_personal_data
                || releases(new.role) != releases(request.role) && releases(new.role)
                || runs(new.role) && !runs(request.role)
                || new.role == Role::Partner && !runs(request.role)
        }
        (Command::CreateKey(_) | Command::Found(_), _) => false,
        // Nothing is found where no institution is.
        (_, code) => state.today.is_none() && code == "not-found",
    }
}

/// Whether all that a command names is there.
fn finds(state: &State, command: &Command) -> bool {
    match command {
        Command::Consent(id)
        | Command::Unconsent(id)
        | Command::RaiseKyc(id)
        | Command::Amend(id, ..) => state.record("party", *id).is_some(),
        Command::Apply(Apply { party, product, .. }) => {
            state.record("party", *party).is_some() && in_force(state, product)
        }
        Command::OpenWallet(party, product) => {
            state.record("party", *party).is_some() && in_force(state, product)
        }
        Command::Sign(id) => state.record("application", *id).is_some(),
        Command::Disburse(id) | Command::Repay(id, _) | Command::Settle(id, _) => {
            state.record("loan", *id).is_some()
        }
        Command::Deposit(id, _) | Command::Withdraw(id, _) => {
            state.record("current-account", *id).is_some()
        }
        Command::Step(name, number, _) => version(state, name, *number).is_some(),
        Command::SetState(id, _) | Command::SetLimits(id, _) => {
            state.books.accounts.contains_key(id)
        }
        _ => true,
    }
}

fn version<'a>(state: &'a State, name: &str, number: u32) -> Option<&'a Record> {
    let id = Id::<()>::derived(&[name.as_bytes(), &number.to_be_bytes()]);
    state.record("product", id)
}

/// Whether contracts can be made under a product today.
fn in_force(state: &State, name: &str) -> bool {
    let begun = state.records.iter().filter_map(|((kind, _), it)| {
        let definition = &it.body["definition"];
        let from = date(&it.body["published_from"]).ok()?;
        let public = it.body["status"] == "published" || it.body["status"] == "suspended";
        let ours = kind == "product" && definition["product"] == name && public;
        (ours && Some(from) <= state.today).then(|| (definition["version"].as_u64(), it))
    });
    begun.max_by_key(|it| it.0).is_some_and(|(_, newest)| newest.body["status"] == "published")
}

/// Whether a command of the plain ledger touches the lane of a party.
fn touches_contract(state: &State, command: &Command) -> bool {
    let of_party = |id: &AccountId| {
        let account = state.books.accounts.get(id);
        account.is_some_and(|it| state.record("party", it.place.lane).is_some())
    };
    match command {
        Command::OpenAccounts(new) => {
            let mut lanes = new.iter().filter_map(|it| it.lane);
            lanes.any(|lane| state.record("party", lane).is_some())
        }
        Command::SetState(id, _) | Command::SetLimits(id, _) => of_party(id),
        Command::Book(orders) => orders.iter().any(|order| {
            let about = order.kind.about().and_then(|id| state.books.transfers.get(&id));
            let about = about.map(|it| [it.order.debit, it.order.credit]).into_iter().flatten();
            [order.debit, order.credit].into_iter().chain(about).any(|it| of_party(&it))
        }),
        _ => false,
    }
}

/// The number with which the books refuse a command.
fn refused_by_books(state: &State, command: &Command, at: At) -> Option<u16> {
    let mut books = state.books.clone();
    let verdict: Verdict = match command {
        Command::OpenAccounts(new) => {
            let lane = state.ledger_lane();
            let opened = new.iter().map(|it| books.open(it.id, plain_place(it, lane), limits(it)));
            opened.collect::<Result<Vec<_>, _>>().map(|_| Done::Now)
        }
        Command::SetState(id, to) => books.set_state(*id, *to),
        Command::SetLimits(id, limits) => books.set_limits(*id, limits.as_ref()),
        Command::ClosePeriod(through) => books.close_period(*through, at.today),
        Command::Deposit(id, money) => move_wallet(state, id.cast(), *money, Side::Credit, at),
        Command::Withdraw(id, money) => move_wallet(state, id.cast(), *money, Side::Debit, at),
        Command::Disburse(id) | Command::Repay(id, _) | Command::Settle(id, _) => {
            return cash_is_full(state, id.cast()).then_some(60);
        }
        _ => return None,
    };
    verdict.err()
}

/// Whether so much cash has passed the lane of a loan that a sum may not fit any more.
fn cash_is_full(state: &State, loan: Id<()>) -> bool {
    let lane = state.record("loan", loan).map(|it| it.lane);
    let cash = lane.and_then(|lane| state.books.accounts.get(&account_of(lane.cast(), "1003")));
    cash.is_some_and(|it| it.sums.iter().any(|it| it.posted > i128::from(i64::MAX / 2)))
}

/// What the books say to money that goes into a wallet, on its credit side, or out of it.
fn move_wallet(state: &State, id: Id<()>, money: Money, side: Side, at: At) -> Verdict {
    let wallet = state.contracts.wallets.get(&id).ok_or(0_u16)?;
    let on = if wallet.earns { at.today.max(wallet.through) } else { at.today };
    let mut books = state.books.clone();
    let deposits = account_of(id, "2011.01");
    let lane = books.accounts.get(&deposits).ok_or(0_u16)?.place.lane;
    let cash = account_of(lane.cast(), "1003");
    let (code, currency) = ("1003".to_owned(), "CNY".to_owned());
    let place = Place { code, currency, side: Side::Debit, lane };
    books.open(cash, place, None)?;
    let (debit, credit) = if side == Side::Credit { (cash, deposits) } else { (deposits, cash) };
    let order = Transfer {
        id: Id::derived(&[b"what if"]),
        kind: Kind::Plain,
        debit,
        credit,
        amount: money.amount,
        balancing: Balancing::None,
        linked: false,
        value_date: on,
        reason: Code::literal("what-if"),
    };
    books.book(&[order], At { today: on, ..at }).remove(0)
}

/// The rules of contracts, products and dates, by code.
fn explain_rule(state: &State, command: &Command, today: Date, code: &str) -> bool {
    match (command, code) {
        (Command::Register(number), "exists") => state.persons.contains(number),
        (Command::Amend(id, version, _), "changed") => {
            state.record("party", *id).is_some_and(|it| it.version != *version)
        }
        (Command::Apply(apply), "product-of-other-kind") => apply.product != "loan",
        (Command::OpenWallet(_, product), "product-of-other-kind") => *product == "loan",
        (
            Command::Repay(_, money)
            | Command::Settle(_, money)
            | Command::Deposit(_, money)
            | Command::Withdraw(_, money),
            "other-currency",
        ) => money.currency != Currency::CNY,
        (Command::Deposit(_, money) | Command::Withdraw(_, money), "amount-not-positive") => {
            !money.amount.is_positive()
        }
        (Command::Apply(apply), "not-offered") => {
            !(10_000..=5_000_000).contains(&apply.amount.amount.minor())
        }
        (Command::Sign(id), _) => {
            let Some(application) = state.record("application", *id) else {
                return false;
            };
            let decision = &application.body["decision"];
            match code {
                "already-signed" => decision["status"] == "signed",
                "no-offer" => decision["status"] == "declined",
                "offer-expired" => {
                    date(&decision["offer"]["valid_until"]).is_ok_and(|last| today > last)
                }
                _ => false,
            }
        }
        (Command::Disburse(id), "not-awaiting-disbursal") => {
            state.record("loan", *id).is_some_and(|it| it.body["status"] != "signed")
        }
        (Command::Repay(id, money) | Command::Settle(id, money), _) => {
            explain_payment(state, id.cast(), *money, code)
        }
        (Command::Draft(text), "definition-has-problems") => text.contains("???"),
        (Command::Draft(text), "wrong-version" | "version-is-immutable") => {
            explain_draft(state, text, code)
        }
        (Command::Step(name, number, step), _) => {
            let Some(version) = version(state, name, *number) else {
                return false;
            };
            match code {
                "wrong-status" => !leads_on(&version.body["status"], *step),
                "in-the-past" => matches!(step, Step::Publish(from) if *from < today),
                _ => false,
            }
        }
        (Command::CloseDate(day), "not-the-business-date") => *day != today,
        (Command::Consent(id), "consent-already-given") => consents(state, id.cast()),
        (Command::Unconsent(id), "consent-not-given") => {
            state.record("party", *id).is_some() && !consents(state, id.cast())
        }
        (Command::Consent(id) | Command::RaiseKyc(id), "party-entries-limit") => {
            let kind = if matches!(command, Command::Consent(_)) { "consents" } else { "checks" };
            let party = state.record("party", *id);
            party.and_then(|it| it.body[kind].as_array()).is_some_and(|it| it.len() >= 200)
        }
        _ => false,
    }
}

/// Whether a consent of a party stands; all are for one purpose.
fn consents(state: &State, party: Id<()>) -> bool {
    let consents = state.record("party", party).and_then(|it| it.body["consents"].as_array());
    consents.is_some_and(|it| it.iter().any(|it| it["withdrawn_at"].is_null()))
}

fn explain_payment(state: &State, loan: Id<()>, money: Money, code: &str) -> bool {
    let record = state.record("loan", loan);
    let active = record.is_some_and(|it| it.body["status"] == "active");
    let Some(position) = state.record("position", loan).map(|it| &it.body) else {
        return code == "not-active";
    };
    let sum = |value: &Value| i128::from(value.as_i64().unwrap_or(0));
    let open = position["open"].as_array().map_or(&[][..], |it| it);
    let due = |component: &str| open.iter().map(|it| sum(&it["owed"][component])).sum::<i128>();
    let all_due = ["penalty", "fee", "interest", "principal"].into_iter().map(due).sum::<i128>();
    let paid = i128::from(money.amount.minor());
    let not_due = sum(&position["principal"]) - due("principal") + sum(&position["interest"]);
    // One per cent of what is lent, unless every instalment is due.
    let plan = record.and_then(|it| it.body["plan"].as_array()).map_or(0, Vec::len) as u64;
    let early = position["opened"].as_u64().is_some_and(|it| it < plan);
    let fee = if early { half_even(sum(&position["principal"]), 100) } else { 0 };
    let quoted = all_due + not_due + fee - sum(&position["prepaid"]);
    match code {
        "not-active" => !active,
        "amount-not-positive" => paid <= 0,
        "exceeds-settlement" => {
            active && paid > all_due && sum(&position["prepaid"]) + paid - all_due > not_due
        }
        "not-the-quoted-amount" => active && paid != quoted,
        "prepaid-covers" => active && sum(&position["prepaid"]) > 0,
        _ => false,
    }
}

fn explain_draft(state: &State, text: &str, code: &str) -> bool {
    let field = |name: &str| {
        let line = text.lines().find_map(|it| it.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let (name, number) = (field("product:"), field("version:").parse().unwrap_or(0));
    let there = version(state, &name, number);
    match code {
        "wrong-version" => there.is_none() && version(state, &name, number - 1).is_none(),
        _ => there.is_some_and(|it| it.body["status"] != "checked"),
    }
}

/// Whether a step leads on from a status.
fn leads_on(status: &Value, step: Step) -> bool {
    let from: &[&str] = match step {
        Step::Approve => &["checked"],
        Step::Publish(_) => &["approved"],
        Step::Suspend => &["published"],
        Step::Resume => &["suspended"],
        Step::Retire => &["approved", "published", "suspended"],
    };
    from.iter().any(|it| status == it)
}
