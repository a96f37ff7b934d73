use stdx::{Digest, Prng};

use super::{Tree, flip, head, public_key, rows, signing_key, tree};
use crate::{Chain, Consistency, Fault, Head, Inclusion, Proof, Row, SignedHead, tree as tiles};

fn inclusion(rows: &[Row], index: usize) -> Inclusion {
    let mut chain = Chain::default();
    let before: Vec<_> = rows.iter().map(|row| chain.follow(row).unwrap()).collect();
    let tree = tree(rows);
    let path = tiles::inclusion(rows.len() as u64, index as u64, |id| tree.read(id)).unwrap();
    let (row, before) = (rows[index].clone(), before[index]);
    Inclusion { row, before, index: index as u64, path, head: head(rows) }
}

fn consistency(rows: &[Row], from: usize) -> Consistency {
    let tree = tree(rows);
    let path = tiles::consistency(from as u64, rows.len() as u64, |id| tree.read(id)).unwrap();
    Consistency { from: head(&rows[..from]), to: head(rows), path }
}

fn check(text: &str) -> Result<(), Fault> {
    text.parse::<Proof>()?.check(&public_key())
}

#[test]
fn every_row_and_every_earlier_head_is_proven_from_text() {
    let rows = rows(40, 1);
    for index in 0..rows.len() {
        check(&Proof::Inclusion(inclusion(&rows, index)).to_string()).unwrap();
    }
    for from in 0..=rows.len() {
        check(&Proof::Consistency(consistency(&rows, from)).to_string()).unwrap();
    }
}

#[test]
fn what_is_wrong_is_named() {
    let rows = rows(40, 1);
    let good = inclusion(&rows, 7);
    let named = |change: &dyn Fn(&mut Inclusion)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed.check(&public_key()).unwrap_err()
    };
    let content = Fault::Content { position: good.row.position };
    assert_eq!(named(&|it| it.row.actor.push('x')), content);
    assert_eq!(named(&|it| it.row.key.clear()), content);
    assert_eq!(named(&|it| it.row.transfers.push(0)), content);
    assert_eq!(named(&|it| it.row.at += std::time::Duration::from_nanos(1)), content);
    assert_eq!(named(&|it| it.row.seq += 1), content);
    assert_eq!(named(&|it| it.before = Digest::ZERO), content);
    assert_eq!(named(&|it| it.row.root = Digest::ZERO), content);
    assert_eq!(named(&|it| it.row.position += 1), Fault::NotIncluded);
    assert_eq!(named(&|it| it.index += 1), Fault::NotIncluded);
    assert_eq!(named(&|it| it.path.clear()), Fault::NotIncluded);
    assert_eq!(
        named(&|it| it.row = rows[8].clone()),
        Fault::Content { position: rows[8].position }
    );
    assert_eq!(named(&|it| it.row.institution = it.row.lane), Fault::OtherInstitution);
    // A row that leads to a root of its own, but not to the head.
    let forge = |it: &mut Inclusion| {
        it.row.actor.push('x');
        it.row.root = it.row.chained(it.before);
    };
    assert_eq!(named(&forge), Fault::NotIncluded);
    // A head of another size with the same root is another head.
    let other = |it: &mut Inclusion| {
        let text = it.head.to_string().replacen("\n40\n", "\n41\n", 1);
        it.head = text.parse().unwrap();
    };
    assert_eq!(named(&other), Fault::Signature);

    let good = consistency(&rows, 8);
    let other = Head { institution: rows[0].lane, ..good.to.claimed() }.sign(&signing_key());
    let named = |from: &SignedHead, to: &SignedHead| {
        Consistency { from: from.clone(), to: to.clone(), path: good.path.clone() }
            .check(&public_key())
            .unwrap_err()
    };
    assert_eq!(named(&good.to, &good.from), Fault::NotContinued);
    assert_eq!(named(&good.from, &good.from), Fault::NotContinued);
    assert_eq!(named(&good.from, &other), Fault::OtherInstitution);
}

#[test]
fn a_rewritten_history_has_no_proof() {
    let (rows, others) = (rows(40, 1), super::rows(40, 2));
    let rewritten = Tree::of(rows[..7].iter().chain(&others[7..]).map(Row::leaf));
    for from in 8..=40 {
        let path = tiles::consistency(from, 40, |id| rewritten.read(id)).unwrap();
        let claimed = Head { root: rewritten.edge.root(), ..head(&rows).claimed() };
        let kept = head(&rows[..usize::try_from(from).unwrap()]);
        let proof = Consistency { from: kept, to: claimed.sign(&signing_key()), path };
        assert_eq!(proof.check(&public_key()), Err(Fault::NotContinued), "{from}");
    }
}

#[test]
fn no_byte_of_a_proof_can_change() {
    let rows = rows(40, 1);
    let mut prng = Prng::stream(4, "proofs");
    let proofs = [
        Proof::Inclusion(inclusion(&rows, 21)).to_string(),
        Proof::Consistency(consistency(&rows, 21)).to_string(),
    ];
    for text in proofs {
        check(&text).unwrap();
        for index in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] ^= 1 << prng.below(8);
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(check(&changed).is_err(), "{changed}");
        }
        let pretty: serde_json::Value = serde_json::from_str(&text).unwrap();
        let pretty = serde_json::to_string_pretty(&pretty).unwrap() + "\n";
        assert_eq!(check(&pretty), Err(Fault::Rewritten("proof")));
        assert_eq!(check(text.trim_end()), Err(Fault::Malformed("proof")));
        assert_eq!(check(&text.repeat(2)), Err(Fault::Malformed("proof")));
    }
    let mut changed = inclusion(&rows, 21);
    changed.path[2] = flip(changed.path[2], &mut prng);
    assert_eq!(changed.check(&public_key()), Err(Fault::NotIncluded));
}
