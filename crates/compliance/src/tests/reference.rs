use expect_test::expect_file;

use crate::{cn, reference};

#[test]
fn the_page_is_the_committed_one() {
    expect_file!["../../../../docs/reference/packs.md"].assert_eq(&reference());
}

#[test]
fn the_page_shows_what_is_not_verified() {
    let page = reference();
    let rows = page.lines().filter(|it| it.starts_with("| `"));
    let (open, closed): (Vec<_>, Vec<_>) = rows.partition(|it| it.contains("| **no** |"));
    let unverified = cn::classification_loans().entries().filter(|it| !it.verified).count();
    assert!(unverified > 0 && open.len() > unverified);
    assert!(closed.len() > 2 * cn::lpr().get("lpr-1y").unwrap().entries().len());
}
