//! Where everything stands: a sheet becomes pages of A4 with marks on them.
//!
//! A row of a table is never split over pages, the head of a table is repeated, and a heading
//! stays with what it heads. Amounts are never broken: a table that is too wide is set smaller.

use crate::{
    font::{Font, Length},
    sheet::{Align, Block, Column, Fact, Sheet, Table},
};

/// A4.
pub(crate) const PAGE_WIDTH: Length = 595_276;
pub(crate) const PAGE_HEIGHT: Length = 841_890;

const MARGIN: Length = 48_000;
const WIDTH: Length = PAGE_WIDTH - 2 * MARGIN;
const RIGHT: Length = PAGE_WIDTH - MARGIN;
const TOP: Length = 66_000;
const BOTTOM: Length = PAGE_HEIGHT - 58_000;

const GAP: Length = 12_000;
const RULE: Length = 400;
const RULE_STRONG: Length = 900;

const TITLE: Length = 18_000;
const SUBTITLE: Length = 9_500;
const HEADING: Length = 11_000;
const VALUE: Length = 9_000;
const LABEL: Length = 8_500;
const SMALL: Length = 7_500;
const CARD_VALUE: Length = 13_000;

/// Sizes a table is tried at, until its amounts fit.
const TABLE_SIZES: [Length; 7] = [8_500, 8_000, 7_500, 7_000, 6_500, 6_000, 5_500];

const CELL_PAD_X: Length = 4_000;
const CELL_PAD_Y: Length = 3_000;

/// What a heading takes, and what it needs below it on its page: the head of a table and a row.
const HEADING_HEIGHT: Length = HEADING + GAP + 4_000;
const HEADED: Length = 44_000;

pub(crate) struct Page {
    pub(crate) marks: Vec<Mark>,
}

/// Something on a page; `y` runs down from its upper edge.
pub(crate) enum Mark {
    /// A line of text; `y` is its base line.
    Text { x: Length, y: Length, text: String, style: Style },
    /// A filled rectangle.
    Fill { x: Length, y: Length, width: Length, height: Length, ink: Ink },
}

#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: Length,
    pub(crate) ink: Ink,
    pub(crate) bold: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Text.
    Black,
    /// Labels and small print.
    Grey,
    /// Titles.
    Accent,
    /// Thin lines.
    Line,
    /// Behind figures and heads of tables.
    Tint,
}

const fn style(size: Length, ink: Ink) -> Style {
    Style { size, ink, bold: false }
}

const fn bold(size: Length, ink: Ink) -> Style {
    Style { size, ink, bold: true }
}

/// The pages of a sheet, at least one.
pub(crate) fn pages(font: &Font, sheet: &Sheet<'_>) -> Vec<Page> {
    let mut flow = Flow { font, pages: vec![Page { marks: Vec::new() }], y: TOP };
    flow.title(sheet);
    for block in &sheet.blocks {
        match block {
            Block::Facts(facts) => flow.facts(facts),
            Block::Cards(cards) => flow.cards(cards),
            Block::Heading(text) => flow.heading(text),
            Block::Paragraph(text) => flow.paragraph(text),
            Block::Table(table) => flow.table(table),
        }
    }
    flow.frame(sheet);
    flow.pages
}

/// Fills pages from top to bottom.
struct Flow<'a> {
    font: &'a Font,
    pages: Vec<Page>,
    /// Where the next block begins.
    y: Length,
}

