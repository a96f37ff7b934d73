//! The generated pages are those of the code.

use crate::{Scratch, printed};

#[test]
fn pages_are_fresh() {
    let scratch = Scratch::new();
    printed(&["reference", "--out", scratch.text()]);
    compare(scratch.path(), &crate::root().join("docs/reference"));
}

fn compare(fresh: &std::path::Path, kept: &std::path::Path) {
    for entry in std::fs::read_dir(fresh).unwrap() {
        let path = entry.unwrap().path();
        let twin = kept.join(path.file_name().unwrap());
        if path.is_dir() {
            compare(&path, &twin);
            continue;
        }
        let same = std::fs::read(&path).unwrap() == std::fs::read(&twin).unwrap_or_default();
        assert!(same, "{} is stale: run `cargo xtask codegen`", twin.display());
    }
}
