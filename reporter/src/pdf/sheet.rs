//! Sheets of A4 that fill from top to bottom: text, lines, areas and tables, as PDF's own drawing operators.
//! Neighbours: `font.rs` knows how wide text is, `mod.rs` and `charts.rs` say what is drawn. Invariants: what does not fit begins a new
//! sheet; all text is cut to the room it has; equal calls give equal bytes, so no date or number of chance is written.

use super::font::{Font, letters};
use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use std::io::Write;

/// A4 in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
/// Where anything begins from the left, and ends from the right.
pub(super) const LEFT: f32 = 44.0;
pub(super) const RIGHT: f32 = WIDTH - LEFT;
const TOP: f32 = 44.0;
const BOTTOM: f32 = HEIGHT - 52.0;
/// Height of a row of a table.
const ROW: f32 = 12.0;

/// A colour on white paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

/// The colours of the page on the screen, those of its light theme.
pub(super) const INK: Colour = Colour(0x1b, 0x22, 0x28);
pub(super) const SOFT: Colour = Colour(0x4d, 0x58, 0x61);
pub(super) const MUTED: Colour = Colour(0x6d, 0x77, 0x80);
pub(super) const GRID: Colour = Colour(0xe2, 0xe6, 0xea);
pub(super) const PAPER: Colour = Colour(0xff, 0xff, 0xff);
pub(super) const GOOD: Colour = Colour(0x1d, 0x6b, 0x45);
pub(super) const GOOD_SOFT: Colour = Colour(0xe3, 0xf1, 0xe8);
pub(super) const WARN: Colour = Colour(0x7d, 0x54, 0x00);
pub(super) const WARN_SOFT: Colour = Colour(0xfb, 0xf0, 0xd6);
pub(super) const BAD: Colour = Colour(0xb3, 0x32, 0x1f);
pub(super) const BAD_SOFT: Colour = Colour(0xfb, 0xe7, 0xe3);

/// A place on a sheet, from its upper left corner.
pub(super) type Point = (f32, f32);

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) colour: Colour,
    pub(super) width: f32,
    pub(super) dashed: bool,
}

/// A column of a table; the first takes the room that the others leave.
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) width: f32,
    pub(super) right: bool,
}

/// A row of a table: its cells, and whether it is shown as a bad one.
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    pub(super) bad: bool,
}

/// The sheets so far; all is drawn on the last one.
pub(super) struct Sheets {
    sheets: Vec<Content>,
    /// Where the next thing begins, from the top.
    y: f32,
    replaced: bool,
}

impl Sheets {
    pub(super) fn new() -> Sheets {
        Sheets {
            sheets: vec![Content::new()],
            y: TOP,
            replaced: false,
        }
    }

    /// Where the next thing begins, from the top.
    pub(super) fn y(&self) -> f32 {
        self.y
    }

    /// Leaves this much room, or what has been drawn in it.
    pub(super) fn skip(&mut self, height: f32) {
        self.y += height;
    }

    /// Begins a new sheet unless this one has so much room left.
    pub(super) fn need(&mut self, height: f32) {
        if self.y + height > BOTTOM {
            self.new_sheet();
        }
    }

    /// Begins a new sheet.
    pub(super) fn new_sheet(&mut self) {
        self.sheets.push(Content::new());
        self.y = TOP;
    }

    /// Rows of a table that fit until the end of this sheet, counted from 1, with so much room left below them; at least three.
    pub(super) fn rows_left(&self, last: usize, below: f32) -> usize {
        let whole = last.saturating_sub(self.sheets.len()) as f32;
        // Each sheet has the heading of the table again, and may end with less than a row.
        let room = BOTTOM - self.y - below - 3.0 * ROW + whole * (BOTTOM - TOP - 2.0 * ROW);
        ((room / ROW) as usize).max(3)
    }

    /// Whether a character of any text so far was one that the fonts lack.
    pub(super) fn has_replaced(&self) -> bool {
        self.replaced
    }

    fn encoded(&mut self, text: &str) -> Vec<u8> {
        let (letters, replaced) = letters(text);
        self.replaced |= replaced;
        letters
    }

    fn sheet(&mut self) -> &mut Content {
        self.sheets.last_mut().expect("there is always a sheet")
    }

    fn set(&mut self, font: Font, colour: Colour, (x, y): Point, letters: &[u8]) {
        let sheet = self.sheet();
        fill(sheet, colour);
        sheet.begin_text();
        sheet.set_font(font_name(font), font.size);
        sheet.next_line(x, HEIGHT - y);
        sheet.show(Str(letters));
        sheet.end_text();
    }

