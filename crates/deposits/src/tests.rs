mod account;
mod books;
mod explain;
mod properties;
mod reject;
mod term;
