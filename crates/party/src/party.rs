//! The record of a party and what can be done with it.
//!
//! A command takes the record and answers with the next version of it; the caller commits that.
//! A registration checks every field and reports all that is wrong at once.

use std::fmt;

use serde::{Deserialize, Serialize};
use stdx::{Date, Digest, Id, Prng, Timestamp};

use crate::{
    BadField, BankCard, Check, Consent, CreditCode, Document, Fault, Field, KeyProvider, Keys,
    KycLevel, Method, Mobile, Personal, Purpose, ResidentId, SealError, Sealed, WrappedKey, fault,
};

/// Most characters of a name.
pub const NAME_MAX: usize = 100;
/// Most characters of an address.
pub const ADDRESS_MAX: usize = 200;
/// Most characters of a consent's text version and of a check's reference.
pub const REFERENCE_MAX: usize = 100;
/// Most consents, documents and checks of one party, each.
pub const ENTRIES_MAX: usize = 200;

const NAME: &str = "name: 1 to 100 characters, no control characters";
const ADDRESS: &str = "address: 1 to 200 characters, no control characters";
const REFERENCE: &str = "reference: 1 to 100 characters, no control characters";

/// What a party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A natural person, known by a resident identity number.
    Person,
    /// A legal person or other organisation, known by a unified social credit code.
    Company,
}

/// What somebody says about a party when it is registered; nothing is checked yet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Person or company.
    pub kind: Kind,
    /// Name as on the document.
    pub name: Personal,
    /// Resident identity number of a person, unified social credit code of a company.
    pub id_number: Personal,
    /// Mobile number of the person or of the company's contact.
    pub mobile: Personal,
    /// Postal address, from the province down.
    pub address: Option<Personal>,
    /// Bank card money is paid to.
    pub bank_card: Option<Personal>,
}

/// The number that identifies a party to the state.
#[derive(Clone, Debug)]
pub enum IdNumber {
    /// Of a person.
    Resident(ResidentId),
    /// Of a company.
    Credit(CreditCode),
}

impl IdNumber {
    /// Reads the number a party of this kind has.
    ///
    /// # Errors
    /// Those of [`ResidentId::parse`] or [`CreditCode::parse`].
    pub fn parse(kind: Kind, text: &str, today: Date) -> Result<Self, Fault> {
        match kind {
            Kind::Person => ResidentId::parse(text, today).map(Self::Resident),
            Kind::Company => CreditCode::parse(text).map(Self::Credit),
        }
    }

    /// The characters.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Resident(number) => number.reveal(),
            Self::Credit(code) => code.reveal(),
        }
    }

    /// The resident identity number, when it is a person's.
    pub fn resident(&self) -> Option<&ResidentId> {
        match self {
            Self::Resident(number) => Some(number),
            Self::Credit(_) => None,
        }
    }
}

/// New contact data; what is none stays as it is. The name and the identity number are not here:
/// a party with other ones is another party, or has to be identified again.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Amendment {
    /// Mobile number.
    pub mobile: Option<Personal>,
    /// Postal address.
    pub address: Option<Personal>,
    /// Bank card money is paid to.
    pub bank_card: Option<Personal>,
}

/// The personal data of a party, checked and in the clear. Hold it briefly.
#[derive(Clone, Debug)]
pub struct PersonalData {
    /// Name.
    pub name: Personal,
    /// Identity number or credit code.
    pub id_number: IdNumber,
    /// Mobile number.
    pub mobile: Mobile,
    /// Postal address.
    pub address: Option<Personal>,
    /// Bank card.
    pub bank_card: Option<BankCard>,
}

