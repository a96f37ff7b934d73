use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use stdx::{Prng, Timestamp};

use super::{head, public_key, rows, signing_key};
use crate::{Fault, Head, PublicKey, SignedHead, SigningKey, merkle, note::NoteSignature};

/// The key and the signature are the example of the format (`sumdb/note/note_test.go` of
/// `golang.org/x/mod`).
const EXAMPLE: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const EXAMPLE_PRIVATE: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const EXAMPLE_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n";
const EXAMPLE_SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/\
    SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

#[test]
fn signatures_are_those_of_the_format() {
    let key = SigningKey::from_text(EXAMPLE_PRIVATE).unwrap();
    assert_eq!(*key.to_text(), EXAMPLE_PRIVATE);
    assert_eq!(key.public().to_string(), EXAMPLE);
    let signed = key.sign(EXAMPLE_TEXT);
    assert_eq!(signed.to_string(), EXAMPLE_SIGNATURE);
    assert_eq!(NoteSignature::parse(EXAMPLE_SIGNATURE), Some(signed.clone()));
    let public: PublicKey = EXAMPLE.parse().unwrap();
    assert_eq!(public.check(EXAMPLE_TEXT, &signed), Ok(()));
    assert_eq!(public.check(&EXAMPLE_TEXT[1..], &signed), Err(Fault::Signature));
}

#[test]
fn a_mangled_key_is_no_key() {
    for (start, end) in (0..=EXAMPLE.len()).flat_map(|it| [(0, it), (it, EXAMPLE.len())]) {
        let part = &EXAMPLE[start..end];
        assert_eq!(part.parse::<PublicKey>().is_ok(), part == EXAMPLE, "{part}");
    }
    for index in 0..EXAMPLE.len() {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        bytes[index] += 1;
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.parse::<PublicKey>(), Err(Fault::Malformed("public key")), "{text}");
    }
    // Upper case and an unknown algorithm, the latter with the id that belongs to it.
    let upper = EXAMPLE.replace("c74f20a3", "C74F20A3");
    let unknown = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    for text in [&upper, unknown] {
        assert!(text.parse::<PublicKey>().is_err(), "{text}");
    }
    for name in ["", "two words", "a+b", "a\nb"] {
        let error = SigningKey::new(name, &[7; 32]).err();
        assert_eq!(error, Some(Fault::Malformed("name of a key")), "{name}");
    }
    assert!(SigningKey::from_text(EXAMPLE).is_err());
}

#[test]
fn a_head_survives_text_and_no_byte_of_it_can_change() {
    let signed = head(&rows(9, 1));
    let text = signed.to_string();
    assert_eq!(text.parse(), Ok(signed.clone()));
    assert_eq!(signed.check(&public_key()), Ok(signed.claimed()));
    let mut prng = Prng::stream(3, "heads");
    let bytes = text.as_bytes();
    for index in 0..bytes.len() {
        for changed in changes(bytes, index, &mut prng) {
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let checked = changed.parse::<SignedHead>().and_then(|it| it.check(&public_key()));
            assert!(checked.is_err(), "{changed}");
        }
    }
}

/// The bytes with one changed, with one removed, and with one doubled.
fn changes(bytes: &[u8], index: usize, prng: &mut Prng) -> [Vec<u8>; 3] {
    let [mut changed, mut removed, mut doubled] = [(); 3].map(|()| bytes.to_vec());
    changed[index] ^= 1 << prng.below(7);
    removed.remove(index);
    doubled.insert(index, bytes[index]);
    [changed, removed, doubled]
}

#[test]
fn a_head_under_another_key_is_not_believed() {
    let signed = head(&rows(3, 1));
    let other = SigningKey::new("suanpan", &[9; 32]).unwrap();
    assert_eq!(signed.check(&other.public()), Err(Fault::OtherKey));
    let renamed = SigningKey::new("another", &Prng::stream(1, "audit/key").bytes()).unwrap();
    assert_eq!(signed.check(&renamed.public()), Err(Fault::OtherKey));
    // The name and the id of the trusted key before a signature of another one.
    let (own, other) = (signed.to_string(), signed.claimed().sign(&other).to_string());
    let bytes = |text: &str| {
        let (_, encoded) = text.trim_end().rsplit_once(' ').unwrap();
        BASE64.decode(encoded).unwrap()
    };
    let forged = [&bytes(&own)[..4], &bytes(&other)[4..]].concat();
    let (text, _) = own.trim_end().rsplit_once(' ').unwrap();
    let forged: SignedHead = format!("{text} {}\n", BASE64.encode(forged)).parse().unwrap();
    assert_eq!(forged.check(&public_key()), Err(Fault::Signature));
}

#[test]
fn the_text_of_a_head_is_a_checkpoint() {
    let at = Timestamp::from_second(1_772_600_767).unwrap();
    let head = Head { institution: super::institution(), size: 0, root: merkle::empty(), at };
    let text = head.sign(&signing_key()).to_string();
    let lines: Vec<_> = text.lines().collect();
    let expected = [
        &*super::institution().to_string(),
        "0",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "time 2026-03-04T05:06:07Z",
        "",
    ];
    assert_eq!(lines[..5], expected);
    assert!(lines[5].starts_with("— suanpan "), "{text}");
    assert_eq!(lines.len(), 6);
}
