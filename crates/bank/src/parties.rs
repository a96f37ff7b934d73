//! Parties: registration, consents, checks.

use lending::application::{Applicant, ApplicantKind};
use money::Currency;
use party::{
    Amendment, BadField, Check, Document, Field, IdNumber, Kind, KycLevel, Method, Party,
    PartyView, Personal, Purpose, Registration, Sight,
};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};
use store::{Page, Stored, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    tables::{CLAIMS, PARTIES, PartyId, party_lane},
};

/// The answer to every command on a party.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartyChanged {
    /// Which party.
    pub id: PartyId,
    /// How well it is known now.
    pub kyc_level: KycLevel,
    /// The version of its record.
    pub version: u64,
}

impl Bank {
    /// Registers a person or a company.
    ///
    /// # Errors
    /// [`Refusal::Party`] with every bad field; [`Refusal::Exists`] when the institution has a
    /// party with this identity number.
    pub async fn register_party(
        &self,
        call: &Call,
        registration: &Registration,
    ) -> Result<Done<PartyChanged>, Refusal> {
        call.caller.must(Right::Parties)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let institution = self.institution(&call.caller).await?;
            let today = institution.record.business_date;
            let keys = self.keys(of);
            let party =
                party::party::register(registration, &keys, today, call.now, &mut call.prng())?;
            let index = party.index.expect("a new party has its indexes");
            let claim = Id::<()>::derived(&[index.id_number.as_bytes()]);
            let claimed = self.claimed(call, claim).await?;
            let mut commit = call.commit("register-party", party_lane(party.id), today);
            commit.put(&PARTIES, party.id, 0, &party);
            commit.put(&CLAIMS, claim, claimed, &party.id);
            commit.tell("party-registered", party.id, &party.kind);
            commit.answer(&PartyChanged { id: party.id, kyc_level: party.kyc_level, version: 1 });
            Ok(commit)
        })
        .await
    }

    /// The version of the claim to an identity number, which whoever registers it next has to
    /// expect: of two at the same moment, the second conflicts and finds it taken.
    async fn claimed(&self, call: &Call, claim: Id<()>) -> Result<u64, Refusal> {
        let of = call.caller.institution;
        let Some(claim) = self.store().get(&CLAIMS, of, claim).await? else { return Ok(0) };
        let party = self.need(&PARTIES, of, claim.record, "party").await?;
        // Who was erased is not known any more and may come again.
        if party.record.index.is_some() { Err(Refusal::Exists("party")) } else { Ok(claim.version) }
    }

    /// Changes a party by one of its commands.
    async fn change_party(
        &self,
        call: &Call,
        command: &'static str,
        event: &str,
        id: PartyId,
        change: impl Fn(&Versioned<Party>, Date) -> Result<Party, Refusal>,
    ) -> Result<Done<PartyChanged>, Refusal> {
        call.caller.must(Right::Parties)?;
        let of = call.caller.institution;
        let change = &change;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let before = self.need(&PARTIES, of, id, "party").await?;
            let after = change(&before, today)?;
            let mut commit = call.commit(command, party_lane(id), today);
            commit.put(&PARTIES, id, before.version, &after);
            commit.tell(event, id, &after.kyc_level);
            let version = before.version + 1;
            commit.answer(&PartyChanged { id, kyc_level: after.kyc_level, version });
            Ok(commit)
        })
        .await
    }

    /// Notes a consent with its purpose and the version of the text agreed to.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Party`].
    pub async fn give_consent(
        &self,
        call: &Call,
        id: PartyId,
        purpose: Purpose,
        text_version: &str,
    ) -> Result<Done<PartyChanged>, Refusal> {
        self.change_party(call, "give-consent", "consent-given", id, |party, _| {
            Ok(party.record.give_consent(purpose, text_version, call.now)?)
        })
        .await
    }

    /// Withdraws the consent for a purpose.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Party`].
    pub async fn withdraw_consent(
        &self,
        call: &Call,
        id: PartyId,
        purpose: Purpose,
    ) -> Result<Done<PartyChanged>, Refusal> {
        self.change_party(call, "withdraw-consent", "consent-withdrawn", id, |party, _| {
            Ok(party.record.withdraw_consent(purpose, call.now)?)
        })
        .await
    }

    /// Puts a document on file.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Party`].
    pub async fn add_document(
        &self,
        call: &Call,
        id: PartyId,
        document: &Document,
    ) -> Result<Done<PartyChanged>, Refusal> {
        self.change_party(call, "add-document", "document-added", id, |party, _| {
            Ok(party.record.add_document(document.clone())?)
        })
        .await
    }

    /// Notes a check of the identity and the level it supports.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Party`].
    pub async fn raise_kyc(
        &self,
        call: &Call,
        id: PartyId,
        to: KycLevel,
        method: Method,
        reference: &str,
    ) -> Result<Done<PartyChanged>, Refusal> {
        self.change_party(call, "raise-kyc", "kyc-raised", id, |party, today| {
            let reference = reference.to_owned();
            let check = Check { method, reference, checked_at: call.now };
            Ok(party.record.raise_kyc(to, check, today)?)
        })
        .await
    }

    /// Changes contact data of the version the caller has read.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Changed`], [`Refusal::Party`] with every bad field.
    pub async fn amend_party(
        &self,
        call: &Call,
        id: PartyId,
        version: u64,
        amendment: &Amendment,
    ) -> Result<Done<PartyChanged>, Refusal> {
        let keys = self.keys(call.caller.institution);
        self.change_party(call, "amend-party", "party-amended", id, |party, _| {
            if party.version != version {
                return Err(Refusal::Changed);
            }
            Ok(party.record.amend(amendment, &keys, &mut call.prng())?)
        })
        .await
    }

    /// A party, masked unless the caller may see it clear.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Party`] when its key cannot be used.
    pub async fn party(
        &self,
        caller: &Caller,
        id: PartyId,
    ) -> Result<Versioned<PartyView>, Refusal> {
        caller.must(Right::Read)?;
        let party = self.need(&PARTIES, caller.institution, id, "party").await?;
        self.show_version(caller, &party)
    }

    /// The party with an identity number or credit code, found by its keyed hash.
    ///
    /// # Errors
    /// [`Refusal::Party`] for a number that is none, [`Refusal::NotFound`].
    pub async fn find_party(
        &self,
        caller: &Caller,
        kind: Kind,
        id_number: &Personal,
    ) -> Result<Versioned<PartyView>, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        let today = self.institution(caller).await?.record.business_date;
        let number = IdNumber::parse(kind, id_number.reveal(), today).map_err(|fault| {
            party::Reject::Fields(vec![BadField { pointer: "/id_number", fault }])
        })?;
        let index = self.keys(of).blind_index(Field::IdNumber, number.reveal())?;
        let link = ("id-number", &*index.to_string());
        let found = self.store().find(&PARTIES, of, link, None, 1).await?.data;
        let (_, party) = found.first().ok_or(Refusal::NotFound("party"))?;
        self.show_version(caller, party)
    }

    /// Parties, oldest first.
    ///
    /// # Errors
    /// [`Refusal::Store`], [`Refusal::Party`] when a key cannot be used.
    pub async fn parties(
        &self,
        caller: &Caller,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<PartyView, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let page = self.store().list(&PARTIES, caller.institution, after, limit).await?;
        let shown =
            page.data.iter().map(|(_, party): &Stored<Party>| self.show(caller, &party.record));
        Ok(Page { data: shown.collect::<Result<_, _>>()?, next: page.next })
    }

    fn show_version(
        &self,
        caller: &Caller,
        party: &Versioned<Party>,
    ) -> Result<Versioned<PartyView>, Refusal> {
        let Versioned { version, lane, record } = party;
        Ok(Versioned { version: *version, lane: *lane, record: self.show(caller, record)? })
    }

    pub(crate) fn show(&self, caller: &Caller, party: &Party) -> Result<PartyView, Refusal> {
        let sight = if caller.sees_personal_data { Sight::Clear } else { Sight::Masked };
        Ok(party::view(party, &self.keys(caller.institution), sight)?)
    }

    /// What the rules of a product in a currency may know of a party.
    pub(crate) async fn applicant(
        &self,
        call: &Call,
        party: &Party,
        currency: Currency,
        today: Date,
    ) -> Result<Applicant, Refusal> {
        let clear = party.open(&self.keys(call.caller.institution))?;
        // The age of a company is not known from its number.
        let age = clear.id_number.resident().map_or(0, |it| u32::from(it.age_on(today)));
        let kind = match party.kind {
            Kind::Person => ApplicantKind::Person,
            Kind::Company => ApplicantKind::Company,
        };
        let (outstanding, days_past_due) = self.exposure(call, party.id, currency).await?;
        let kyc_level = name_of(&party.kyc_level);
        Ok(Applicant { age, kind, kyc_level, outstanding, days_past_due })
    }
}

/// The name a value has in JSON.
fn name_of(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
