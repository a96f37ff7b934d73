//! The bank on a store in memory: one module for each topic.
#![allow(clippy::inconsistent_digit_grouping, reason = "amounts are yuan and fen: 12_000_00")]

mod access;
mod accounts;
mod charts;
mod command;
mod days;
mod deposits;
mod documents;
mod dunning;
mod explain;
mod keys;
mod line_accounts;
mod lines;
mod loans;
mod migrations;
mod packs;
mod parties;
mod periods;
mod plain;
mod products;
mod proposals;
mod provisions;
mod random;
mod replays;
mod securities;
mod simulations;
mod statements;
mod world;

use crate::{Bank, Call, loans::Apply};

/// An edge on many threads can hold every command's future.
#[test]
fn commands_can_move_between_threads() {
    fn is_send<T: Send>(_: impl FnOnce(Bank, Call, Apply) -> T) {}
    is_send(|bank, call, apply| async move { bank.apply(&call, &apply).await });
    is_send(|bank, call, apply| async move {
        bank.repay(&call, apply.party.cast(), apply.amount).await
    });
    is_send(|bank, call, _| async move { bank.close_business_date(&call, stdx::Date::MIN).await });
}
