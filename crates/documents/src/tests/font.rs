use stdx::Prng;
use subsetter::GlyphRemapper;

use crate::font::{FONT, Font};

#[test]
fn the_font_has_what_documents_need() {
    let font = Font::new();
    let needed = "零壹贰叁肆伍陆柒捌玖拾佰仟万亿元角分整负人民币（）；：，。、·–〔〕%¥￥喆堃玥珺镕";
    let ascii = (' '..='~').chain(needed.chars());
    let lacking: String = ascii.filter(|it| font.glyph(*it).is_none()).collect();
    assert_eq!(lacking, "");
    // Digits of one width keep amounts under each other.
    let mut widths: Vec<_> = ('0'..='9').map(|it| font.width(&it.to_string(), 1_000)).collect();
    widths.dedup();
    assert_eq!(widths.len(), 1);
}

#[test]
fn every_glyph_can_be_embedded() {
    let font = Font::new();
    let glyphs = ('\0'..char::MAX).filter_map(|it| font.glyph(it));
    let mut glyphs: Vec<u16> = glyphs.collect();
    glyphs.sort_unstable();
    glyphs.dedup();
    assert!(glyphs.len() > 8_000);
    let subset = subsetter::subset(FONT, 0, &GlyphRemapper::new_from_glyphs_sorted(&glyphs));
    assert!(Font::outlines(&subset.unwrap()).is_some());
}

#[test]
fn lines_break_where_they_may() {
    let font = Font::new();
    let wrap = |text: &str, ems: i64| font.wrap(text, 10_000, ems * 10_000);
    assert_eq!(wrap("对逾期本金计收，按日", 7), ["对逾期本金计", "收，按日"]);
    assert_eq!(wrap("本金（含利息）", 3), ["本金", "（含利", "息）"]);
    assert_eq!(wrap("paid within days", 6), ["paid within", "days"]);
    assert_eq!(wrap("", 6), [""]);
    assert_eq!(wrap("1234567890", 3).concat(), "1234567890");
}

#[test]
fn lines_fit_and_lose_nothing_but_spaces() {
    let font = Font::new();
    let alphabet: Vec<char> = "ab c，。（）1,.万亿利息 -𠮷".chars().collect();
    for seed in 0..2_000 {
        let mut prng = Prng::stream(seed, "wrap");
        let text: String = (0..prng.below(60)).map(|_| *prng.pick(&alphabet)).collect();
        let text = text.trim();
        let width = i64::try_from(prng.below(90_000)).unwrap();
        let lines = font.wrap(text, 8_500, width);
        let kept = |it: &str| it.replace(' ', "");
        assert_eq!(kept(&lines.concat()), kept(text), "seed {seed}");
        for line in &lines {
            let fits = font.width(line, 8_500) <= width.max(10_000);
            assert!(fits, "seed {seed}: {line:?} in {width}");
        }
    }
}
