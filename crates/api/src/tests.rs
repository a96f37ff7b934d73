//! The whole API over a bank in memory: requests in, answers out, no socket.

mod access;
mod bad_input;
mod books;
mod conform;
mod documents;
mod dunning;
mod edits;
mod explanations;
mod isolation;
mod ledger;
mod line_accounts;
mod lines;
mod loan_facts;
mod migrations;
mod once;
mod pages;
mod proposals;
mod reference;
mod securities;
mod service;
mod simulations;
mod walk;
mod world;
