//! A party as it is shown.

use serde::Serialize;
use stdx::{Id, Timestamp};

use crate::{Consent, Document, Keys, Kind, KycLevel, Party, PersonalData, SealError, mask};

/// How much a viewer may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Personal data is masked: for everybody, unless a right says otherwise.
    Masked,
    /// Personal data is clear: for who holds the right, and each use of it is audited.
    Clear,
}

/// A party ready for a response. It has no `Debug`, since with [`Sight::Clear`] it holds personal
/// data. After erasure the personal fields are null and `erased_at` says why.
#[derive(Clone, Serialize)]
pub struct PartyView {
    /// Its id.
    pub id: Id<Party>,
    /// Person or company.
    pub kind: Kind,
    /// Name.
    pub name: Option<String>,
    /// Resident identity number or unified social credit code.
    pub id_number: Option<String>,
    /// Mobile number.
    pub mobile: Option<String>,
    /// Postal address.
    pub address: Option<String>,
    /// Bank card.
    pub bank_card: Option<String>,
    /// How well it is known.
    pub kyc_level: KycLevel,
    /// The documents it has shown.
    pub documents: Vec<Document>,
    /// Its consents, withdrawn ones too.
    pub consents: Vec<Consent>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its personal data was erased.
    pub erased_at: Option<Timestamp>,
}

/// Shows a party. An erased one is shown too, without its personal data: that it was erased is an
/// answer, not an error.
///
/// # Errors
/// Those of [`Party::open`] except [`SealError::Erased`].
pub fn view(party: &Party, keys: &Keys<'_>, sight: Sight) -> Result<PartyView, SealError> {
    let clear = match party.open(keys) {
        Ok(clear) => Some(clear),
        Err(SealError::Erased) => None,
        Err(error) => return Err(error),
    };
    let show = |text: &str, mask: fn(&str) -> String| match sight {
        Sight::Masked => mask(text),
        Sight::Clear => text.to_owned(),
    };
    let clear = clear.as_ref();
    let address = clear.and_then(|it| it.address.as_ref());
    let bank_card = clear.and_then(|it| it.bank_card.as_ref());
    Ok(PartyView {
        id: party.id,
        kind: party.kind,
        name: clear.map(|it: &PersonalData| show(it.name.reveal(), mask::name)),
        id_number: clear.map(|it| show(it.id_number.reveal(), mask::id_number)),
        mobile: clear.map(|it| show(it.mobile.reveal(), mask::mobile)),
        address: address.map(|it| show(it.reveal(), mask::address)),
        bank_card: bank_card.map(|it| show(it.reveal(), mask::bank_card)),
        kyc_level: party.kyc_level,
        documents: party.documents.clone(),
        consents: party.consents.clone(),
        created_at: party.created_at,
        erased_at: party.erased_at,
    })
}
