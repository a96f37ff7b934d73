//! All tests of the crate; one module per subject.

mod masks;
mod numbers;
mod parties;
mod sealing;

use stdx::{Date, Id, Prng, Timestamp};

use crate::{
    BankCard, CreditCode, Keys, Kind, MasterKey, Mobile, Party, Personal, Registration, ResidentId,
    party,
};

/// The day of all tests.
const TODAY: Date = Date::constant(2026, 3, 16);

fn now() -> Timestamp {
    "2026-03-16T08:00:00Z".parse().unwrap()
}

fn master(seed: u64) -> MasterKey {
    MasterKey::new(Prng::stream(seed, "master").bytes())
}

fn keys(master: &MasterKey, institution: u8) -> Keys<'_> {
    Keys::new(master, Id::from_bytes([institution; 16]))
}

/// A person nobody is: every number comes from a sample constructor.
fn person() -> Registration {
    let born = Date::constant(1990, 7, 8);
    Registration {
        kind: Kind::Person,
        name: Personal::new("张三丰"),
        id_number: Personal::new(ResidentId::sample(110_105, born, 2).reveal()),
        mobile: Personal::new(Mobile::sample(8_000).reveal()),
        address: Some(Personal::new("浙江省杭州市西湖区文三路1号")),
        bank_card: Some(Personal::new(BankCard::sample(7).reveal())),
    }
}

fn company() -> Registration {
    Registration {
        kind: Kind::Company,
        name: Personal::new("样例商贸有限公司"),
        id_number: Personal::new(CreditCode::sample(350_100, 1).reveal()),
        mobile: Personal::new(Mobile::sample(8_001).reveal()),
        address: None,
        bank_card: None,
    }
}

/// A message broken into lines that fit a snapshot.
fn wrapped(message: &str) -> String {
    message.replace("; ", ";\n  ").replace(" (", "\n  (")
}

fn register(input: &Registration, keys: &Keys<'_>) -> Party {
    let mut prng = Prng::stream(1, "register");
    party::register(input, keys, TODAY, now(), &mut prng).unwrap()
}
