//! The kinds of product. One line per file; a new kind is its file and its line.

use schemars::{Schema, SchemaGenerator};

use crate::{
    chart::Chart,
    check::Check,
    definition::Definition,
    simulate::{Request, Simulation, SimulationReject},
};

pub mod current_account;
pub mod instalment_loan;
pub mod revolving_credit;
pub mod term_deposit;

/// Every kind, by name.
pub const ALL: &[Kind] =
    &[current_account::KIND, instalment_loan::KIND, revolving_credit::KIND, term_deposit::KIND];

/// A kind of product: the code behind definitions.
#[derive(Debug)]
pub struct Kind {
    /// Its name in a definition.
    pub name: &'static str,
    /// What people call it.
    pub title: Title,
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// A complete definition in YAML: the first page of its reference, and a test.
    pub example: &'static str,
    /// The schema of its terms.
    pub terms_schema: fn(&mut SchemaGenerator) -> Schema,
    /// Reports what is wrong with the meaning of its terms.
    pub check: fn(&mut Check<'_>),
    /// What can happen to a contract, and how it is booked.
    pub events: &'static [Event],
    /// Sequences of (event, amount) after which a contract's accounts are empty again.
    pub round_trips: &'static [&'static [(&'static str, &'static str)]],
    /// What a contract would do.
    pub simulate: fn(&Definition, &Request, &Chart) -> Result<Simulation, SimulationReject>,
}

/// A name in both languages of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Title {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// Something that happens to a contract and moves money.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its name in templates and books. Frozen: books refer to it.
    pub name: &'static str,
    /// What people call it.
    pub title: Title,
    /// The amounts it carries, and the accounts of the default chart each is debited and credited
    /// to.
    pub postings: &'static [(&'static str, &'static str, &'static str)],
}

impl Kind {
    /// The kind with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|kind| kind.name == name)
    }

    /// The event with this name.
    pub fn event(&self, name: &str) -> Option<&'static Event> {
        self.events.iter().find(|event| event.name == name)
    }
}