impl Flow<'_> {
    fn put(&mut self, mark: Mark) {
        self.pages.last_mut().expect("there is a first page").marks.push(mark);
    }

    fn text(&mut self, x: Length, y: Length, text: &str, style: Style) {
        if !text.is_empty() {
            self.put(Mark::Text { x, y, text: text.to_owned(), style });
        }
    }

    fn text_to(&mut self, right: Length, y: Length, text: &str, style: Style) {
        self.text(right - self.font.width(text, style.size), y, text, style);
    }

    fn fill(&mut self, x: Length, y: Length, width: Length, height: Length, ink: Ink) {
        self.put(Mark::Fill { x, y, width, height, ink });
    }

    fn rule(&mut self, y: Length, height: Length, ink: Ink) {
        self.fill(MARGIN, y, WIDTH, height, ink);
    }

    fn fits(&self, height: Length) -> bool {
        self.y + height <= BOTTOM
    }

    fn new_page(&mut self) {
        self.pages.push(Page { marks: Vec::new() });
        self.y = TOP;
    }

    /// The base line of text of a size in a line of a height that begins at `y`: capitals stand
    /// in its middle.
    fn base(&self, y: Length, height: Length, size: Length) -> Length {
        let [_, _, capitals] = self.font.heights();
        y + (height + capitals * size / 1_000) / 2
    }

    fn title(&mut self, sheet: &Sheet<'_>) {
        let title = sheet.title.get(sheet.language);
        let size = self.font.fit(title, TITLE, WIDTH);
        self.text(MARGIN, self.y + TITLE, title, bold(size, Ink::Accent));
        let other = sheet.title.get(sheet.language.other());
        let y = self.y + TITLE + 15_000;
        self.text(MARGIN, y, other, style(SUBTITLE, Ink::Grey));
        self.y = y + GAP;
    }

    fn facts(&mut self, facts: &[Fact]) {
        const GUTTER: Length = 20_000;
        const LINE: Length = 14_000;
        let column = (WIDTH - GUTTER) / 2;
        let labels = facts.iter().map(|it| self.font.width(&it.label, LABEL)).max();
        let label = labels.unwrap_or(0).min(column / 2) + 8_000;
        let mut rest = facts;
        while let Some(first) = rest.first() {
            let pair = !first.wide && rest.get(1).is_some_and(|it| !it.wide);
            let (row, after) = rest.split_at(if pair { 2 } else { 1 });
            rest = after;
            let width = if first.wide { WIDTH } else { column };
            let wrap = |it: &Fact| self.font.wrap(&it.value, VALUE, width - label);
            let values: Vec<Vec<String>> = row.iter().map(wrap).collect();
            let lines = values.iter().map(Vec::len).max().unwrap_or(1);
            let height = LINE * length(lines);
            if !self.fits(height) {
                self.new_page();
            }
            for (index, (fact, lines)) in row.iter().zip(values).enumerate() {
                let x = MARGIN + (column + GUTTER) * length(index);
                let y = self.base(self.y, LINE, VALUE);
                self.text(x, y, &fact.label, style(LABEL, Ink::Grey));
                for (number, line) in lines.iter().enumerate() {
                    let down = LINE * length(number);
                    self.text(x + label, y + down, line, style(VALUE, Ink::Black));
                }
            }
            self.y += height;
        }
        self.y += GAP / 2;
    }

    fn cards(&mut self, cards: &[Fact]) {
        const SPACE: Length = 8_000;
        const HEIGHT: Length = 44_000;
        const PAD: Length = 9_000;
        // Up to four side by side, more in two rows.
        let count = cards.len().max(1);
        let count = if count > 4 { count.div_ceil(2) } else { count };
        let width = (WIDTH - SPACE * length(count - 1)) / length(count);
        let inner = width - 2 * PAD;
        // One size for all of them.
        let fit = |size, text: fn(&Fact) -> &str| {
            cards.iter().fold(size, |size, it| self.font.fit(text(it), size, inner))
        };
        let label = fit(SMALL, |it| &it.label);
        let value = fit(CARD_VALUE, |it| &it.value);
        for row in cards.chunks(count) {
            if !self.fits(HEIGHT) {
                self.new_page();
            }
            for (index, card) in row.iter().enumerate() {
                let x = MARGIN + (width + SPACE) * length(index);
                self.fill(x, self.y, width, HEIGHT, Ink::Tint);
                self.fill(x, self.y, 2_000, HEIGHT, Ink::Accent);
                self.text(x + PAD, self.y + 15_500, &card.label, style(label, Ink::Grey));
                self.text(x + PAD, self.y + 33_500, &card.value, bold(value, Ink::Accent));
            }
            self.y += HEIGHT + SPACE;
        }
        self.y += GAP - SPACE;
    }

    fn heading(&mut self, text: &str) {
        if !self.fits(HEADING_HEIGHT + HEADED) {
            self.new_page();
        }
        let size = self.font.fit(text, HEADING, WIDTH);
        self.text(MARGIN, self.y + GAP / 2 + HEADING, text, bold(size, Ink::Accent));
        self.y += HEADING_HEIGHT;
    }

    fn paragraph(&mut self, text: &str) {
        const LINE: Length = 13_500;
        for line in self.font.wrap(text, LABEL, WIDTH) {
            if !self.fits(LINE) {
                self.new_page();
            }
            let y = self.base(self.y, LINE, LABEL);
            self.text(MARGIN, y, &line, style(LABEL, Ink::Black));
            self.y += LINE;
        }
        self.y += GAP / 3;
    }

    fn table(&mut self, table: &Table) {
        let grid = Grid::new(self.font, table);
        let head: Vec<String> = table.columns.iter().map(|it| it.head.clone()).collect();
        let head_height = grid.height(self.font, &head, true);
        let total_height = table.total.as_ref().map_or(0, |it| grid.height(self.font, it, false));
        let mut headed = false;
        for (index, row) in table.rows.iter().enumerate() {
            let height = grid.height(self.font, row, false);
            let last = index + 1 == table.rows.len();
            // The sum is not left alone on a page.
            let rest = if last { total_height } else { 0 };
            let needed = height + rest + if headed { 0 } else { head_height };
            if !self.fits(needed) {
                self.new_page();
                headed = false;
            }
            if !headed {
                self.fill(MARGIN, self.y, WIDTH, head_height, Ink::Tint);
                self.row(&grid, &table.columns, &head, true, bold(grid.size, Ink::Accent));
                self.rule(self.y - RULE_STRONG, RULE_STRONG, Ink::Accent);
                headed = true;
            }
            self.row(&grid, &table.columns, row, false, style(grid.size, Ink::Black));
            self.rule(self.y - RULE, RULE, Ink::Line);
        }
        if let Some(total) = &table.total {
            self.rule(self.y - RULE, RULE_STRONG, Ink::Accent);
            self.row(&grid, &table.columns, total, false, bold(grid.size, Ink::Black));
        }
        self.y += GAP;
    }

    fn row(&mut self, grid: &Grid, columns: &[Column], cells: &[String], head: bool, style: Style) {
        let height = grid.height(self.font, cells, head);
        let mut x = MARGIN;
        for ((cell, column), width) in cells.iter().zip(columns).zip(&grid.widths) {
            let inner = width - 2 * CELL_PAD_X;
            let lines = grid.lines(self.font, cell, column.align, head, inner);
            let top = self.y + (height - grid.leading() * length(lines.len())) / 2;
            for (number, line) in lines.iter().enumerate() {
                let y = top + grid.leading() * length(number);
                let y = self.base(y, grid.leading(), style.size);
                let style = Style { size: self.font.fit(line, style.size, inner), ..style };
                match column.align {
                    Align::Right => self.text_to(x + width - CELL_PAD_X, y, line, style),
                    Align::Left | Align::LeftShort => self.text(x + CELL_PAD_X, y, line, style),
                }
            }
            x += width;
        }
        self.y += height;
    }

    /// Head and foot of every page.
    fn frame(&mut self, sheet: &Sheet<'_>) {
        let font = self.font;
        let count = self.pages.len();
        let issuer = sheet.issuer.name.get(sheet.language);
        let contact = sheet.issuer.contact.as_ref().map_or("", |it| it.get(sheet.language));
        for (index, page) in self.pages.iter_mut().enumerate() {
            let mut put = |x, y, text: &str, style| {
                page.marks.push(Mark::Text { x, y, text: text.to_owned(), style });
            };
            let reference = style(font.fit(&sheet.reference, LABEL, WIDTH / 2), Ink::Grey);
            let width = font.width(&sheet.reference, reference.size);
            put(RIGHT - width, 40_000, &sheet.reference, reference);
            let room = WIDTH - width - GAP;
            put(MARGIN, 40_000, issuer, bold(font.fit(issuer, 12_000, room), Ink::Accent));
            let number = format!("{} / {count}", index + 1);
            let width = font.width(&number, SMALL);
            let foot = PAGE_HEIGHT - 32_000;
            put(RIGHT - width, foot, &number, style(SMALL, Ink::Grey));
            if !contact.is_empty() {
                let size = font.fit(contact, SMALL, WIDTH - width - GAP);
                put(MARGIN, foot, contact, style(size, Ink::Grey));
            }
            for (y, height, ink) in
                [(48_000, RULE_STRONG, Ink::Accent), (PAGE_HEIGHT - 44_000, RULE, Ink::Line)]
            {
                page.marks.push(Mark::Fill { x: MARGIN, y, width: WIDTH, height, ink });
            }
        }
    }
}

