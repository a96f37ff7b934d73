//! One module per kind of document, and one each for the font and for what is refused.

mod disclosure;
mod font;
mod reader;
mod refusals;
mod sample;
mod statement;

use stdx::Digest;

use crate::Pdf;
use reader::Read;

/// The least and the most of a page that text may use, in points from the lower left corner.
const INSIDE_X: std::ops::RangeInclusive<i64> = 47_999..=547_300;
const INSIDE_Y: std::ops::RangeInclusive<i64> = 61_000..=812_000;

/// The base line of the foot.
const FOOT: i64 = 32_000;

/// What holds for every document: all text on its page, each page numbered, a small file.
fn sound(pdf: &Pdf) -> Read {
    let read = reader::read(&pdf.bytes);
    assert_eq!(read.pages.len(), pdf.pages);
    for (index, page) in read.pages.iter().enumerate() {
        let number = format!("{} / {}", index + 1, pdf.pages);
        assert!(page.iter().any(|it| it.text == number), "page {number}");
        for it in page {
            let end = it.x + it.width;
            assert!(INSIDE_X.contains(&it.x) && INSIDE_X.contains(&end), "{it:?} ends at {end}");
            assert!(it.y == FOOT || INSIDE_Y.contains(&it.y), "{it:?}");
        }
    }
    read
}

fn digest(pdf: &Pdf) -> String {
    Digest::of(&[&pdf.bytes]).to_string()
}
