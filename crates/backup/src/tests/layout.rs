//! The bytes of a segment: they are read for as long as anybody keeps a backup.

use stdx::{Digest, Id, Timestamp};
use store::LogRow;

use crate::row::{decode, encode};

fn row() -> LogRow {
    LogRow {
        position: 7,
        institution: Id::from_bytes([0x11; 16]),
        lane: Id::from_bytes([0x22; 16]),
        seq: 3,
        previous: 4,
        told_at: 5,
        at: Timestamp::constant(-1, -500_000_000),
        actor: "tester".to_owned(),
        command: String::new(),
        key: "钥匙".to_owned(),
        digest: Digest::from_bytes([0x33; 32]),
        body: b"{}".to_vec(),
        transfers: vec![0x44; 3],
        root: Digest::from_bytes([0x55; 32]),
    }
}

#[test]
fn the_layout_is_frozen() {
    let mut bytes = Vec::new();
    encode(&row(), &mut bytes);
    let number = |number: u8| [[0; 7].as_slice(), &[number]].concat();
    let part = |bytes: &[u8]| {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[0, 0, 0, length], bytes].concat()
    };
    let expected = [
        number(7),
        vec![0x11; 16],
        vec![0x22; 16],
        number(3),
        number(4),
        number(5),
        (-1_500_000_000_i128).to_be_bytes().to_vec(),
        vec![0x33; 32],
        vec![0x55; 32],
        part(b"tester"),
        part(b""),
        part("钥匙".as_bytes()),
        part(b"{}"),
        part(&[0x44; 3]),
    ];
    assert_eq!(bytes, expected.concat());
    assert_eq!(decode(&bytes), Some(row()));
}

#[test]
fn what_is_no_row_is_none() {
    let mut bytes = Vec::new();
    encode(&row(), &mut bytes);
    for length in 0..bytes.len() {
        assert_eq!(decode(&bytes[..length]), None, "{length} bytes");
    }
    assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
    // Neither UTF-8 nor a moment.
    for (at, byte) in [(148, 0xff), (64, 0x7f)] {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        assert_eq!(decode(&bytes), None, "byte {at}");
    }
}
