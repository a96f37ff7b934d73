//! Institutions and the first keys to them.
//!
//! A key may do no more than its maker's, so nobody inside an institution could make the first
//! ones: they are made here, where the data is.

use std::collections::BTreeMap;

use bank::{Bank, Call, Caller, Role, keys::NewKey};
use clap::Args;
use jiff::tz::TimeZone;
use ledger::InstitutionId;
use serde::{Deserialize, Serialize};
use stdx::{Date, Digest, Id, Timestamp};

use crate::{
    data::{Data, Key},
    system,
};

/// Makes an institution and its first keys, while nothing else has the directory of the data.
#[derive(Args)]
pub(crate) struct Make {
    /// Its name.
    name: String,
    #[command(flatten)]
    data: Data,
    /// The first day it works on; today in China when absent.
    #[arg(long)]
    business_date: Option<Date>,
    /// The name of its business calendar.
    #[arg(long, default_value = "china")]
    calendar: String,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// Who works in an institution from its first day; they make the keys of the others.
const FIRST: [Role; 3] = [Role::Operator, Role::Approver, Role::Auditor];

/// An institution and its keys, by role. Whoever has a key's text is who it names.
#[derive(Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) institution: InstitutionId,
    pub(crate) keys: BTreeMap<Role, String>,
}

impl Make {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let bank = self.data.bank(Key::Made)?;
        let now = system::now();
        let date = self.business_date.unwrap_or_else(|| today(now));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let made = runtime.block_on(make(&bank, now, &self.name, date, &self.calendar, &FIRST))?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&made)?);
            return Ok(());
        }
        println!("{}\n\nkeys, shown this once:", made.institution);
        print!("{}", made.listed());
        Ok(())
    }
}

impl Made {
    /// A line for each key.
    pub(crate) fn listed(&self) -> String {
        let keys = self.keys.iter();
        keys.map(|(role, key)| format!("  {:<9} {key}\n", role.name())).collect()
    }
}

/// The date in China, where the platform's calendars are from.
pub(crate) fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::fixed(jiff::tz::offset(8))).date()
}

/// Makes an institution with a key for each role.
pub(crate) async fn make(
    bank: &Bank,
    now: Timestamp,
    name: &str,
    business_date: Date,
    calendar: &str,
    roles: &[Role],
) -> anyhow::Result<Made> {
    let institution = Id::new(now, &mut system::prng());
    let create = first_call(institution, Role::Operator, "first/institution", now);
    bank.create_institution(&create, name, business_date, calendar).await?;
    let mut keys = BTreeMap::new();
    for role in roles.iter().copied() {
        let name = format!("first-{}", role.name());
        let new = NewKey { name, role, sees_personal_data: role == Role::Auditor };
        let maker = if role == Role::Approver { Role::Approver } else { Role::Operator };
        let key = format!("first/key/{}", role.name());
        let call = first_call(institution, maker, &key, now);
        let (_, text) = bank.create_key(&call, &new).await?.answer;
        keys.insert(role, text.reveal().to_owned());
    }
    Ok(Made { institution, keys })
}

/// A command of the first hour, given here and not through a key.
pub(crate) fn first_call(
    institution: InstitutionId,
    role: Role,
    key: &str,
    now: Timestamp,
) -> Call {
    let actor = format!("first-{}", role.name());
    let caller = Caller { institution, actor, role, sees_personal_data: true };
    let digest = Digest::of(&[key.as_bytes()]);
    Call { caller, key: key.to_owned(), digest, now, seed: system::seed() }
}
