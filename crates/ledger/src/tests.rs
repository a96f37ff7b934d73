//! Tables first, then properties over seeds against a second opinion.

mod script;

mod accounts;
mod chains;
mod identity;
mod limits;
mod oracle;
mod properties;
mod reject;
mod reversals;
mod transfers;
mod two_phase;
mod wire;
