//! From what happened to the postings it makes.
//!
//! A kind lists its events, the amounts each carries, and how they are booked; a definition may
//! book an event otherwise. Every posting debits one account and credits another, so the books
//! balance by form; the checks here are that every amount of an event is booked once, and that
//! no round trip (lent and repaid, accrued and paid) leaves something in a contract's account.

use std::{collections::BTreeMap, sync::Arc};

use money::Amount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    chart::{AccountCode, Chart, ChartAccount, Per},
    definition::Definition,
    kinds::{Event, Kind},
    schema,
};

/// How one amount of an event is booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostingRule {
    /// The account that is debited.
    #[schemars(schema_with = "schema::account_code")]
    pub debit: AccountCode,
    /// The account that is credited.
    #[schemars(schema_with = "schema::account_code")]
    pub credit: AccountCode,
    /// The amount of the event that is booked.
    pub amount: String,
}

/// An amount moved from a debit account to a credit account, both by their code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Posting {
    /// The account that is debited.
    pub debit: AccountCode,
    /// The account that is credited.
    pub credit: AccountCode,
    /// How much; more than nothing.
    #[serde(skip)]
    pub amount: Amount,
}

/// The accounting of a product: for each event of its kind, how its amounts are booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounting {
    chart: Arc<Chart>,
    rules: BTreeMap<&'static str, Vec<PostingRule>>,
}

impl Accounting {
    /// The accounting of a definition: its own where it has one, else that of its kind.
    pub fn of(kind: &Kind, definition: &Definition) -> Self {
        Self::with(kind, &definition.accounting)
    }

    /// The accounting of a kind with some events booked otherwise.
    pub fn with(kind: &Kind, own: &BTreeMap<String, Vec<PostingRule>>) -> Self {
        let rules = kind.events.iter().map(|event| {
            let rules = own.get(event.name).cloned();
            (event.name, rules.unwrap_or_else(|| event.default_rules()))
        });
        Self { chart: Chart::china().clone(), rules: rules.collect() }
    }

    /// The same on the chart of an institution.
    #[must_use]
    pub fn on(self, chart: &Arc<Chart>) -> Self {
        Self { chart: chart.clone(), ..self }
    }

    /// What the chart says of an account that is booked on; the platform's chart, where the
    /// institution's lacks an account that a kind uses without a rule.
    pub fn account(&self, code: AccountCode) -> Option<&ChartAccount> {
        self.chart.get(code).or_else(|| Chart::china().get(code))
    }

    /// What an event books. Nothing is booked for an amount of zero; a negative amount (a
    /// correction) is booked the other way round.
    ///
    /// # Panics
    /// When the kind has no such event or the event carries no such amount: what happens to a
    /// contract is code, and [`Kind::events`] lists it.
    pub fn postings(&self, event: &str, amounts: &[(&str, Amount)]) -> Vec<Posting> {
        let rules = self.rules.get(event).expect("the event is one of its kind");
        let some = amounts.iter().filter(|(_, amount)| !amount.is_zero());
        let posting = |(name, amount): &(&str, Amount)| {
            let rule = rules.iter().find(|rule| rule.amount == *name);
            rule.expect("the event carries the amount").posting(*amount)
        };
        some.map(posting).collect()
    }

    /// How an event is booked.
    pub fn rules(&self, event: &str) -> &[PostingRule] {
        self.rules.get(event).map_or(&[], Vec::as_slice)
    }

    /// The contract accounts in which a round trip of the kind leaves something.
    pub fn leftovers(&self, round_trip: &[(&str, &str)], chart: &Chart) -> Vec<AccountCode> {
        let mut balances: BTreeMap<AccountCode, i32> = BTreeMap::new();
        for (event, amount) in round_trip {
            for rule in self.rules(event).iter().filter(|rule| rule.amount == *amount) {
                *balances.entry(rule.debit).or_default() += 1;
                *balances.entry(rule.credit).or_default() -= 1;
            }
        }
        let of_contract =
            |code: &AccountCode| chart.get(*code).is_some_and(|it| it.per == Per::Contract);
        let left =
            balances.into_iter().filter(|(code, balance)| *balance != 0 && of_contract(code));
        left.map(|(code, _)| code).collect()
    }
}

impl PostingRule {
    fn posting(&self, amount: Amount) -> Posting {
        let Self { debit, credit, .. } = *self;
        match amount.checked_neg() {
            Some(opposite) if amount.is_negative() => {
                Posting { debit: credit, credit: debit, amount: opposite }
            }
            _ => Posting { debit, credit, amount },
        }
    }
}

impl Event {
    /// How the kind books the event.
    pub fn default_rules(&self) -> Vec<PostingRule> {
        let code = |text: &str| text.parse().expect("a kind's own codes are well formed");
        let rule = |(amount, debit, credit): &(&str, &str, &str)| PostingRule {
            debit: code(debit),
            credit: code(credit),
            amount: (*amount).to_owned(),
        };
        self.postings.iter().map(rule).collect()
    }

    /// The amounts the event carries.
    pub fn amounts(&self) -> impl Iterator<Item = &'static str> {
        self.postings.iter().map(|(amount, ..)| *amount)
    }
}
