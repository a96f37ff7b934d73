//! The life of a loan, from application to settlement. Pure.
