mod account;
mod books;
mod properties;
mod reject;
mod term;