impl PersonalData {
    /// Checks a registration.
    ///
    /// # Errors
    /// Every field that does not keep its rule, in the order of the fields.
    pub fn check(input: &Registration, today: Date) -> Result<Self, Vec<BadField>> {
        let mut bad = Vec::new();
        let id_number = IdNumber::parse(input.kind, input.id_number.reveal(), today);
        let name = note(&mut bad, "/name", plain(&input.name, NAME_MAX, NAME));
        let id_number = note(&mut bad, "/id_number", id_number);
        let mobile = note(&mut bad, "/mobile", Mobile::parse(input.mobile.reveal()));
        let address = note(&mut bad, "/address", check_address(input.address.as_ref()));
        let bank_card = note(&mut bad, "/bank_card", check_card(input.bank_card.as_ref()));
        match (name, id_number, mobile, address, bank_card) {
            (Some(name), Some(id_number), Some(mobile), Some(address), Some(bank_card)) => {
                Ok(Self { name, id_number, mobile, address, bank_card })
            }
            _ => Err(bad),
        }
    }
}

/// Blind indexes of a party: what it can be found by. They go with the data when it is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Of the identity number or credit code.
    pub id_number: Digest,
    /// Of the mobile number.
    pub mobile: Digest,
}

/// A person or company as stored. Safe to print and to serialize: personal data is [`Sealed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its id.
    pub id: Id<Party>,
    /// Person or company.
    pub kind: Kind,
    /// Name.
    pub name: Sealed,
    /// Resident identity number or unified social credit code.
    pub id_number: Sealed,
    /// Mobile number.
    pub mobile: Sealed,
    /// Postal address.
    pub address: Option<Sealed>,
    /// Bank card.
    pub bank_card: Option<Sealed>,
    /// The key of the fields above; none once erased.
    pub key: Option<WrappedKey>,
    /// What it can be found by; none once erased.
    pub index: Option<Index>,
    /// How well it is known.
    pub kyc_level: KycLevel,
    /// The checks that confirmed its identity, oldest first.
    pub checks: Vec<Check>,
    /// The documents it has shown, oldest first.
    pub documents: Vec<Document>,
    /// Its consents, oldest first; withdrawn ones stay.
    pub consents: Vec<Consent>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its personal data was erased.
    pub erased_at: Option<Timestamp>,
}

/// Why a command on a party was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reject {
    /// Fields do not keep their rules; all of them are listed.
    Fields(Vec<BadField>),
    /// The party's personal data was erased; nothing more can be done with it.
    Erased,
    /// A consent for this purpose and text stands already.
    ConsentStands,
    /// No consent for this purpose stands.
    NoConsent,
    /// The party is known better than that already.
    KycLower,
    /// The level asks for a check made in person.
    KycNotInPerson,
    /// The level asks for a valid identity document that is not on file.
    KycDocumentMissing,
    /// The party has as many entries of this sort as it may have.
    TooMany,
    /// A key could not be used.
    Seal(SealError),
}

