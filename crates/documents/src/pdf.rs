//! Pages as PDF (ISO 32000-1): one font, of which the document has the glyphs it uses.

use std::collections::{BTreeMap, BTreeSet};

use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::{
    Content, Filter, Finish, Name, Rect, Ref, Str, TextStr,
    types::{CidFontType, FontFlags, SystemInfo, TextRenderingMode, UnicodeCmap},
};
use stdx::Digest;
use subsetter::GlyphRemapper;

use crate::{
    font::{FONT, Font, Length, MISSING_WIDTH},
    layout::{self, Ink, Mark, PAGE_HEIGHT, PAGE_WIDTH, Page, Style},
    sheet::Sheet,
};

/// A finished document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdf {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many pages it has.
    pub pages: usize,
    /// Characters the font does not have; a box stands in their place.
    pub missing: BTreeSet<char>,
}

const CATALOG: Ref = Ref::new(1);
const TREE: Ref = Ref::new(2);
const INFO: Ref = Ref::new(3);
const FONT_ROOT: Ref = Ref::new(4);
const FONT_CID: Ref = Ref::new(5);
const FONT_DESCRIPTOR: Ref = Ref::new(6);
const FONT_FILE: Ref = Ref::new(7);
const FONT_UNICODE: Ref = Ref::new(8);
/// The first page; each takes this number and the next, for its content.
const PAGES_FROM: i32 = 9;

const FONT_NAME: Name<'_> = Name(b"F");
const IDENTITY: SystemInfo<'_> =
    SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

/// The strongest compression deflate has.
const LEVEL: u8 = 9;

pub(crate) fn write(sheet: &Sheet<'_>) -> Pdf {
    let font = Font::new();
    let pages = layout::pages(&font, sheet);
    let glyphs = Glyphs::of(&font, &pages);
    let mut pdf = pdf_writer::Pdf::new();
    pdf.set_version(1, 7);
    let mut catalog = pdf.catalog(CATALOG);
    catalog.pages(TREE);
    catalog.lang(TextStr(sheet.language.tag()));
    catalog.viewer_preferences().display_doc_title(true);
    catalog.finish();
    information(&mut pdf, sheet);
    let ids = |index: usize| {
        let index = i32::try_from(index).expect("a document has few pages");
        let page = Ref::new(PAGES_FROM + 2 * index);
        (page, page.next())
    };
    let kids = (0..pages.len()).map(|index| ids(index).0);
    let count = i32::try_from(pages.len()).expect("a document has few pages");
    pdf.pages(TREE).kids(kids).count(count);
    for (index, page) in pages.iter().enumerate() {
        let (page_id, content_id) = ids(index);
        let mut writer = pdf.page(page_id);
        writer.parent(TREE).contents(content_id);
        writer.media_box(Rect::new(0.0, 0.0, points(PAGE_WIDTH), points(PAGE_HEIGHT)));
        writer.resources().fonts().pair(FONT_NAME, FONT_ROOT);
        writer.finish();
        let content = compress_to_vec_zlib(&draw(&font, &glyphs, page), LEVEL);
        pdf.stream(content_id, &content).filter(Filter::FlateDecode);
    }
    glyphs.embed(&font, &mut pdf);
    let bytes = pdf.finish();
    Pdf { bytes, pages: pages.len(), missing: glyphs.missing }
}

fn information(pdf: &mut pdf_writer::Pdf, sheet: &Sheet<'_>) {
    let mut information = pdf.document_info(INFO);
    information.title(TextStr(sheet.title.get(sheet.language)));
    information.author(TextStr(sheet.issuer.name.get(sheet.language)));
    information.producer(TextStr("Suanpan"));
    let on = sheet.issued_on;
    if let (Ok(year), Ok(month), Ok(day)) =
        (u16::try_from(on.year()), u8::try_from(on.month()), u8::try_from(on.day()))
    {
        information.creation_date(pdf_writer::Date::new(year).month(month).day(day));
    }
}

/// The glyphs a document uses and their numbers in the font it embeds.
struct Glyphs {
    /// By their number in the whole font, with the first character each stands for.
    used: BTreeMap<u16, char>,
    /// Their numbers in the embedded font.
    numbers: GlyphRemapper,
    missing: BTreeSet<char>,
}

impl Glyphs {
    fn of(font: &Font, pages: &[Page]) -> Self {
        let marks = pages.iter().flat_map(|it| &it.marks);
        let texts = marks.filter_map(|it| match it {
            Mark::Text { text, .. } => Some(text),
            Mark::Fill { .. } => None,
        });
        let characters: BTreeSet<char> = texts.flat_map(|it| it.chars()).collect();
        let (mut used, mut missing) = (BTreeMap::new(), BTreeSet::new());
        for character in characters {
            match font.glyph(character) {
                Some(glyph) => {
                    used.entry(glyph).or_insert(character);
                }
                None => {
                    missing.insert(character);
                }
            }
        }
        let glyphs: Vec<u16> = used.keys().copied().collect();
        Self { used, numbers: GlyphRemapper::new_from_glyphs_sorted(&glyphs), missing }
    }

    fn number(&self, glyph: u16) -> u16 {
        self.numbers.get(glyph).expect("all pages were looked at")
    }

