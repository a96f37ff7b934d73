//! Parties: registration, contact data, consents, documents, KYC.

use axum::extract::State;
use bank::{parties::PartyChanged, tables::PartyId};
use party::{
    Amendment, Consent, Document, DocumentKind, KycLevel, Method, PartyView, Personal, Purpose,
    Registration,
};
use serde::{Deserialize, Serialize};
use stdx::Digest;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, PageView, created, done, page, versioned},
    request::{Asked, At, By, Command, IfMatch, Inquiry, Json, Nothing, PageOf},
    router::Api,
    schema,
    wire::{Day, Moment, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(register, list))
        .routes(routes!(get, amend))
        .routes(routes!(find))
        .routes(routes!(give_consent))
        .routes(routes!(withdraw_consent))
        .routes(routes!(add_document))
        .routes(routes!(raise_kyc))
}

/// A person or a company to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "kind": "person", "name": "张小明", "id_number": "110105199003072813",
    "mobile": "19900008000", "address": "北京市朝阳区建国路1号"
}))]
struct NewParty {
    /// Person or company.
    #[schema(value_type = schema::PartyKind)]
    kind: party::Kind,
    /// Name as on the document.
    #[schema(value_type = String)]
    name: Personal,
    /// Resident identity number (GB 11643) of a person, unified social credit code (GB 32100) of a
    /// company.
    #[schema(value_type = String)]
    id_number: Personal,
    /// Mobile number of the person or of the company's contact.
    #[schema(value_type = String)]
    mobile: Personal,
    /// Postal address, from the province down.
    #[schema(value_type = Option<String>)]
    address: Option<Personal>,
    /// Bank card money is paid to.
    #[schema(value_type = Option<String>)]
    bank_card: Option<Personal>,
}

/// The number a party is known by.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "kind": "person", "id_number": "110105199003072813" }))]
struct KnownBy {
    /// Person or company.
    #[schema(value_type = schema::PartyKind)]
    kind: party::Kind,
    /// Resident identity number of a person, unified social credit code of a company.
    #[schema(value_type = String)]
    id_number: Personal,
}

/// New contact data; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "mobile": "19900009000" }))]
struct Contact {
    /// Mobile number.
    #[schema(value_type = Option<String>)]
    mobile: Option<Personal>,
    /// Postal address.
    #[schema(value_type = Option<String>)]
    address: Option<Personal>,
    /// Bank card money is paid to.
    #[schema(value_type = Option<String>)]
    bank_card: Option<Personal>,
}

/// A consent to note.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "purpose": "credit-inquiry", "text_version": "credit-inquiry/2025-01"
}))]
struct NewConsent {
    /// What it is for.
    #[schema(value_type = schema::Purpose)]
    purpose: Purpose,
    /// The version of the text the party agreed to.
    text_version: String,
}

/// A document the party has shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "kind": "resident-id-card", "valid_until": "2035-06-01",
    "content": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}))]
struct NewDocument {
    /// What it is.
    #[schema(value_type = schema::DocumentKind)]
    kind: DocumentKind,
    /// SHA-256 of the picture or file, which stays with the caller, in hexadecimal.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    content: Digest,
    /// Last day of validity; absent when it does not expire (长期).
    valid_until: Option<Day>,
}

/// A check that confirmed the party's identity.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "level": "verified", "method": "register", "reference": "check-0001" }))]
struct NewCheck {
    /// The level it supports.
    #[schema(value_type = schema::KycLevel)]
    level: KycLevel,
    /// How it was made.
    #[schema(value_type = schema::CheckMethod)]
    method: Method,
    /// Where the evidence is.
    reference: String,
}

/// What came of a command on a party.
#[derive(Serialize, ToSchema)]
struct PartyChange {
    /// Which party.
    id: Name,
    /// How well it is known now.
    #[schema(value_type = schema::KycLevel)]
    kyc_level: KycLevel,
    /// The version of its record, which is also its `ETag`.
    version: u64,
}

