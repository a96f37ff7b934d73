//! Random histories on both engines, with restarts.