    /// Text on a base line, cut to this width.
    pub(super) fn text(&mut self, font: Font, colour: Colour, at: Point, width: f32, text: &str) {
        let letters = self.encoded(text);
        self.set(font, colour, at, &font.fitted(&letters, width));
    }

    /// Text that ends here.
    pub(super) fn text_to(
        &mut self,
        font: Font,
        colour: Colour,
        at: Point,
        width: f32,
        text: &str,
    ) {
        let letters = self.encoded(text);
        let letters = font.fitted(&letters, width);
        let x = at.0 - font.width(&letters);
        self.set(font, colour, (x, at.1), &letters);
    }

    /// Text around this place.
    pub(super) fn text_around(&mut self, font: Font, colour: Colour, at: Point, text: &str) {
        let letters = self.encoded(text);
        let x = at.0 - font.width(&letters) / 2.0;
        self.set(font, colour, (x, at.1), &letters);
    }

    /// How wide a text will be.
    pub(super) fn width_of(&self, font: Font, text: &str) -> f32 {
        font.width(&letters(text).0)
    }

    /// The text broken into lines of this width, at most so many, the last one cut where there are more.
    pub(super) fn lines(
        &mut self,
        font: Font,
        text: &str,
        width: f32,
        most: usize,
    ) -> Vec<Vec<u8>> {
        let letters = self.encoded(text);
        let mut lines = font.wrapped(&letters, width);
        if lines.len() > most {
            let rest = lines[most - 1..].join(&b' ');
            lines.truncate(most - 1);
            lines.push(font.fitted(&rest, width));
        }
        lines
    }

    /// Sets lines at the left one below the other, and goes on below them.
    pub(super) fn paragraph(&mut self, font: Font, colour: Colour, x: f32, lines: &[Vec<u8>]) {
        for line in lines {
            self.need(font.size * LEADING);
            self.y += font.size * LEADING;
            let y = self.y - font.size * (LEADING - 1.0);
            self.set(font, colour, (x, y), line);
        }
    }

    /// A filled box.
    pub(super) fn box_filled(&mut self, colour: Colour, (x, y): Point, (width, height): Point) {
        let sheet = self.sheet();
        fill(sheet, colour);
        sheet.rect(x, HEIGHT - y - height, width, height);
        sheet.fill_nonzero();
    }

    /// A filled area between these corners.
    pub(super) fn area(&mut self, colour: Colour, corners: &[Point]) {
        if corners.len() < 3 {
            return;
        }
        let sheet = self.sheet();
        fill(sheet, colour);
        path(sheet, corners);
        sheet.close_path();
        sheet.fill_nonzero();
    }

    /// A line through these points; a single one is a dot.
    pub(super) fn line(&mut self, stroke: Stroke, points: &[Point]) {
        let Some((x, y)) = points.first().copied() else {
            return;
        };
        if points.len() == 1 {
            let size = stroke.width * 1.5;
            let corner = (x - size / 2.0, y - size / 2.0);
            return self.box_filled(stroke.colour, corner, (size, size));
        }
        let sheet = self.sheet();
        sheet.save_state();
        let [red, green, blue] = parts(stroke.colour);
        sheet.set_stroke_rgb(red, green, blue);
        sheet.set_line_width(stroke.width);
        sheet.set_line_join(pdf_writer::types::LineJoinStyle::RoundJoin);
        if stroke.dashed {
            sheet.set_dash_pattern([4.0, 3.0], 0.0);
        }
        path(sheet, points);
        sheet.stroke();
        sheet.restore_state();
    }

    /// A heading of a section, which keeps so much room below it on the same sheet.
    pub(super) fn heading(&mut self, text: &str, room: f32) {
        const FONT: Font = Font::bold(12.0);
        self.need(26.0 + room);
        self.y += 24.0;
        let at = (LEFT, self.y);
        self.text(FONT, INK, at, RIGHT - LEFT, text);
        self.y += 6.0;
    }

    /// A table with a caption; it goes on on the next sheet under its heading again. Rows past the limit are counted in words.
    pub(super) fn table(&mut self, caption: &str, columns: &[Column], rows: &[Row], most: usize) {
        const SMALL: Font = Font::plain(7.5);
        self.need(4.0 * ROW);
        self.y += 1.4 * ROW;
        let at = (LEFT, self.y);
        self.text(Font::plain(8.5), SOFT, at, RIGHT - LEFT, caption);
        self.y += 4.0;
        self.table_heading(columns);
        for row in rows.iter().take(most) {
            if self.y + ROW > BOTTOM {
                self.new_sheet();
                self.table_heading(columns);
            }
            let colour = if row.bad { BAD } else { INK };
            self.table_row(SMALL, colour, columns, row.cells.iter().map(String::as_str));
            self.rule(GRID);
        }
        if rows.len() > most {
            self.y += ROW;
            let words = format!("and {} more in report.html", rows.len() - most);
            let at = (LEFT, self.y - 3.0);
            self.text(SMALL, SOFT, at, RIGHT - LEFT, &words);
        }
        self.y += 4.0;
    }