/// A person or a company. Personal data is masked unless the key may see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Party)]
struct PartyBody {
    id: Name,
    /// Person or company.
    #[schema(value_type = schema::PartyKind)]
    kind: party::Kind,
    /// Name; null once erased, as are the four after it.
    #[schema(example = "张**")]
    name: Option<String>,
    /// Resident identity number or unified social credit code.
    #[schema(example = "110***********2813")]
    id_number: Option<String>,
    /// Mobile number.
    #[schema(example = "199****8000")]
    mobile: Option<String>,
    /// Postal address.
    address: Option<String>,
    /// Bank card.
    bank_card: Option<String>,
    /// How well it is known.
    #[schema(value_type = schema::KycLevel)]
    kyc_level: KycLevel,
    /// The documents it has shown, oldest first.
    documents: Vec<DocumentBody>,
    /// Its consents, oldest first, withdrawn ones too.
    consents: Vec<ConsentBody>,
    /// When it was registered.
    created_at: Moment,
    /// When its personal data was erased.
    erased_at: Option<Moment>,
}

/// A document a party has shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Document)]
struct DocumentBody {
    /// What it is.
    #[schema(value_type = schema::DocumentKind)]
    kind: DocumentKind,
    /// SHA-256 of the picture or file.
    #[schema(value_type = String)]
    content: Digest,
    /// Last day of validity; null when it does not expire.
    valid_until: Option<Day>,
    /// When it was added.
    added_at: Moment,
}

/// A consent as given and perhaps withdrawn.
#[derive(Serialize, ToSchema)]
#[schema(as = Consent)]
struct ConsentBody {
    /// What it is for.
    #[schema(value_type = schema::Purpose)]
    purpose: Purpose,
    /// The version of the text the party agreed to.
    text_version: String,
    /// When it was given.
    given_at: Moment,
    /// When it was withdrawn or replaced; null while it stands.
    withdrawn_at: Option<Moment>,
}

/// Register a party
///
/// Every field is checked against its standard and all that is wrong is reported at once. An
/// institution has each identity number once.
#[utoipa::path(
    post, path = "/v1/parties", tag = "parties", operation_id = "register_party",
    request_body = NewParty,
    responses((status = 201, description = "Registered.", body = PartyChange)),
    security(("key" = ["parties"])),
)]
async fn register(State(api): State<Api>, new: Command<Json<NewParty>>) -> Answer {
    let registered = api.bank.register_party(&new.call, &registration(new.body.0)).await?;
    created(registered, |it| format!("/v1/parties/{}", it.id), changed)
}

/// List parties
///
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/parties", tag = "parties", operation_id = "list_parties",
    params(PageOf),
    responses((status = 200, description = "A page.", body = PageView<PartyBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<PageOf>) -> Answer {
    page(api.bank.parties(&caller, of.0.after()?, of.0.limit).await?, view)
}

/// Read a party
#[utoipa::path(
    get, path = "/v1/parties/{party}", tag = "parties", operation_id = "get_party",
    params(("party" = Name, Path, description = "The party's id.")),
    responses((status = 200, description = "The party.", body = PartyBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<PartyId>) -> Answer {
    let party = api.bank.party(&caller, id).await?;
    versioned(party.version, view(party.record))
}

/// Find a party
///
/// By its identity number or credit code, which is in the body so that no log of addresses has it.
#[utoipa::path(
    post, path = "/v1/parties/lookup", tag = "parties", operation_id = "find_party",
    request_body = KnownBy,
    responses((status = 200, description = "The party.", body = PartyBody)),
    security(("key" = ["read"])),
)]
async fn find(State(api): State<Api>, asked: Inquiry<Json<KnownBy>>) -> Answer {
    let Inquiry { caller, body: Json(KnownBy { kind, id_number }) } = asked;
    let party = api.bank.find_party(&caller, kind, &id_number).await?;
    versioned(party.version, view(party.record))
}

/// Change contact data
///
/// A party with another name or identity number is another party, so these cannot be changed.
#[utoipa::path(
    patch, path = "/v1/parties/{party}", tag = "parties", operation_id = "amend_party",
    params(
        ("party" = Name, Path, description = "The party's id."),
        ("If-Match" = String, Header, description = "The `ETag` the party was read with.",
            example = "\"1\""),
    ),
    request_body = Contact,
    responses((status = 200, description = "Changed.", body = PartyChange)),
    security(("key" = ["parties"])),
)]
async fn amend(
    State(api): State<Api>,
    At(id): At<PartyId>,
    IfMatch(version): IfMatch,
    contact: Command<Json<Contact>>,
) -> Answer {
    let Contact { mobile, address, bank_card } = contact.body.0;
    let amendment = Amendment { mobile, address, bank_card };
    done(api.bank.amend_party(&contact.call, id, version, &amendment).await?, changed)
}