/// The widths of a table's columns, which fill the page, and the size of its text.
struct Grid {
    size: Length,
    widths: Vec<Length>,
    columns: Vec<Align>,
}

impl Grid {
    fn new(font: &Font, table: &Table) -> Self {
        let columns = table.columns.iter().map(|it| it.align).collect();
        let mut tried = TABLE_SIZES.iter().map(|size| (*size, wishes(font, table, *size)));
        let fitting = tried.find_map(|(size, wishes)| Some((size, spread(&wishes)?)));
        let (size, widths) = fitting.unwrap_or_else(|| {
            let size = TABLE_SIZES[TABLE_SIZES.len() - 1];
            (size, squeeze(&wishes(font, table, size)))
        });
        Self { size, widths, columns }
    }

    fn leading(&self) -> Length {
        self.size * 14 / 10
    }

    /// A head breaks wherever it may, a text too; dates and amounts never.
    fn lines(
        &self,
        font: &Font,
        cell: &str,
        align: Align,
        head: bool,
        width: Length,
    ) -> Vec<String> {
        if head || align == Align::Left {
            font.wrap(cell, self.size, width)
        } else {
            vec![cell.to_owned()]
        }
    }

    fn height(&self, font: &Font, cells: &[String], head: bool) -> Length {
        let cells = cells.iter().zip(&self.columns).zip(&self.widths);
        let lines = cells.map(|((cell, align), width)| {
            self.lines(font, cell, *align, head, width - 2 * CELL_PAD_X).len()
        });
        length(lines.max().unwrap_or(1)) * self.leading() + 2 * CELL_PAD_Y
    }
}

