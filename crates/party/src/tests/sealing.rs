use stdx::{Digest, Prng};

use super::{TODAY, company, keys, master, now, person, register};
use crate::{
    DataKey, Field, KeyId, KeyProvider, Mobile, Personal, SealError, Sealed, WrappedKey, party,
    sealed::PartyCipher,
};

fn altered<T>(result: Result<T, SealError>) -> bool {
    matches!(result, Err(SealError::Altered { .. }))
}

fn hexed(text: &str) -> Sealed {
    serde_json::from_value(text.into()).unwrap()
}

/// The bytes of a ciphertext, through its public form.
fn bytes(sealed: &Sealed) -> Vec<u8> {
    hex::decode(serde_json::to_value(sealed).unwrap().as_str().unwrap()).unwrap()
}

fn sealed(bytes: &[u8]) -> Sealed {
    hexed(&hex::encode(bytes))
}

fn cipher(institution: u8, prng: &mut Prng) -> PartyCipher {
    let master = master(1);
    let id = stdx::Id::from_bytes([9; 16]);
    keys(&master, institution).create(id, prng).unwrap().0
}

#[test]
fn what_is_sealed_opens_again() {
    let mut prng = Prng::stream(1, "round trip");
    let cipher = cipher(1, &mut prng);
    for length in 0..200 {
        let text: String = (0..length).map(|_| *prng.pick(&['a', '张', '🂡', '0'])).collect();
        let sealed = cipher.seal(Field::Name, &text, &mut prng);
        assert_eq!(cipher.open(Field::Name, &sealed).unwrap().reveal(), text);
    }
}

#[test]
fn a_changed_cut_or_longer_ciphertext_does_not_open() {
    let mut prng = Prng::stream(2, "tamper");
    let cipher = cipher(1, &mut prng);
    let good = bytes(&cipher.seal(Field::Name, "张三丰", &mut prng));
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(altered(cipher.open(Field::Name, &sealed(&bad))), "byte {at} bit {bit}");
        }
        assert!(altered(cipher.open(Field::Name, &sealed(&good[..at]))), "cut to {at}");
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert!(altered(cipher.open(Field::Name, &sealed(&longer))));
}

#[test]
fn the_same_text_never_seals_to_the_same_bytes() {
    let mut prng = Prng::stream(3, "nonces");
    let cipher = cipher(1, &mut prng);
    let mut seal = || bytes(&cipher.seal(Field::Mobile, "19900000000", &mut prng));
    let (first, second) = (seal(), seal());
    assert_ne!(first[..12], second[..12]);
    assert_ne!(first[12..], second[12..]);
}

#[test]
fn a_ciphertext_moved_elsewhere_does_not_open() {
    let master = master(1);
    let keys = keys(&master, 1);
    let good = register(&person(), &keys);

    let mut field = good.clone();
    field.address = Some(good.name.clone());
    assert_eq!(field.open(&keys).unwrap_err(), SealError::Altered { what: "address" });

    // To another party, alone or together with its key.
    let mut prng = Prng::stream(4, "other");
    let other = party::register(&person(), &keys, TODAY, now(), &mut prng).unwrap();
    let mut moved = other.clone();
    moved.name = good.name.clone();
    assert_eq!(moved.open(&keys).unwrap_err(), SealError::Altered { what: "name" });
    moved.key = good.key.clone();
    assert_eq!(moved.open(&keys).unwrap_err(), SealError::Altered { what: "key" });

    // The whole record to another institution.
    let elsewhere = super::keys(&master, 2);
    assert_eq!(good.open(&elsewhere).unwrap_err(), SealError::Altered { what: "key" });
    assert!(good.open(&keys).is_ok());
}

/// The key context stops a moved record before any field is tried; the fields are bound as well.
#[test]
fn fields_are_bound_to_the_institution_by_themselves() {
    let (first, second) =
        (cipher(1, &mut Prng::stream(5, "same")), cipher(2, &mut Prng::stream(5, "same")));
    let sealed = first.seal(Field::Name, "张三丰", &mut Prng::stream(6, "nonce"));
    assert!(first.open(Field::Name, &sealed).is_ok());
    assert!(altered(second.open(Field::Name, &sealed)));
}

