//! From an offer to money.