impl Reject {
    /// The stable name of the refusal, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fields(_) => "invalid-party-fields",
            Self::Erased => "party-erased",
            Self::ConsentStands => "consent-already-given",
            Self::NoConsent => "consent-not-given",
            Self::KycLower => "kyc-level-lower",
            Self::KycNotInPerson => "kyc-check-not-in-person",
            Self::KycDocumentMissing => "kyc-document-missing",
            Self::TooMany => "party-entries-limit",
            Self::Seal(error) => error.code(),
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(bad) => {
                let lines: Vec<_> = bad.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Erased => f.write_str("The party's personal data was erased; register it anew."),
            Self::ConsentStands => {
                f.write_str("The party has already agreed to this text for this purpose.")
            }
            Self::NoConsent => f.write_str("No consent for this purpose stands."),
            Self::KycLower => f.write_str("The party is already known better than that."),
            Self::KycNotInPerson => {
                f.write_str("Face-to-face is for a check by staff who met the party.")
            }
            Self::KycDocumentMissing => {
                f.write_str("Add an identity document that is valid today first.")
            }
            Self::TooMany => write!(f, "A party has at most {ENTRIES_MAX} entries of a sort."),
            Self::Seal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Reject {}

/// Registers a party: checks everything, then encrypts it under a new key. A party starts at
/// [`KycLevel::Declared`]. Whether the institution has it already is for the caller to find by
/// [`Party::index`].
///
/// # Errors
/// [`Reject::Fields`] with all bad fields, [`Reject::Seal`] when no key could be made.
pub fn register(
    input: &Registration,
    keys: &Keys<'_>,
    today: Date,
    now: Timestamp,
    prng: &mut Prng,
) -> Result<Party, Reject> {
    let clear = PersonalData::check(input, today).map_err(Reject::Fields)?;
    let id = Id::new(now, prng);
    let (cipher, key) = keys.create(id, prng).map_err(Reject::Seal)?;
    let index = index(&clear, keys).map_err(Reject::Seal)?;
    let mut seal = |field, text: &str| cipher.seal(field, text, prng);
    Ok(Party {
        id,
        kind: input.kind,
        name: seal(Field::Name, clear.name.reveal()),
        id_number: seal(Field::IdNumber, clear.id_number.reveal()),
        mobile: seal(Field::Mobile, clear.mobile.reveal()),
        address: clear.address.as_ref().map(|it| seal(Field::Address, it.reveal())),
        bank_card: clear.bank_card.as_ref().map(|it| seal(Field::BankCard, it.reveal())),
        key: Some(key),
        index: Some(index),
        kyc_level: KycLevel::Declared,
        checks: Vec::new(),
        documents: Vec::new(),
        consents: Vec::new(),
        created_at: now,
        erased_at: None,
    })
}

impl Party {
    /// Decrypts the personal data.
    ///
    /// # Errors
    /// [`SealError::Erased`] after [`Party::erase`]; otherwise the key could not be used or the
    /// record was tampered with.
    pub fn open(&self, keys: &Keys<'_>) -> Result<PersonalData, SealError> {
        let cipher = keys.unlock(self.id, self.key.as_ref())?;
        let read = |field, sealed: &Sealed| cipher.open(field, sealed);
        let wrong = |field: Field| move |_| SealError::Altered { what: field.name() };
        let id_number = read(Field::IdNumber, &self.id_number)?;
        let mobile = read(Field::Mobile, &self.mobile)?;
        let address = self.address.as_ref().map(|it| read(Field::Address, it)).transpose()?;
        let bank_card = self.bank_card.as_ref().map(|it| read(Field::BankCard, it)).transpose()?;
        let bank_card = bank_card.map(|it| BankCard::parse(it.reveal())).transpose();
        Ok(PersonalData {
            name: read(Field::Name, &self.name)?,
            // The date was judged at registration.
            id_number: IdNumber::parse(self.kind, id_number.reveal(), Date::MAX)
                .map_err(wrong(Field::IdNumber))?,
            mobile: Mobile::parse(mobile.reveal()).map_err(wrong(Field::Mobile))?,
            address,
            bank_card: bank_card.map_err(wrong(Field::BankCard))?,
        })
    }

    /// Replaces contact data.
    ///
    /// # Errors
    /// [`Reject::Fields`] with all bad fields; [`Reject::Seal`] when the key cannot be used;
    /// [`Reject::Erased`].
    pub fn amend(
        &self,
        input: &Amendment,
        keys: &Keys<'_>,
        prng: &mut Prng,
    ) -> Result<Self, Reject> {
        self.must_be_readable()?;
        let mut bad = Vec::new();
        let mobile = input.mobile.as_ref().map(|it| Mobile::parse(it.reveal())).transpose();
        let mobile = note(&mut bad, "/mobile", mobile).flatten();
        let address = note(&mut bad, "/address", check_address(input.address.as_ref())).flatten();
        let card = note(&mut bad, "/bank_card", check_card(input.bank_card.as_ref())).flatten();
        if !bad.is_empty() {
            return Err(Reject::Fields(bad));
        }
        let cipher = keys.unlock(self.id, self.key.as_ref()).map_err(Reject::Seal)?;
        let mut next = self.clone();
        if let Some(mobile) = mobile {
            let found_by = keys.blind_index(Field::Mobile, mobile.reveal());
            let found_by = found_by.map_err(Reject::Seal)?;
            next.index = next.index.map(|index| Index { mobile: found_by, ..index });
            next.mobile = cipher.seal(Field::Mobile, mobile.reveal(), prng);
        }
        if let Some(address) = address {
            next.address = Some(cipher.seal(Field::Address, address.reveal(), prng));
        }
        if let Some(card) = card {
            next.bank_card = Some(cipher.seal(Field::BankCard, card.reveal(), prng));
        }
        Ok(next)
    }

    /// The consent for a purpose that stands, if one does.
    pub fn consent(&self, purpose: Purpose) -> Option<&Consent> {
        self.consents.iter().rev().find(|it| it.purpose == purpose && it.stands())
    }

    /// Notes a consent. One to an older text of the same purpose ends here: the new text is what
    /// the party agrees to now (PIPL article 14).
    ///
    /// # Errors
    /// [`Reject::ConsentStands`] for the same purpose and text; [`Reject::Fields`] for a text
    /// version that is no proper reference; [`Reject::TooMany`]; [`Reject::Erased`].
    pub fn give_consent(
        &self,
        purpose: Purpose,
        text_version: &str,
        now: Timestamp,
    ) -> Result<Self, Reject> {
        self.must_be_readable()?;
        reference("/text_version", text_version)?;
        room(&self.consents)?;
        if self.consent(purpose).is_some_and(|it| it.text_version == text_version) {
            return Err(Reject::ConsentStands);
        }
        let mut next = self.clone();
        next.end_consents(purpose, now);
        let text_version = text_version.to_owned();
        next.consents.push(Consent { purpose, text_version, given_at: now, withdrawn_at: None });
        Ok(next)
    }

    /// Withdraws the consent for a purpose. What was done on it before stays lawful (PIPL article
    /// 15, not verified). It works after erasure too: the right to withdraw does not end.
    ///
    /// # Errors
    /// [`Reject::NoConsent`] when none stands.
    pub fn withdraw_consent(&self, purpose: Purpose, now: Timestamp) -> Result<Self, Reject> {
        self.consent(purpose).ok_or(Reject::NoConsent)?;
        let mut next = self.clone();
        next.end_consents(purpose, now);
        Ok(next)
    }

    /// Puts a document on file.
    ///
    /// # Errors
    /// [`Reject::TooMany`]; [`Reject::Erased`].
    pub fn add_document(&self, document: Document) -> Result<Self, Reject> {
        self.must_be_readable()?;
        room(&self.documents)?;
        let mut next = self.clone();
        next.documents.push(document);
        Ok(next)
    }

    /// Adds a check and sets the level it supports. The level may stay the same: a further check
    /// by another channel is worth noting. [`KycLevel::FaceToFace`] asks for a check in person
    /// and an identity document valid `today`.
    ///
    /// # Errors
    /// [`Reject::KycLower`], [`Reject::KycNotInPerson`], [`Reject::KycDocumentMissing`];
    /// [`Reject::Fields`] for an improper reference; [`Reject::TooMany`]; [`Reject::Erased`].
    pub fn raise_kyc(&self, to: KycLevel, check: Check, today: Date) -> Result<Self, Reject> {
        self.must_be_readable()?;
        reference("/reference", &check.reference)?;
        room(&self.checks)?;
        if to < self.kyc_level {
            return Err(Reject::KycLower);
        }
        if to == KycLevel::FaceToFace {
            self.may_be_face_to_face(&check, today)?;
        }
        let mut next = self.clone();
        next.kyc_level = to;
        next.checks.push(check);
        Ok(next)
    }

    /// Erases the personal data for good: without its key every copy of the ciphertexts, in the
    /// history and in backups, is noise. The evidence that points at the person goes too;
    /// consents stay, as the institution has to prove them. Doing it twice changes nothing.
    ///
    /// Whether the law lets it happen yet, such as after the years that anti-money-laundering
    /// rules keep identity data for, is the caller's question.
    #[must_use]
    pub fn erase(&self, now: Timestamp) -> Self {
        Self {
            key: None,
            index: None,
            kyc_level: KycLevel::None,
            checks: Vec::new(),
            documents: Vec::new(),
            erased_at: self.erased_at.or(Some(now)),
            ..self.clone()
        }
    }

    /// Moves the party from an old master key to a new one: its key is wrapped anew and its blind
    /// indexes are made anew, the ciphertexts stay. Nothing happens to an erased party.
    ///
    /// # Errors
    /// Those of opening the record with the old keys.
    pub fn rekey(
        &self,
        old: &Keys<'_>,
        new: &dyn KeyProvider,
        prng: &mut Prng,
    ) -> Result<Self, SealError> {
        let Some(key) = &self.key else { return Ok(self.clone()) };
        let new = old.with_provider(new);
        let index = index(&self.open(old)?, &new)?;
        let key = old.rewrap(&new, self.id, key, prng)?;
        Ok(Self { key: Some(key), index: Some(index), ..self.clone() })
    }

    fn must_be_readable(&self) -> Result<(), Reject> {
        self.key.as_ref().map(|_| ()).ok_or(Reject::Erased)
    }

    fn may_be_face_to_face(&self, check: &Check, today: Date) -> Result<(), Reject> {
        if check.method != Method::InPerson {
            return Err(Reject::KycNotInPerson);
        }
        let on_file = self.documents.iter().any(|it| it.identifies(self.kind, today));
        if on_file { Ok(()) } else { Err(Reject::KycDocumentMissing) }
    }

    fn end_consents(&mut self, purpose: Purpose, now: Timestamp) {
        let standing = self.consents.iter_mut().filter(|it| it.purpose == purpose && it.stands());
        standing.for_each(|it| it.withdrawn_at = Some(now));
    }
}

fn index(clear: &PersonalData, keys: &Keys<'_>) -> Result<Index, SealError> {
    Ok(Index {
        id_number: keys.blind_index(Field::IdNumber, clear.id_number.reveal())?,
        mobile: keys.blind_index(Field::Mobile, clear.mobile.reveal())?,
    })
}

fn check_address(given: Option<&Personal>) -> Result<Option<Personal>, Fault> {
    given.map(|it| plain(it, ADDRESS_MAX, ADDRESS)).transpose()
}

fn check_card(given: Option<&Personal>) -> Result<Option<BankCard>, Fault> {
    given.map(|it| BankCard::parse(it.reveal())).transpose()
}

/// Keeps what passed and notes what did not.
fn note<T>(bad: &mut Vec<BadField>, pointer: &'static str, checked: Result<T, Fault>) -> Option<T> {
    checked.map_err(|fault| bad.push(BadField { pointer, fault })).ok()
}

/// Text of people: trimmed, not empty, no control characters.
fn plain(text: &Personal, max: usize, rule: &'static str) -> Result<Personal, Fault> {
    let text = text.reveal().trim();
    fault::length(text, 1, max, rule)?;
    fault::characters(text, rule, |_, it| !it.is_control())?;
    Ok(Personal::new(text))
}

fn reference(pointer: &'static str, text: &str) -> Result<(), Reject> {
    let checked = fault::length(text, 1, REFERENCE_MAX, REFERENCE)
        .and_then(|()| fault::characters(text, REFERENCE, |_, it| !it.is_control()));
    checked.map_err(|fault| Reject::Fields(vec![BadField { pointer, fault }]))
}

fn room<T>(entries: &[T]) -> Result<(), Reject> {
    if entries.len() < ENTRIES_MAX { Ok(()) } else { Err(Reject::TooMany) }
}