    fn embed(&self, font: &Font, pdf: &mut pdf_writer::Pdf) {
        let subset = subsetter::subset(FONT, 0, &self.numbers);
        let subset = subset.expect("a part of the font is a font, a test takes every glyph");
        let outlines = Font::outlines(&subset).expect("the outlines stay");
        let name = format!("{}+NotoSansCJKsc-Regular", tag(outlines));
        let name = Name(name.as_bytes());
        pdf.type0_font(FONT_ROOT)
            .base_font(name)
            .encoding_predefined(Name(b"Identity-H"))
            .descendant_font(FONT_CID)
            .to_unicode(FONT_UNICODE);

        let mut cid = pdf.cid_font(FONT_CID);
        cid.subtype(CidFontType::Type0).base_font(name).system_info(IDENTITY);
        cid.font_descriptor(FONT_DESCRIPTOR).default_width(1_000.0);
        let mut widths = cid.widths();
        for glyph in self.used.keys() {
            let number = self.number(*glyph);
            widths.same(number, number, units(font.advance(*glyph)));
        }
        widths.finish();
        cid.finish();

        let [ascender, descender, capitals] = font.heights();
        let mut descriptor = pdf.font_descriptor(FONT_DESCRIPTOR);
        descriptor.name(name).flags(FontFlags::SYMBOLIC).italic_angle(0.0).stem_v(80.0);
        // The box of the letters, generously: a reader uses it to choose what to draw again.
        descriptor.bbox(Rect::new(-100.0, units(descender), 1_100.0, units(ascender)));
        descriptor.ascent(units(ascender)).descent(units(descender)).cap_height(units(capitals));
        descriptor.font_file3(FONT_FILE);
        descriptor.finish();

        let file = compress_to_vec_zlib(outlines, LEVEL);
        let mut stream = pdf.stream(FONT_FILE, &file);
        stream.filter(Filter::FlateDecode).pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
        stream.finish();

        let mut characters = UnicodeCmap::new(Name(b"Custom"), IDENTITY);
        for (glyph, character) in &self.used {
            characters.pair(self.number(*glyph), *character);
        }
        let characters = compress_to_vec_zlib(characters.finish().as_slice(), LEVEL);
        pdf.stream(FONT_UNICODE, &characters).filter(Filter::FlateDecode);
    }
}

/// Six letters that tell one subset of a font from another (ISO 32000-1, 9.6.4).
fn tag(font: &[u8]) -> String {
    let digest = Digest::of(&[font]);
    digest.as_bytes().iter().take(6).map(|it| char::from(b'A' + it % 26)).collect()
}

fn draw(font: &Font, glyphs: &Glyphs, page: &Page) -> Vec<u8> {
    let mut content = Content::new();
    for mark in &page.marks {
        match mark {
            Mark::Fill { x, y, width, height, ink } => {
                let [red, green, blue] = rgb(*ink);
                content.set_fill_rgb(red, green, blue);
                let bottom = points(PAGE_HEIGHT - y - height);
                content.rect(points(*x), bottom, points(*width), points(*height));
                content.fill_nonzero();
            }
            Mark::Text { x, y, text, style } => {
                draw_text(&mut content, font, glyphs, (*x, *y), text, *style);
            }
        }
    }
    content.finish().to_vec()
}

/// A line of text; where the font lacks a character it is broken by a box.
fn draw_text(
    content: &mut Content,
    font: &Font,
    glyphs: &Glyphs,
    (mut x, y): (Length, Length),
    text: &str,
    style: Style,
) {
    let [red, green, blue] = rgb(style.ink);
    content.set_fill_rgb(red, green, blue);
    content.set_stroke_rgb(red, green, blue);
    let base = PAGE_HEIGHT - y;
    let missing = |it: char| font.glyph(it).is_none();
    for run in text.split_inclusive(missing) {
        let known = run.trim_end_matches(missing);
        let numbers = known.chars().filter_map(|it| font.glyph(it));
        let numbers: Vec<u8> = numbers.flat_map(|it| glyphs.number(it).to_be_bytes()).collect();
        if !numbers.is_empty() {
            content.begin_text();
            content.set_font(FONT_NAME, points(style.size));
            if style.bold {
                // The outlines drawn with a pen make the one weight of the font a second one.
                content.set_line_width(points(style.size / 40));
                content.set_text_rendering_mode(TextRenderingMode::FillStroke);
            } else {
                content.set_text_rendering_mode(TextRenderingMode::Fill);
            }
            content.next_line(points(x), points(base));
            content.show(Str(&numbers));
            content.end_text();
        }
        x += font.width(known, style.size);
        if known.len() < run.len() {
            let width = MISSING_WIDTH * style.size / 1_000;
            let (inset, side) = (width / 10, width * 8 / 10);
            content.set_line_width(points(style.size / 20));
            content.rect(points(x + inset), points(base), points(side), points(side));
            content.stroke();
            x += width;
        }
    }
}

#[allow(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "PDF counts in points; everything before is whole thousandths of one"
)]
fn points(length: Length) -> f32 {
    length as f32 / 1_000.0
}

#[allow(clippy::cast_precision_loss, reason = "a few thousand units of the font")]
fn units(units: i64) -> f32 {
    units as f32
}

fn rgb(ink: Ink) -> [f32; 3] {
    match ink {
        Ink::Black => [0.13, 0.14, 0.16],
        Ink::Grey => [0.42, 0.45, 0.49],
        Ink::Accent => [0.08, 0.22, 0.40],
        Ink::Line => [0.84, 0.86, 0.89],
        Ink::Tint => [0.945, 0.957, 0.973],
    }
}
