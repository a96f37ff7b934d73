//! Bytes and JSON.

use money::Amount;
use stdx::{Date, Prng, Timestamp};

use super::script::{day, id, start, transfer};
use crate::{Balancing, Kind, POSTED_BYTES, Posted, Transfer, TransferId, WireError};

fn encoded(posted: &Posted) -> Vec<u8> {
    let mut bytes = Vec::new();
    posted.encode(&mut bytes);
    bytes
}

/// Any posted transfer, odd values more often than chance would have it.
fn random_posted(prng: &mut Prng) -> Posted {
    let name = |prng: &mut Prng| TransferId::from_bytes(prng.bytes());
    let (about, previous) = (name(prng), name(prng));
    let kinds = [
        Kind::Plain,
        Kind::Hold { expires: None },
        Kind::Hold { expires: Some(random_moment(prng)) },
        Kind::Post(about),
        Kind::Void(about),
        Kind::Expire(about),
        Kind::Reversal(about),
    ];
    let balancings = [Balancing::None, Balancing::Debit, Balancing::Credit, Balancing::Both];
    let reasons = ["a", "repayment", "A-Z_a.z-01234567"];
    let transfer = Transfer {
        id: name(prng),
        kind: *prng.pick(&kinds),
        debit: name(prng).cast(),
        credit: name(prng).cast(),
        amount: Amount::from_minor(i64::from_be_bytes(prng.bytes())),
        balancing: *prng.pick(&balancings),
        linked: prng.chance(50),
        value_date: random_day(prng),
        reason: prng.pick(&reasons).parse().unwrap(),
    };
    Posted {
        transfer,
        booked_at: random_moment(prng),
        booked_on: random_day(prng),
        counted_on: random_day(prng),
        debit_previous: prng.chance(50).then_some(previous),
        credit_previous: prng.chance(50).then(|| name(prng)),
    }
}

fn random_moment(prng: &mut Prng) -> Timestamp {
    let edges = [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH, start().now];
    if prng.chance(30) {
        return *prng.pick(&edges);
    }
    let (min, max) = (Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
    let draw = i128::from_be_bytes(prng.bytes());
    Timestamp::from_nanosecond(min + draw.rem_euclid(max - min)).unwrap()
}

fn random_day(prng: &mut Prng) -> Date {
    let edges = [Date::MIN, Date::MAX, day("0000-02-29"), day("-000001-12-31"), start().today];
    *prng.pick(&edges)
}

#[test]
fn every_transfer_comes_back_from_its_bytes() {
    let mut prng = Prng::stream(1, "round trip");
    for _ in 0..5_000 {
        let posted = random_posted(&mut prng);
        let bytes = encoded(&posted);
        assert_eq!(bytes.len(), POSTED_BYTES);
        assert_eq!(Posted::decode(&bytes), Ok(posted));
    }
}

#[test]
fn encoding_appends() {
    let mut prng = Prng::stream(2, "append");
    let (first, second) = (random_posted(&mut prng), random_posted(&mut prng));
    let mut bytes = encoded(&first);
    second.encode(&mut bytes);
    let (head, tail) = bytes.split_at(POSTED_BYTES);
    assert_eq!(Posted::decode(head), Ok(first));
    assert_eq!(Posted::decode(tail), Ok(second));
    assert_eq!(Posted::decode(&bytes), Err(WireError));
    assert_eq!(Posted::decode(&head[1..]), Err(WireError));
    assert_eq!(Posted::decode(&[]), Err(WireError));
}

/// What decodes was written: there is one form of each transfer, so a digest of the bytes is a
/// digest of the transfer.
#[test]
fn other_bytes_are_refused_and_never_panic() {
    let mut prng = Prng::stream(3, "noise");
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = encoded(&random_posted(&mut prng));
        for _ in 0..=prng.below(3) {
            let at = usize::try_from(prng.below(POSTED_BYTES as u64)).unwrap();
            bytes[at] = *prng.pick(&[0, 1, 2, 0x7f, 0x80, 0xff]);
        }
        match Posted::decode(&bytes) {
            Ok(posted) => {
                assert_eq!(encoded(&posted), bytes);
                read += 1;
            }
            Err(WireError) => refused += 1,
        }
        let noise: [u8; POSTED_BYTES] = prng.bytes();
        assert_eq!(Posted::decode(&noise), Err(WireError));
    }
    assert!(read > 1_000 && refused > 1_000, "{read} read, {refused} refused");
}

/// The layout is stored: it must not move.
#[test]
fn the_layout_is_frozen() {
    let posted = Posted {
        transfer: Transfer {
            kind: Kind::Hold { expires: Some(start().now) },
            balancing: Balancing::Both,
            linked: true,
            ..transfer("T1", "A1", "A2", 258)
        },
        booked_at: start().now,
        booked_on: day("2025-01-10"),
        counted_on: day("2025-01-09"),
        debit_previous: Some(id("T0")),
        credit_previous: None,
    };
    let bytes = encoded(&posted);
    let ids = [*id::<()>("T1").as_bytes(), [0; 16], *id::<()>("A1").as_bytes()];
    assert_eq!(bytes[..48], ids.concat());
    let ids = [*id::<()>("A2").as_bytes(), *id::<()>("T0").as_bytes(), [0; 16]];
    assert_eq!(bytes[48..96], ids.concat());
    assert_eq!(&bytes[96..112], b"test\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(bytes[112..120], 258_i64.to_be_bytes());
    let moment = [&1_736_467_200_i64.to_be_bytes()[..], &[0; 4]].concat();
    assert_eq!(bytes[120..132], moment);
    assert_eq!(bytes[132..144], moment);
    let days = [20_250_110_i32, 20_250_110, 20_250_109].map(i32::to_be_bytes);
    assert_eq!(bytes[144..156], days.concat());
    assert_eq!(bytes[156..], [1, 3, 1, 0]);
}

#[test]
fn json_is_kebab_case_and_strict() {
    let posted = Posted {
        transfer: Transfer { kind: Kind::Post(id("T0")), ..transfer("T1", "A1", "A2", 5) },
        booked_at: start().now,
        booked_on: start().today,
        counted_on: start().today,
        debit_previous: None,
        credit_previous: None,
    };
    let json = serde_json::to_value(&posted).unwrap();
    assert_eq!(json["kind"]["post"], id::<()>("T0").to_string());
    assert_eq!(json["amount"], 5);
    assert_eq!(json["balancing"], "none");
    assert_eq!(serde_json::from_value::<Posted>(json).unwrap(), posted);
    let mut json = serde_json::to_value(&posted.transfer).unwrap();
    assert_eq!(serde_json::from_value::<Transfer>(json.clone()).unwrap(), posted.transfer);
    json["note"] = "x".into();
    assert!(serde_json::from_value::<Transfer>(json).is_err());
}

#[test]
fn codes_are_short_and_plain() {
    for text in ["a", "1001.01", "A-b_c", "0123456789abcdef"] {
        let code: crate::Code = text.parse().unwrap();
        assert_eq!(code.as_str(), text);
        assert_eq!(code.to_string(), text);
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{text}\""));
    }
    for text in ["", "0123456789abcdefg", "a b", "é", "a\0", "a/b"] {
        assert!(text.parse::<crate::Code>().is_err(), "{text:?}");
    }
}