#[test]
fn a_changed_wrapped_key_does_not_open() {
    let mut prng = Prng::stream(7, "wrap");
    let (master, context) = (master(1), Digest::of(&[b"a"]));
    let key = DataKey::random(&mut prng);
    let wrapped = master.wrap(&key, &context, &mut prng).unwrap();
    assert_eq!(master.unwrap(&wrapped, &context).unwrap().reveal(), key.reveal());
    assert!(altered(master.unwrap(&wrapped, &Digest::of(&[b"b"]))));
    let good = bytes(&wrapped.sealed);
    for at in 0..good.len() {
        let mut bad = wrapped.clone();
        let mut changed = good.clone();
        changed[at] ^= 1;
        bad.sealed = sealed(&changed);
        assert!(altered(master.unwrap(&bad, &context)), "byte {at}");
    }
}

#[test]
fn another_master_key_is_asked_for_by_name() {
    let (old, new) = (master(1), master(2));
    assert_ne!(old.key_id(), new.key_id());
    let party = register(&person(), &keys(&old, 1));
    let error = party.open(&keys(&new, 1)).unwrap_err();
    assert_eq!(error, SealError::UnknownMasterKey { wanted: old.key_id().clone() });
    assert_eq!(error.code(), "unknown-master-key");
}

#[test]
fn rotation_rewraps_the_key_and_leaves_the_ciphertexts() {
    let (old, new) = (master(1), master(2));
    let party = register(&person(), &keys(&old, 1));
    let mut prng = Prng::stream(8, "rotation");
    let rotated = party.rekey(&keys(&old, 1), &new, &mut prng).unwrap();
    assert_eq!(rotated.name, party.name);
    assert_eq!(&rotated.key.as_ref().unwrap().master, new.key_id());
    assert_eq!(rotated.open(&keys(&new, 1)).unwrap().name.reveal(), "张三丰");
    assert!(rotated.open(&keys(&old, 1)).is_err());
    let found_by = keys(&new, 1).blind_index(Field::Mobile, Mobile::sample(8_000).reveal());
    assert_eq!(rotated.index.unwrap().mobile, found_by.unwrap());

    let erased = party.erase(now());
    assert_eq!(erased.rekey(&keys(&old, 1), &new, &mut prng).unwrap(), erased);
}

#[test]
fn blind_indexes_meet_only_for_the_same_value_field_institution_and_key() {
    let (first, second) = (master(1), master(2));
    let index = |master, institution, field, value| {
        keys(master, institution).blind_index(field, value).unwrap()
    };
    let base = index(&first, 1, Field::Mobile, "19900000000");
    assert_eq!(base, index(&first, 1, Field::Mobile, "19900000000"));
    assert_ne!(base, index(&first, 1, Field::Mobile, "19900000001"));
    assert_ne!(base, index(&first, 1, Field::IdNumber, "19900000000"));
    assert_ne!(base, index(&first, 2, Field::Mobile, "19900000000"));
    assert_ne!(base, index(&second, 1, Field::Mobile, "19900000000"));
}

/// What is stored must open in every later version. When this fails, do not change the text:
/// find what changed in the labels, the derivation or the layout, and keep reading the old form.
#[test]
fn the_stored_form_is_frozen() {
    let master = master(1);
    let keys = keys(&master, 1);
    let key = concat!(
        "2fb2c06133a81684142a4be6b48dec8027c24945aba8a86d56fbc88acab8",
        "cab61c522c7baa55cecc80f2cdab877e3c343005524469007c9025b4f6b6",
    );
    let wrapped = WrappedKey { master: KeyId::new("85d059bc9dad4f64"), sealed: hexed(key) };
    let cipher = keys.unlock(stdx::Id::from_bytes([9; 16]), Some(&wrapped)).unwrap();
    let name = hexed("3936f0b0466371bb4cb2237534e6046577de3f7bd3b930088c43d1b89621170066a978a646");
    assert_eq!(cipher.open(Field::Name, &name).unwrap().reveal(), "张三丰");
    let index = keys.blind_index(Field::Mobile, "19900008000").unwrap();
    let frozen = "6f068d93bf331553b326099e046150d419db5f2ae001d856ae73d44c3dc59b97";
    assert_eq!(index.to_string(), frozen);
}

#[test]
fn the_record_and_the_debug_output_hold_nothing_clear() {
    let master = master(1);
    for input in [person(), company()] {
        let party = register(&input, &keys(&master, 1));
        let clear = party.open(&keys(&master, 1)).unwrap();
        let (json, printed) = (serde_json::to_string(&party).unwrap(), format!("{party:?}"));
        let texts = [json, printed, format!("{clear:?}"), format!("{input:?}")];
        let given = [Some(&input.name), Some(&input.id_number), Some(&input.mobile)];
        let given = given.into_iter().chain([input.address.as_ref(), input.bank_card.as_ref()]);
        for secret in given.flatten().map(Personal::reveal) {
            assert!(texts.iter().all(|text| !text.contains(secret)));
        }
    }
}
