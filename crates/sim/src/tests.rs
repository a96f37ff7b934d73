//! A fixed budget of seeds, and proof that the judge would notice.

mod budget;
mod gate;
mod teeth;