    fn table_heading(&mut self, columns: &[Column]) {
        let titles = columns.iter().map(|column| column.title);
        self.table_row(Font::bold(7.5), SOFT, columns, titles);
        self.rule(MUTED);
    }

    fn table_row<'t>(
        &mut self,
        font: Font,
        colour: Colour,
        columns: &[Column],
        cells: impl Iterator<Item = &'t str>,
    ) {
        self.y += ROW;
        let y = self.y - 3.5;
        let mut x = LEFT;
        for (column, cell) in columns.iter().zip(cells) {
            let room = column.width - 5.0;
            if column.right {
                self.text_to(font, colour, (x + column.width, y), room, cell);
            } else {
                self.text(font, colour, (x, y), room, cell);
            }
            x += column.width;
        }
    }

    fn rule(&mut self, colour: Colour) {
        let y = self.y;
        let stroke = Stroke {
            colour,
            width: 0.5,
            dashed: false,
        };
        self.line(stroke, &[(LEFT, y), (RIGHT, y)]);
    }

    /// The document as the bytes of a file; every sheet gets this line and its number at its foot.
    pub(super) fn finish(mut self, title: &str, foot: &str) -> Vec<u8> {
        let count = self.sheets.len();
        let sheets = std::mem::take(&mut self.sheets);
        let mut finished = Vec::with_capacity(count);
        for (index, sheet) in sheets.into_iter().enumerate() {
            self.sheets.push(sheet);
            let y = HEIGHT - 30.0;
            let number = format!("page {} of {count}", index + 1);
            self.text(
                Font::plain(7.5),
                MUTED,
                (LEFT, y),
                RIGHT - LEFT - 70.0,
                foot,
            );
            self.text_to(Font::plain(7.5), MUTED, (RIGHT, y), 70.0, &number);
            finished.extend(self.sheets.pop());
        }
        file(title, finished)
    }
}

/// Distance of base lines in sizes of the font.
const LEADING: f32 = 1.35;

fn file(title: &str, sheets: Vec<Content>) -> Vec<u8> {
    let (catalog, tree, plain, bold, info) = (
        Ref::new(1),
        Ref::new(2),
        Ref::new(3),
        Ref::new(4),
        Ref::new(5),
    );
    let mut next = 6;
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree).lang(TextStr("en"));
    pdf.document_info(info)
        .title(TextStr(title))
        .creator(TextStr("LoadForge"));
    for (id, name) in [(plain, "Helvetica"), (bold, "Helvetica-Bold")] {
        pdf.type1_font(id)
            .base_font(Name(name.as_bytes()))
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    let mut pages = Vec::with_capacity(sheets.len());
    for sheet in sheets {
        let (page_id, content_id) = (Ref::new(next), Ref::new(next + 1));
        next += 2;
        pages.push(page_id);
        let mut page = pdf.page(page_id);
        page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT));
        page.parent(tree).contents(content_id);
        let mut resources = page.resources();
        resources
            .fonts()
            .pair(PLAIN_NAME, plain)
            .pair(BOLD_NAME, bold);
        resources.finish();
        page.finish();
        let packed = packed(&sheet.finish());
        pdf.stream(content_id, &packed).filter(Filter::FlateDecode);
    }
    let count = pages.len() as i32;
    pdf.pages(tree).kids(pages).count(count);
    pdf.finish()
}

const PLAIN_NAME: Name<'static> = Name(b"F1");
const BOLD_NAME: Name<'static> = Name(b"F2");

fn font_name(font: Font) -> Name<'static> {
    if font.bold { BOLD_NAME } else { PLAIN_NAME }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("memory takes everything")
}

fn parts(colour: Colour) -> [f32; 3] {
    [colour.0, colour.1, colour.2].map(|part| f32::from(part) / 255.0)
}

fn fill(sheet: &mut Content, colour: Colour) {
    let [red, green, blue] = parts(colour);
    sheet.set_fill_rgb(red, green, blue);
}

fn path(sheet: &mut Content, points: &[Point]) {
    for (index, (x, y)) in points.iter().enumerate() {
        // A tenth of a point is finer than any eye, and keeps the file small.
        let (x, y) = (
            (x * 10.0).round() / 10.0,
            ((HEIGHT - y) * 10.0).round() / 10.0,
        );
        if index == 0 {
            sheet.move_to(x, y);
        } else {
            sheet.line_to(x, y);
        }
    }
}