/// Note a consent
///
/// One consent is for one purpose and one version of the text. Consent to a new version replaces
/// the one before.
#[utoipa::path(
    post, path = "/v1/parties/{party}/consents", tag = "parties", operation_id = "give_consent",
    params(("party" = Name, Path, description = "The party's id.")),
    request_body = NewConsent,
    responses((status = 200, description = "Noted.", body = PartyChange)),
    security(("key" = ["parties"])),
)]
async fn give_consent(
    State(api): State<Api>,
    At(id): At<PartyId>,
    new: Command<Json<NewConsent>>,
) -> Answer {
    let NewConsent { purpose, text_version } = new.body.0;
    done(api.bank.give_consent(&new.call, id, purpose, &text_version).await?, changed)
}

/// Withdraw a consent
///
/// What was done before stays lawful, and the consent stays on file as withdrawn.
#[utoipa::path(
    delete, path = "/v1/parties/{party}/consents/{purpose}", tag = "parties",
    operation_id = "withdraw_consent",
    params(
        ("party" = Name, Path, description = "The party's id."),
        ("purpose" = String, Path, description = "What the consent is for.",
            example = "credit-inquiry"),
    ),
    responses((status = 200, description = "Withdrawn.", body = PartyChange)),
    security(("key" = ["parties"])),
)]
async fn withdraw_consent(
    State(api): State<Api>,
    At((id, purpose)): At<(PartyId, Purpose)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.withdraw_consent(&command.call, id, purpose).await?, changed)
}

/// Add a document
///
/// The picture itself stays with the caller; its digest pins it.
#[utoipa::path(
    post, path = "/v1/parties/{party}/documents", tag = "parties", operation_id = "add_document",
    params(("party" = Name, Path, description = "The party's id.")),
    request_body = NewDocument,
    responses((status = 200, description = "Added.", body = PartyChange)),
    security(("key" = ["parties"])),
)]
async fn add_document(
    State(api): State<Api>,
    At(id): At<PartyId>,
    new: Command<Json<NewDocument>>,
) -> Answer {
    let NewDocument { kind, content, valid_until } = new.body.0;
    let valid_until = valid_until.map(|it| it.0);
    let document = Document { kind, content, valid_until, added_at: new.call.now };
    done(api.bank.add_document(&new.call, id, &document).await?, changed)
}

/// Raise the KYC level
///
/// Notes a check that confirmed the identity, and the level it supports.
#[utoipa::path(
    post, path = "/v1/parties/{party}/kyc", tag = "parties", operation_id = "raise_kyc",
    params(("party" = Name, Path, description = "The party's id.")),
    request_body = NewCheck,
    responses((status = 200, description = "Raised.", body = PartyChange)),
    security(("key" = ["parties"])),
)]
async fn raise_kyc(
    State(api): State<Api>,
    At(id): At<PartyId>,
    new: Command<Json<NewCheck>>,
) -> Answer {
    let NewCheck { level, method, reference } = new.body.0;
    done(api.bank.raise_kyc(&new.call, id, level, method, &reference).await?, changed)
}

fn registration(new: NewParty) -> Registration {
    let NewParty { kind, name, id_number, mobile, address, bank_card } = new;
    Registration { kind, name, id_number, mobile, address, bank_card }
}

fn changed(change: PartyChanged) -> PartyChange {
    let PartyChanged { id, kyc_level, version } = change;
    PartyChange { id: id.into(), kyc_level, version }
}

fn view(party: PartyView) -> PartyBody {
    PartyBody {
        id: party.id.into(),
        kind: party.kind,
        name: party.name,
        id_number: party.id_number,
        mobile: party.mobile,
        address: party.address,
        bank_card: party.bank_card,
        kyc_level: party.kyc_level,
        documents: party.documents.into_iter().map(document).collect(),
        consents: party.consents.into_iter().map(consent).collect(),
        created_at: Moment(party.created_at),
        erased_at: party.erased_at.map(Moment),
    }
}

fn document(document: Document) -> DocumentBody {
    let Document { kind, content, valid_until, added_at } = document;
    let valid_until = valid_until.map(Day);
    DocumentBody { kind, content, valid_until, added_at: Moment(added_at) }
}

fn consent(consent: Consent) -> ConsentBody {
    let Consent { purpose, text_version, given_at, withdrawn_at } = consent;
    let withdrawn_at = withdrawn_at.map(Moment);
    ConsentBody { purpose, text_version, given_at: Moment(given_at), withdrawn_at }
}
