//! Thousands of random lives.
