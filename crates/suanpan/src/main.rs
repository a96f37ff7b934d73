//! The platform in one binary.
fn main() {}
