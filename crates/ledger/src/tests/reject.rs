//! The table of refusals is complete, and every one of them is shown by a script.

use std::collections::BTreeSet;

use expect_test::expect;

use crate::Reject;

/// The variants with their numbers, as the source declares them.
fn declared() -> Vec<(String, u16)> {
    let source = include_str!("../reject.rs");
    let (_, body) = source.split_once("pub enum Reject {").unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let variants = body.split(',').filter_map(|it| it.trim().split_once(" = "));
    variants.map(|(name, number)| (name.to_owned(), number.parse().unwrap())).collect()
}

fn kebab(name: &str) -> String {
    let dashed = name.chars().flat_map(|it| {
        let dash = it.is_uppercase().then_some('-');
        dash.into_iter().chain(it.to_lowercase())
    });
    dashed.skip(1).collect()
}

#[test]
fn the_table_lists_every_variant_in_order() {
    let listed: Vec<_> =
        Reject::TABLE.iter().map(|row| (format!("{:?}", row.0), row.0.number())).collect();
    assert_eq!(listed, declared());
    assert!(Reject::TABLE.windows(2).all(|pair| pair[0].0.number() < pair[1].0.number()));
}

#[test]
fn codes_are_unique_and_say_what_the_variant_says() {
    let codes: BTreeSet<_> = Reject::TABLE.iter().map(|row| row.1).collect();
    assert_eq!(codes.len(), Reject::TABLE.len());
    for &(reject, code, meaning) in Reject::TABLE {
        assert_eq!(code, kebab(&format!("{reject:?}")));
        assert_eq!(reject.code(), code);
        assert_eq!(Reject::from_code(code), Some(reject));
        assert!(meaning.ends_with('.') && !meaning.contains('|'), "{code}: {meaning}");
        assert_eq!(reject.to_string(), meaning);
    }
    assert_eq!(Reject::from_code("ok"), None);
}

/// The snapshots are true, or their own tests fail; here they are only read.
#[test]
fn the_scripts_together_give_every_refusal() {
    let scripts = [
        include_str!("accounts.rs"),
        include_str!("chains.rs"),
        include_str!("identity.rs"),
        include_str!("limits.rs"),
        include_str!("reversals.rs"),
        include_str!("transfers.rs"),
        include_str!("two_phase.rs"),
    ];
    let lines = scripts.iter().flat_map(|script| script.lines());
    let shown: BTreeSet<_> =
        lines.filter_map(|line| line.split_once(" => ")).map(|(_, answer)| answer.trim()).collect();
    let missing: Vec<_> =
        Reject::TABLE.iter().map(|row| row.1).filter(|code| !shown.contains(code)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_reference_page_is_a_table() {
    let page = Reject::reference();
    let head: String = page.lines().take(9).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        # Ledger refusals

        What the ledger answers instead of booking, in the order of checking: if several apply,
        the first is named. Numbers and codes never change and are never reused.

        | number | code | meaning |
        | ---: | --- | --- |
        | 1 | `linked-transfer-failed` | Another transfer of the same chain was refused, so none of the chain happened. |
        | 2 | `chain-not-closed` | The last transfer of the batch is linked to a next one that is not there. |
    "#]].assert_eq(&head);
    assert_eq!(page.lines().filter(|line| line.contains("| `")).count(), Reject::TABLE.len());
}
