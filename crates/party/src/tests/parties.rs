use expect_test::{Expect, expect};
use stdx::{Date, Digest, Id, Prng, Timestamp};

use super::{TODAY, company, keys, master, now, person, register, wrapped};
use crate::{
    Amendment, BadField, Check, DataKey, Document, DocumentKind, Fault, Field, KeyId, KeyProvider,
    Keys, KycLevel, Method, Party, Personal, Purpose, Registration, Reject, ResidentId, SealError,
    Sight, WrappedKey, party, view,
};

fn codes(reject: &Reject) -> Vec<String> {
    let Reject::Fields(bad) = reject else { return vec![reject.code().to_owned()] };
    bad.iter().map(|it| format!("{} {}", it.pointer, it.fault.code())).collect()
}

fn refused(input: &Registration) -> Vec<String> {
    let mut prng = Prng::stream(1, "refused");
    let result = party::register(input, &keys(&master(1), 1), TODAY, now(), &mut prng);
    codes(&result.unwrap_err())
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

#[test]
fn a_registered_party_opens_to_what_was_given() {
    let master = master(1);
    let keys = keys(&master, 1);
    for input in [person(), company()] {
        let party = register(&input, &keys);
        assert_eq!(party.kyc_level, KycLevel::Declared);
        let clear = party.open(&keys).unwrap();
        assert_eq!(clear.name.reveal(), input.name.reveal());
        assert_eq!(clear.id_number.reveal(), input.id_number.reveal());
        assert_eq!(clear.mobile.reveal(), input.mobile.reveal());
        let given = input.address.as_ref().map(Personal::reveal);
        assert_eq!(clear.address.as_ref().map(Personal::reveal), given);
        let given = input.bank_card.as_ref().map(Personal::reveal);
        assert_eq!(clear.bank_card.as_ref().map(|it| it.reveal()), given);
        let index = keys.blind_index(Field::IdNumber, input.id_number.reveal()).unwrap();
        assert_eq!(party.index.unwrap().id_number, index);
    }
}

#[test]
fn a_product_can_ask_for_the_age() {
    let master = master(1);
    let clear = register(&person(), &keys(&master, 1)).open(&keys(&master, 1)).unwrap();
    assert_eq!(clear.id_number.resident().unwrap().age_on(TODAY), 35);
    let clear = register(&company(), &keys(&master, 1)).open(&keys(&master, 1)).unwrap();
    assert!(clear.id_number.resident().is_none());
}

#[test]
fn a_record_survives_json() {
    let party = register(&person(), &keys(&master(1), 1));
    let json = serde_json::to_string(&party).unwrap();
    assert_eq!(serde_json::from_str::<Party>(&json).unwrap(), party);
}

#[test]
fn all_bad_fields_are_reported_at_once() {
    let mut input = person();
    input.name = Personal::new(" ");
    input.id_number = Personal::new("110105199007080025");
    input.mobile = Personal::new("12345");
    input.address = Some(Personal::new("西湖区\u{7}"));
    input.bank_card = Some(Personal::new("4111111111111112"));
    let expected = [
        "/name missing",
        "/id_number wrong-checksum",
        "/mobile wrong-length",
        "/address wrong-character",
        "/bank_card wrong-checksum",
    ];
    assert_eq!(refused(&input), expected);
}

#[test]
fn a_refusal_reads_as_help() {
    let mut input = person();
    let number = ResidentId::sample(110_105, Date::constant(1990, 7, 8), 2);
    input.id_number = Personal::new(format!("{}5", &number.reveal()[..17]));
    input.name = Personal::new("长".repeat(101));
    let mut prng = Prng::stream(1, "help");
    let reject = party::register(&input, &keys(&master(1), 1), TODAY, now(), &mut prng);
    let text = wrapped(&reject.unwrap_err().to_string());
    expect![[r#"
        /name: It has 101 characters and must have 1 to 100.
          (name: 1 to 100 characters, no control characters)
        /id_number: A character is mistyped: the last is `5`, the others ask for `8`;
          compare with the document.
          (GB 11643-1999, check code: ISO 7064 MOD 11-2)"#]]
    .assert_eq(&text);
}

#[test]
fn a_company_is_known_by_a_credit_code_and_a_person_by_a_resident_number() {
    let (mut as_company, mut as_person) = (company(), person());
    std::mem::swap(&mut as_company.id_number, &mut as_person.id_number);
    assert_eq!(refused(&as_company), ["/id_number wrong-checksum"]);
    assert_eq!(refused(&as_person), ["/id_number wrong-character"]);
}

#[test]
fn a_registration_refuses_fields_it_does_not_know() {
    let text = r#"{"kind":"person","name":"张三丰","id_number":"","mobile":"","phone":""}"#;
    let error = serde_json::from_str::<Registration>(text).unwrap_err().to_string();
    assert!(error.contains("unknown field `phone`"), "{error}");
    let text = text.replace(r#","phone":"""#, "");
    let input: Registration = serde_json::from_str(&text).unwrap();
    assert_eq!(input.name.reveal(), "张三丰");
}

#[test]
fn amending_replaces_what_is_given_and_nothing_else() {
    let master = master(1);
    let keys = keys(&master, 1);
    let before = register(&person(), &keys);
    let mut prng = Prng::stream(2, "amend");
    let mobile = Some(Personal::new("13900000001"));
    let input = Amendment { mobile, ..Amendment::default() };
    let after = before.amend(&input, &keys, &mut prng).unwrap();
    assert_eq!(after.open(&keys).unwrap().mobile.reveal(), "13900000001");
    let (old, new) = (before.index.unwrap(), after.index.unwrap());
    assert_eq!(new.mobile, keys.blind_index(Field::Mobile, "13900000001").unwrap());
    assert_eq!((new.id_number, &after.address), (old.id_number, &before.address));

    let bad = Some(Personal::new("1"));
    let input = Amendment { mobile: bad.clone(), address: Some(Personal::new("")), bank_card: bad };
    let reject = before.amend(&input, &keys, &mut prng).unwrap_err();
    let expected = ["/mobile wrong-length", "/address missing", "/bank_card wrong-length"];
    assert_eq!(codes(&reject), expected);
}

#[test]
fn consents_are_given_replaced_and_withdrawn_but_never_lost() {
    let party = register(&person(), &keys(&master(1), 1));
    let purpose = Purpose::CreditInquiry;
    assert_eq!(party.withdraw_consent(purpose, now()), Err(Reject::NoConsent));

    let party = party.give_consent(purpose, "v1", now()).unwrap();
    assert_eq!(party.consent(purpose).unwrap().text_version, "v1");
    assert_eq!(party.consent(Purpose::Marketing), None);
    assert_eq!(party.give_consent(purpose, "v1", later(1)), Err(Reject::ConsentStands));

    let party = party.give_consent(purpose, "v2", later(2)).unwrap();
    assert_eq!(party.consents[0].withdrawn_at, Some(later(2)));
    let party = party.withdraw_consent(purpose, later(3)).unwrap();
    assert_eq!(party.consent(purpose), None);
    assert_eq!(party.consents[0].withdrawn_at, Some(later(2)));
    assert_eq!(party.consents[1].withdrawn_at, Some(later(3)));

    let again = party.give_consent(purpose, "v2", later(4)).unwrap();
    assert_eq!(again.consents.len(), 3);
    let reject = party.give_consent(purpose, "", now()).unwrap_err();
    assert_eq!(codes(&reject), ["/text_version missing"]);
}

#[test]
fn entries_are_bounded() {
    let mut party = register(&person(), &keys(&master(1), 1));
    for version in 0..party::ENTRIES_MAX {
        party = party.give_consent(Purpose::Kyc, &version.to_string(), now()).unwrap();
    }
    assert_eq!(party.give_consent(Purpose::Kyc, "more", now()), Err(Reject::TooMany));
    assert!(party.withdraw_consent(Purpose::Kyc, now()).is_ok());
}

fn checked(method: Method) -> Check {
    Check { method, reference: "receipt-1".to_owned(), checked_at: now() }
}

fn document(kind: DocumentKind, valid_until: Option<Date>) -> Document {
    Document { kind, content: Digest::of(&[b"picture"]), valid_until, added_at: now() }
}

#[test]
fn levels_rise_with_evidence() {
    let party = register(&person(), &keys(&master(1), 1));
    let verified = party.raise_kyc(KycLevel::Verified, checked(Method::Register), TODAY).unwrap();
    assert_eq!(verified.kyc_level, KycLevel::Verified);
    let twice = verified.raise_kyc(KycLevel::Verified, checked(Method::BankCard), TODAY).unwrap();
    assert_eq!(twice.checks.len(), 2);
    let lower = verified.raise_kyc(KycLevel::Declared, checked(Method::Register), TODAY);
    assert_eq!(lower, Err(Reject::KycLower));
    let nameless = Check { reference: String::new(), ..checked(Method::Register) };
    let reject = party.raise_kyc(KycLevel::Verified, nameless, TODAY).unwrap_err();
    assert_eq!(codes(&reject), ["/reference missing"]);
}

#[test]
fn face_to_face_asks_for_presence_and_a_valid_document() {
    let party = register(&person(), &keys(&master(1), 1));
    let raise = |party: &Party, method| {
        party.raise_kyc(KycLevel::FaceToFace, checked(method), TODAY).map(|it| it.kyc_level)
    };
    assert_eq!(raise(&party, Method::LiveVideo), Err(Reject::KycNotInPerson));
    assert_eq!(raise(&party, Method::InPerson), Err(Reject::KycDocumentMissing));
    let yesterday = TODAY.yesterday().unwrap();
    let insufficient = [
        document(DocumentKind::ResidentIdCard, Some(yesterday)),
        document(DocumentKind::BusinessLicense, None),
        document(DocumentKind::Supporting, None),
    ];
    let mut party = party;
    for paper in insufficient {
        party = party.add_document(paper).unwrap();
        assert_eq!(raise(&party, Method::InPerson), Err(Reject::KycDocumentMissing));
    }
    let valid = document(DocumentKind::ResidentIdCard, Some(TODAY));
    let party = party.add_document(valid).unwrap();
    assert_eq!(raise(&party, Method::InPerson), Ok(KycLevel::FaceToFace));
}

#[test]
fn erasing_makes_data_unreadable_and_says_so() {
    let master = master(1);
    let keys = keys(&master, 1);
    let party = register(&person(), &keys).give_consent(Purpose::Kyc, "v1", now()).unwrap();
    let erased = party.erase(later(1));
    assert_eq!(erased.open(&keys).unwrap_err(), SealError::Erased);
    assert_eq!((&erased.index, erased.kyc_level), (&None, KycLevel::None));
    assert_eq!(erased.erase(later(9)), erased);

    let mut prng = Prng::stream(3, "erased");
    let amended = erased.amend(&Amendment::default(), &keys, &mut prng);
    assert_eq!(amended, Err(Reject::Erased));
    assert_eq!(erased.give_consent(Purpose::Kyc, "v2", now()), Err(Reject::Erased));
    let check = checked(Method::Register);
    assert_eq!(erased.raise_kyc(KycLevel::Verified, check, TODAY), Err(Reject::Erased));
    assert!(erased.withdraw_consent(Purpose::Kyc, later(2)).is_ok());
}

fn shown(party: &Party, keys: &Keys<'_>, sight: Sight, expected: &Expect) {
    let view = view(party, keys, sight).unwrap();
    expected.assert_eq(&serde_json::to_string_pretty(&view).unwrap());
}

#[test]
fn views_are_masked_clear_or_erased() {
    let master = master(1);
    let keys = keys(&master, 1);
    let party = register(&person(), &keys);
    let party = party.give_consent(Purpose::CreditInquiry, "credit-inquiry/2026-03", now());
    let party = party.unwrap();
    shown(
        &party,
        &keys,
        Sight::Masked,
        &expect![[r#"
        {
          "id": "019cf5a8-b400-7b59-ad91-2d0912f75c41",
          "kind": "person",
          "name": "张**",
          "id_number": "110***********0028",
          "mobile": "199****8000",
          "address": "浙江省杭州市西湖区***",
          "bank_card": "****0076",
          "kyc_level": "declared",
          "documents": [],
          "consents": [
            {
              "purpose": "credit-inquiry",
              "text_version": "credit-inquiry/2026-03",
              "given_at": "2026-03-16T08:00:00Z",
              "withdrawn_at": null
            }
          ],
          "created_at": "2026-03-16T08:00:00Z",
          "erased_at": null
        }"#]],
    );
    shown(
        &party,
        &keys,
        Sight::Clear,
        &expect![[r#"
        {
          "id": "019cf5a8-b400-7b59-ad91-2d0912f75c41",
          "kind": "person",
          "name": "张三丰",
          "id_number": "110105199007080028",
          "mobile": "19900008000",
          "address": "浙江省杭州市西湖区文三路1号",
          "bank_card": "9156000000000000076",
          "kyc_level": "declared",
          "documents": [],
          "consents": [
            {
              "purpose": "credit-inquiry",
              "text_version": "credit-inquiry/2026-03",
              "given_at": "2026-03-16T08:00:00Z",
              "withdrawn_at": null
            }
          ],
          "created_at": "2026-03-16T08:00:00Z",
          "erased_at": null
        }"#]],
    );
    shown(
        &party.erase(later(1)),
        &keys,
        Sight::Clear,
        &expect![[r#"
        {
          "id": "019cf5a8-b400-7b59-ad91-2d0912f75c41",
          "kind": "person",
          "name": null,
          "id_number": null,
          "mobile": null,
          "address": null,
          "bank_card": null,
          "kyc_level": "none",
          "documents": [],
          "consents": [
            {
              "purpose": "credit-inquiry",
              "text_version": "credit-inquiry/2026-03",
              "given_at": "2026-03-16T08:00:00Z",
              "withdrawn_at": null
            }
          ],
          "created_at": "2026-03-16T08:00:00Z",
          "erased_at": "2026-03-16T08:00:01Z"
        }"#]],
    );
}

#[test]
fn a_view_of_a_tampered_record_is_an_error() {
    let master = master(1);
    let keys = keys(&master, 1);
    let mut party = register(&person(), &keys);
    party.name = party.mobile.clone();
    let error = view(&party, &keys, Sight::Masked).err().unwrap();
    assert_eq!(error, SealError::Altered { what: "name" });
}

/// A provider whose module is unplugged.
struct Unplugged(KeyId);

impl KeyProvider for Unplugged {
    fn key_id(&self) -> &KeyId {
        &self.0
    }

    fn wrap(&self, _: &DataKey, _: &Digest, _: &mut Prng) -> Result<WrappedKey, SealError> {
        Err(SealError::Unavailable)
    }

    fn unwrap(&self, _: &WrappedKey, _: &Digest) -> Result<DataKey, SealError> {
        Err(SealError::Unavailable)
    }

    fn mac(&self, _: &Digest) -> Result<Digest, SealError> {
        Err(SealError::Unavailable)
    }
}

#[test]
fn a_provider_that_does_not_answer_is_named() {
    let provider = Unplugged(KeyId::new("hsm-1"));
    let keys = Keys::new(&provider, Id::from_bytes([1; 16]));
    let mut prng = Prng::stream(4, "unplugged");
    let reject = party::register(&person(), &keys, TODAY, now(), &mut prng).unwrap_err();
    assert_eq!(reject, Reject::Seal(SealError::Unavailable));
    assert_eq!(reject.code(), "key-provider-unavailable");
}

#[test]
fn codes_are_kebab_case_and_distinct() {
    let fault = Fault::Missing { rule: "" };
    let rejects = [
        Reject::Fields(vec![BadField { pointer: "/name", fault }]),
        Reject::Erased,
        Reject::ConsentStands,
        Reject::NoConsent,
        Reject::KycLower,
        Reject::KycNotInPerson,
        Reject::KycDocumentMissing,
        Reject::TooMany,
        Reject::Seal(SealError::Unavailable),
        Reject::Seal(SealError::Altered { what: "key" }),
        Reject::Seal(SealError::UnknownMasterKey { wanted: KeyId::new("a") }),
    ];
    let codes: std::collections::BTreeSet<_> = rejects.iter().map(Reject::code).collect();
    assert_eq!(codes.len(), rejects.len());
    assert!(codes.iter().all(|it| it.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    assert!(rejects.iter().all(|it| it.to_string().len() > 10));
}
