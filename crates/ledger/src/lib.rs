//! Double entry: accounts, transfers, holds, limits. Pure.
