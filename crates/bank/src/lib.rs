//! One function per command, one commit each.
