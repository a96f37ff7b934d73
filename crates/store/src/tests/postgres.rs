//! What only a shared database can do.
