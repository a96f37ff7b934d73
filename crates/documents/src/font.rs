//! The font every document is set in: what a character measures, and how a text breaks into lines.

use ttf_parser::{Face, GlyphId};

/// Noto Sans SC; `font/README.md` says how it was made.
pub(crate) const FONT: &[u8] = include_bytes!("../font/NotoSansSC-Regular.otf");

/// A length in thousandths of a point, of which an inch has 72: layout is whole numbers, so that
/// it is the same everywhere.
pub(crate) type Length = i64;

/// Units of the font in the size of a letter.
const UNITS_PER_EM: i64 = 1_000;

/// The width of the box that stands for a character the font lacks, in units of the font.
pub(crate) const MISSING_WIDTH: i64 = 900;

pub(crate) struct Font(Face<'static>);

impl Font {
    pub(crate) fn new() -> Self {
        let face = Face::parse(FONT, 0).expect("the font is part of the program, a test reads it");
        Self(face)
    }

    /// The glyph of a character, if the font has one.
    pub(crate) fn glyph(&self, character: char) -> Option<u16> {
        self.0.glyph_index(character).map(|it| it.0)
    }

    /// How far a glyph moves on, in units of the font.
    pub(crate) fn advance(&self, glyph: u16) -> i64 {
        self.0.glyph_hor_advance(GlyphId(glyph)).map_or(UNITS_PER_EM, i64::from)
    }

    /// Ascender, descender and height of capitals, in units of the font.
    pub(crate) fn heights(&self) -> [i64; 3] {
        let capitals = self.0.capital_height().unwrap_or(self.0.ascender());
        [self.0.ascender(), self.0.descender(), capitals].map(i64::from)
    }

    /// The table with the outlines out of a font, as PDF embeds them.
    pub(crate) fn outlines(font: &[u8]) -> Option<&[u8]> {
        let face = ttf_parser::RawFace::parse(font, 0).ok()?;
        face.table(ttf_parser::Tag::from_bytes(b"CFF "))
    }

    fn character_width(&self, character: char) -> i64 {
        self.glyph(character).map_or(MISSING_WIDTH, |it| self.advance(it))
    }

    /// The width of a text.
    pub(crate) fn width(&self, text: &str, size: Length) -> Length {
        let units: i64 = text.chars().map(|it| self.character_width(it)).sum();
        units * size / UNITS_PER_EM
    }

    /// The largest size, at most `size`, at which a text is no wider than `width`.
    pub(crate) fn fit(&self, text: &str, size: Length, width: Length) -> Length {
        let wide = self.width(text, size);
        if wide <= width { size } else { size * width / wide }
    }

    /// Breaks a text into lines no wider than `width`: between words, beside Chinese characters
    /// (not before a closing and not after an opening mark), within a word only when it does not
    /// fit a line.
    pub(crate) fn wrap(&self, text: &str, size: Length, width: Length) -> Vec<String> {
        let mut lines = Vec::new();
        let (mut line, mut used) = (String::new(), 0);
        for piece in pieces(text).flat_map(|it| self.cut(it, size, width)) {
            let end = used + self.width(piece.trim_end(), size);
            if !line.is_empty() && end > width {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                used = 0;
            }
            line += piece;
            used += self.width(piece, size);
        }
        lines.push(line.trim_end().to_owned());
        lines
    }

    /// The widest piece of a text that does not break.
    pub(crate) fn widest_piece(&self, text: &str, size: Length) -> Length {
        pieces(text).map(|it| self.width(it.trim_end(), size)).max().unwrap_or(0)
    }

    /// A piece, in parts no wider than `width` where it is wider.
    fn cut<'a>(&self, piece: &'a str, size: Length, width: Length) -> Vec<&'a str> {
        let mut parts = Vec::new();
        let mut rest = piece;
        while self.width(rest.trim_end(), size) > width {
            let ends = rest.char_indices().skip(1).map(|(index, _)| index);
            let fitting = ends.take_while(|end| self.width(&rest[..*end], size) <= width).last();
            // One character always goes, however narrow the column.
            let first = rest.chars().next().map_or(rest.len(), char::len_utf8);
            let (head, tail) = rest.split_at(fitting.unwrap_or(first));
            if tail.is_empty() {
                break;
            }
            parts.push(head);
            rest = tail;
        }
        parts.push(rest);
        parts
    }
}

/// Marks that do not begin a line.
const CLOSING: &str = "，。、；：？！）》」』】〉〕”’％%‰…,.;:?!)]}";

/// Marks that do not end a line.
const OPENING: &str = "（《「『【〈〔“‘￥¥([{";

/// The parts of a text between which a line may break; spaces end them.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let characters = || text.char_indices();
    let breaks = characters().zip(characters().skip(1));
    let breaks = breaks.filter(|((_, left), (_, right))| may_break(*left, *right));
    let starts: Vec<usize> = std::iter::once(0).chain(breaks.map(|(_, (at, _))| at)).collect();
    let ends: Vec<usize> = starts.iter().copied().skip(1).chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &text[start..end])
}

fn may_break(left: char, right: char) -> bool {
    let wide = |it: char| it >= '\u{2e80}';
    if right == ' ' || CLOSING.contains(right) || OPENING.contains(left) {
        return false;
    }
    left == ' ' || wide(left) || wide(right)
}