/// What a column needs at least, and what it would like.
struct Wish {
    least: Length,
    most: Length,
}

fn wishes(font: &Font, table: &Table, size: Length) -> Vec<Wish> {
    let wish = |(index, column): (usize, &Column)| {
        let rows = table.rows.iter().chain(&table.total);
        let (mut least, mut most) =
            (font.widest_piece(&column.head, size), font.width(&column.head, size));
        for row in rows {
            let natural = font.width(&row[index], size);
            let unbroken = match column.align {
                Align::Left => font.widest_piece(&row[index], size),
                Align::LeftShort | Align::Right => natural,
            };
            least = least.max(unbroken);
            most = most.max(natural);
        }
        Wish { least: least + 2 * CELL_PAD_X, most: most + 2 * CELL_PAD_X }
    };
    table.columns.iter().enumerate().map(wish).collect()
}

/// Widths that fill the page, if every column gets what it needs.
fn spread(wishes: &[Wish]) -> Option<Vec<Length>> {
    let least: Length = wishes.iter().map(|it| it.least).sum();
    let most: Length = wishes.iter().map(|it| it.most).sum();
    if most <= WIDTH {
        let share = (WIDTH - most) / length(wishes.len().max(1));
        return Some(wishes.iter().map(|it| it.most + share).collect());
    }
    let (room, wanted) = (WIDTH - least, most - least);
    let width = |it: &Wish| it.least + (it.most - it.least) * room / wanted;
    (room >= 0).then(|| wishes.iter().map(width).collect())
}

/// Widths in the proportion of what the columns need; their text is then set smaller.
fn squeeze(wishes: &[Wish]) -> Vec<Length> {
    let least: Length = wishes.iter().map(|it| it.least).sum();
    wishes.iter().map(|it| it.least * WIDTH / least).collect()
}

fn length(count: usize) -> Length {
    Length::try_from(count).expect("a count of things on paper")
}
