//! The routes, one file for each resource: its routes, its requests, its answers.

pub(crate) mod accounts;
pub(crate) mod applications;
pub(crate) mod days;
pub(crate) mod documents;
pub(crate) mod dunning;
pub(crate) mod events;
pub(crate) mod explanations;
pub(crate) mod grades;
pub(crate) mod keys;
pub(crate) mod ledger_accounts;
pub(crate) mod ledger_transfers;
pub(crate) mod line_accounts;
pub(crate) mod lines;
pub(crate) mod loan_facts;
pub(crate) mod loans;
pub(crate) mod migrations;
pub(crate) mod parties;
pub(crate) mod periods;
pub(crate) mod products;
pub(crate) mod proposals;
pub(crate) mod reports;
pub(crate) mod securities;
pub(crate) mod service;
pub(crate) mod simulations;
pub(crate) mod statements;
pub(crate) mod term_deposits;
