//! Codes and numbers are frozen.

use std::collections::BTreeSet;

use crate::reject::ALL;

#[test]
fn numbers_are_in_order_and_codes_are_used_once() {
    let numbers: Vec<_> = ALL.iter().map(|(number, _)| usize::from(*number)).collect();
    assert_eq!(numbers, (1..=ALL.len()).collect::<Vec<_>>());
    let codes: BTreeSet<_> = ALL.iter().map(|(_, code)| code).collect();
    assert_eq!(codes.len(), ALL.len());
}
