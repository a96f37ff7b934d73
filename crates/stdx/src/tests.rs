use crate::{Digest, Id, Prng, Timestamp, table};

struct Loan;

#[test]
fn ids_made_later_sort_later_and_survive_text() {
    let mut prng = Prng::stream(1, "ids");
    let at = |second| Timestamp::from_second(second).unwrap();
    let early: Id<Loan> = Id::new(at(1_000), &mut prng);
    let late: Id<Loan> = Id::new(at(2_000), &mut prng);
    assert!(early < late);
    assert_eq!(early.to_string().parse::<Id<Loan>>().unwrap(), early);
    assert_eq!(Id::from_bytes(*early.as_bytes()), early);
}

#[test]
fn derived_ids_depend_on_every_part_and_its_borders() {
    let id = |parts: &[&[u8]]| Id::<Loan>::derived(parts);
    assert_eq!(id(&[b"ab", b"c"]), id(&[b"ab", b"c"]));
    assert_ne!(id(&[b"ab", b"c"]), id(&[b"a", b"bc"]));
    let owner: Id<Loan> =
        Id::new(Timestamp::from_second(1_000).unwrap(), &mut Prng::stream(1, "a"));
    let beside: Id<Loan> = Id::derived_beside(owner, &[b"ab"]);
    assert_eq!(beside.as_bytes()[..6], owner.as_bytes()[..6]);
    assert_eq!(beside, Id::derived_beside(owner, &[b"ab"]));
    assert_ne!(beside, Id::derived_beside(owner, &[b"ac"]));
}

#[test]
fn streams_repeat_and_differ_by_name() {
    let draw = |seed, name| Prng::stream(seed, name).bytes::<16>();
    assert_eq!(draw(7, "a"), draw(7, "a"));
    assert_ne!(draw(7, "a"), draw(7, "b"));
    assert_ne!(draw(7, "a"), draw(8, "a"));
}

#[test]
fn below_stays_below_and_reaches_every_value() {
    let mut prng = Prng::stream(3, "below");
    let mut seen = [0; 7];
    for _ in 0..1_000 {
        seen[usize::try_from(prng.below(7)).unwrap()] += 1;
    }
    assert!(seen.iter().all(|count| *count > 80), "{seen:?}");
}

#[test]
fn digests_match_the_standard_and_read_back() {
    // FIPS 180-4 gives SHA-256 of one block; here over the length-prefixed empty list of parts.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Digest::of(&[]).to_string(), empty);
    assert_eq!(empty.parse::<Digest>().unwrap(), Digest::of(&[]));
    assert!("e3b0".parse::<Digest>().is_err());
}

#[test]
fn tables_read_cells_comments_and_quotes() {
    let rows = table::parse(
        "
        name        count  => total   # columns
        plain       2      => 4
        \"two words\" -      => 6
        ",
    );
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get::<u32>("count"), 2);
    assert_eq!(rows[1].text("name"), "two words");
    assert_eq!(rows[1].option::<u32>("count"), None);
    assert_eq!(rows[1].get::<u64>("total"), 6);
}
