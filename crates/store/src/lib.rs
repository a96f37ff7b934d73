//! The commit pipeline and the only SQL.
