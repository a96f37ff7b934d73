//! Reads back the PDF that this crate writes: objects in plain sight, streams of deflate, one font
//! with its widths and its characters.

use std::collections::BTreeMap;

use miniz_oxide::inflate::decompress_to_vec_zlib;

pub(super) struct Read {
    pub(super) pages: Vec<Vec<Piece>>,
}

/// A run of text as it is shown, in thousandths of a point.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) text: String,
}

impl Read {
    pub(super) fn texts(&self) -> Vec<&str> {
        self.pages.iter().flatten().map(|it| &*it.text).collect()
    }

    /// How often a text is shown.
    pub(super) fn count(&self, text: &str) -> usize {
        self.texts().iter().filter(|it| **it == text).count()
    }

    /// All text, without the spaces at which lines break.
    pub(super) fn all(&self) -> String {
        self.texts().concat().replace(' ', "")
    }
}

pub(super) fn read(pdf: &[u8]) -> Read {
    let objects = objects(pdf);
    let find = |word: &str| objects.values().find(|it| it.head.contains(word)).unwrap();
    let type0 = find("/Subtype /Type0");
    let characters = characters(&objects[&reference(&type0.head, "/ToUnicode")].data);
    let cid = &objects[&reference(&type0.head.replace('[', " "), "/DescendantFonts")];
    let widths = widths(&cid.head);
    let pages = objects.values().filter(|it| it.head.contains("/Type /Page\n"));
    let contents = pages.map(|it| &objects[&reference(&it.head, "/Contents")].data);
    Read { pages: contents.map(|it| pieces(it, &characters, &widths)).collect() }
}

struct Object {
    head: String,
    data: String,
}

fn objects(pdf: &[u8]) -> BTreeMap<u32, Object> {
    // One byte is one character, whatever it is.
    let text: String = pdf.iter().map(|it| char::from(*it)).collect();
    let mut objects = BTreeMap::new();
    let mut rest = &*text;
    while let Some((before, after)) = rest.split_once(" 0 obj\n") {
        let number = before.rsplit(['\n', ' ']).next().unwrap().parse().unwrap();
        let (body, next) = after.split_once("\nendobj").unwrap();
        let (head, data) = match body.split_once("\nstream\n") {
            Some((head, stream)) => {
                let data: Vec<u8> = stream.chars().map(|it| u8::try_from(it).unwrap()).collect();
                let length = data.len() - "\nendstream".len();
                let data = decompress_to_vec_zlib(&data[..length]).unwrap();
                (head, data.iter().map(|it| char::from(*it)).collect())
            }
            None => (body, String::new()),
        };
        objects.insert(number, Object { head: head.to_owned(), data });
        rest = next;
    }
    objects
}

fn reference(head: &str, key: &str) -> u32 {
    let (_, after) = head.split_once(key).unwrap();
    after.split_whitespace().next().unwrap().parse().unwrap()
}

/// `<0001> <4E2D>`
fn characters(map: &str) -> BTreeMap<u16, char> {
    let pairs = map.lines().filter_map(|it| it.strip_prefix('<')?.split_once("> <"));
    let pairs = pairs.filter(|(_, right)| right.len() == 5);
    let hex = |it: &str| u16::from_str_radix(it, 16).unwrap();
    let character = |it: &str| char::from_u32(u32::from(hex(&it[..4]))).unwrap();
    pairs.map(|(left, right)| (hex(left), character(right))).collect()
}

/// `/W [1 1 555 2 9 1000]`: from, to, width.
fn widths(head: &str) -> BTreeMap<u16, i64> {
    let (_, after) = head.split_once("/W [").unwrap();
    let (list, _) = after.split_once(']').unwrap();
    let numbers: Vec<i64> = list.split_whitespace().map(|it| it.parse().unwrap()).collect();
    let ranges = numbers.chunks_exact(3);
    let each = ranges.flat_map(|it| (it[0]..=it[1]).map(|glyph| (glyph, it[2])));
    each.map(|(glyph, width)| (u16::try_from(glyph).unwrap(), width)).collect()
}

fn pieces(
    content: &str,
    characters: &BTreeMap<u16, char>,
    widths: &BTreeMap<u16, i64>,
) -> Vec<Piece> {
    let (mut pieces, mut size, mut place) = (Vec::new(), 0, (0, 0));
    for line in content.lines() {
        if let Some(font) = line.strip_suffix(" Tf") {
            size = thousandths(font.split_once(' ').unwrap().1);
        } else if let Some(at) = line.strip_suffix(" Td") {
            let (x, y) = at.split_once(' ').unwrap();
            place = (thousandths(x), thousandths(y));
        } else if let Some(string) = line.strip_suffix(" Tj") {
            let glyphs = glyphs(string);
            let text = glyphs.iter().map(|it| characters[it]).collect();
            let units: i64 = glyphs.iter().map(|it| widths[it]).sum();
            pieces.push(Piece { x: place.0, y: place.1, width: units * size / 1_000, text });
        }
    }
    pieces
}

/// A decimal number of points.
fn thousandths(points: &str) -> i64 {
    let (whole, fraction) = points.split_once('.').unwrap_or((points, ""));
    format!("{whole}{:0<3}", &fraction[..fraction.len().min(3)]).parse().unwrap()
}

/// Two bytes are a glyph. A string is `<hex>`, or `(literal)` when its bytes allow.
fn glyphs(string: &str) -> Vec<u16> {
    let bytes: Vec<u8> = match string.strip_prefix('<') {
        Some(hex) => {
            let digits = hex.trim_end_matches('>').as_bytes().chunks_exact(2);
            let byte = |it: &[u8]| u8::from_str_radix(std::str::from_utf8(it).unwrap(), 16);
            digits.map(|it| byte(it).unwrap()).collect()
        }
        None => literal(&string[1..string.len() - 1]),
    };
    bytes.chunks_exact(2).map(|it| u16::from_be_bytes([it[0], it[1]])).collect()
}

fn literal(string: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut characters = string.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                first @ '0'..='7' => {
                    let rest = characters.by_ref().take(2);
                    let octal: String = [first].into_iter().chain(rest).collect();
                    char::from(u8::from_str_radix(&octal, 8).unwrap())
                }
                other => other,
            },
            other => other,
        };
        bytes.push(u8::try_from(character).unwrap());
    }
    bytes
}
