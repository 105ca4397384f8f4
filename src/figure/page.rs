//! A figure: panels in rows, lettered, under a title and over a caption.

use std::path::{Path, PathBuf};

use super::canvas::{Area, Canvas, Pen, Point, Text};
use super::font::{self, Weight};
use super::theme::{CAPTION, Color, INK, LABEL, LEADING, MARGIN, PAGE_WIDTH, PANEL_TITLE, SOFT_INK, TITLE};
use super::{png, svg};
use crate::error::{Error, Result};

/// Room between panels.
const GUTTER: f64 = 26.0;
/// Room above a panel's body for its title, and for its note where it has one.
const HEADING: f64 = 1.6 * PANEL_TITLE;
const NOTE: f64 = LEADING * LABEL;

/// Anything that can fill the body of a panel.
pub trait Draw {
    /// Draws inside `area`, and nowhere else.
    fn draw(&self, canvas: &mut Canvas, area: Area);
}

/// One plot with its heading.
pub struct Panel {
    pub title: String,
    /// A second, quieter line: how many items, what is special.
    pub note: String,
    /// What its colours mean, where that is not the same in all panels.
    pub keys: Vec<Key>,
    pub body: Box<dyn Draw>,
}

impl Panel {
    pub fn new(title: impl Into<String>, note: impl Into<String>, body: impl Draw + 'static) -> Self {
        Self { title: title.into(), note: note.into(), keys: Vec::new(), body: Box::new(body) }
    }

    pub fn keys(self, keys: Vec<Key>) -> Self {
        Self { keys, ..self }
    }

    /// Room above the body.
    fn head_height(&self, width: f64) -> f64 {
        let note = if self.note.is_empty() { 0.0 } else { NOTE };
        let keys = if self.keys.is_empty() { 0.0 } else { legend(&self.keys, (0.0, 0.0), width).1 + 6.0 };
        HEADING + note + keys
    }

    /// Letter, title, note and keys, from `top` downwards.
    fn draw_head(&self, canvas: &mut Canvas, letter: &str, (left, top): Point, width: f64) {
        let baseline = top + PANEL_TITLE;
        let mut start = left;
        if !letter.is_empty() {
            let letter = Text::new(letter, (left, baseline), PANEL_TITLE + 1.0, INK).bold();
            start += letter.width() + 7.0;
            canvas.text(letter);
        }
        let room = left + width - start;
        let title = font::fit(&self.title, PANEL_TITLE, Weight::Bold, room);
        canvas.text(Text::new(title, (start, baseline), PANEL_TITLE, INK).bold());
        let mut below = top + HEADING;
        if !self.note.is_empty() {
            let note = font::fit(&self.note, LABEL, Weight::Regular, room);
            canvas.text(Text::new(note, (start, baseline + NOTE), LABEL, SOFT_INK));
            below += NOTE;
        }
        draw_legend(canvas, &self.keys, (left, below), width);
    }
}

/// Panels side by side. A row of fewer panels than `columns` keeps their width and leaves the rest free.
#[derive(Default)]
pub struct Row {
    pub columns: usize,
    /// Height of the panels' bodies.
    pub height: f64,
    pub panels: Vec<Panel>,
    /// What the colours of all its panels mean, where other rows have others.
    pub keys: Vec<Key>,
}

impl Row {
    /// As many rows of `columns` panels as it takes.
    pub fn grid(columns: usize, height: f64, panels: Vec<Panel>) -> Vec<Self> {
        let mut panels = panels.into_iter().peekable();
        let mut rows = Vec::new();
        while panels.peek().is_some() {
            rows.push(Self {
                columns,
                height,
                panels: panels.by_ref().take(columns.max(1)).collect(),
                keys: Vec::new(),
            });
        }
        rows
    }
}

/// One entry of the legend above the panels.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub label: String,
    pub look: Look,
}

/// What stands before a legend entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// A line, with its interval behind it.
    Line(Pen),
    /// A line with a filled mark on it.
    Marked(Pen),
    /// An area.
    Patch(Color),
    /// A single filled mark.
    Dot(Color),
    /// A low bar.
    Bar(Color),
    /// An area under thin diagonal lines.
    Hatched(Color),
    /// An empty box.
    Frame(Pen),
}

impl Key {
    pub fn new(label: impl Into<String>, look: Look) -> Self {
        Self { label: label.into(), look }
    }
}

/// Whether title and caption are part of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surround {
    /// A picture that stands alone says everything.
    Captioned,
    /// In a document that prints title and caption itself.
    Bare,
}

/// A complete figure, not yet in any format.
pub struct Figure {
    /// The file's stem.
    pub name: String,
    pub title: String,
    /// What is shown, how many items, which intervals, which nulls.
    pub caption: String,
    pub keys: Vec<Key>,
    pub rows: Vec<Row>,
}

impl Figure {
    /// Lays the figure out on a page of [`PAGE_WIDTH`].
    pub fn canvas(&self, surround: Surround) -> Canvas {
        let mut canvas = Canvas::new(PAGE_WIDTH, 0.0);
        let width = PAGE_WIDTH - 2.0 * MARGIN;
        let mut top = MARGIN;
        if surround == Surround::Captioned && !self.title.is_empty() {
            for line in font::wrap(&self.title, TITLE, Weight::Bold, width) {
                top += TITLE;
                canvas.text(Text::new(line, (MARGIN, top), TITLE, INK).bold());
                top += (LEADING - 1.0) * TITLE;
            }
            top += 8.0;
        }
        if !self.keys.is_empty() {
            top += draw_legend(&mut canvas, &self.keys, (MARGIN, top), width) + 12.0;
        }
        let lettered = self.rows.iter().map(|row| row.panels.len()).sum::<usize>() > 1;
        let mut letters = lettered.then(|| ('a'..='z').chain('A'..='Z')).into_iter().flatten();
        for row in &self.rows {
            if !row.keys.is_empty() {
                top += draw_legend(&mut canvas, &row.keys, (MARGIN, top), width) + 8.0;
            }
            let columns = row.columns.max(row.panels.len()).max(1) as f64;
            let panel_width = (width - (columns - 1.0) * GUTTER) / columns;
            let head = row.panels.iter().map(|panel| panel.head_height(panel_width)).fold(0.0, f64::max);
            for (index, panel) in row.panels.iter().enumerate() {
                let left = MARGIN + index as f64 * (panel_width + GUTTER);
                let letter = letters.next().map(String::from).unwrap_or_default();
                panel.draw_head(&mut canvas, &letter, (left, top), panel_width);
                panel.body.draw(&mut canvas, Area::new(left, top + head, panel_width, row.height));
            }
            top += head + row.height + GUTTER * 0.6;
        }
        if surround == Surround::Captioned && !self.caption.is_empty() {
            for line in font::wrap(&self.caption, CAPTION, Weight::Regular, width) {
                top += CAPTION;
                canvas.text(Text::new(line, (MARGIN, top), CAPTION, SOFT_INK));
                top += (LEADING - 1.0) * CAPTION;
            }
        }
        canvas.height = (top + MARGIN * 0.6).ceil();
        canvas
    }

    /// Writes `NAME.png` and `NAME.svg` into a folder that exists.
    pub fn write(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        let canvas = self.canvas(Surround::Captioned);
        let files = ["png", "svg"].map(|extension| folder.join(format!("{}.{extension}", self.name)));
        for file in &files {
            self.save_canvas(&canvas, file)?;
        }
        Ok(files)
    }

    /// Writes one file, in the format that its extension names: `.png` or `.svg`.
    pub fn save(&self, file: &Path) -> Result<()> {
        self.save_canvas(&self.canvas(Surround::Captioned), file)
    }

    fn save_canvas(&self, canvas: &Canvas, file: &Path) -> Result<()> {
        let bytes = match file.extension().and_then(|extension| extension.to_str()) {
            Some("png") => png::encode(canvas)?,
            Some("svg") => svg::encode(canvas, &self.title)?.into_bytes(),
            _ => {
                return Err(Error::usage(format!("`{}` does not name a picture format", file.display()))
                    .with_help("end the file name in .png or .svg"));
            }
        };
        std::fs::write(file, bytes).map_err(|source| Error::io("write", file, source))
    }
}

const SWATCH: f64 = 24.0;
const KEY_LINE: f64 = 1.6 * LABEL;

/// Where each entry stands, from left to right in as many lines as they need, and the height of all lines.
fn legend(keys: &[Key], (left, top): Point, width: f64) -> (Vec<Point>, f64) {
    let (mut x, mut y) = (left, top);
    let mut places = Vec::new();
    for key in keys {
        let needed = SWATCH + 6.0 + font::width(&key.label, LABEL, Weight::Regular);
        if x > left && x + needed > left + width {
            (x, y) = (left, y + KEY_LINE);
        }
        places.push((x, y));
        x += needed + 20.0;
    }
    (places, y + KEY_LINE - top)
}

/// Draws the entries and returns their height.
fn draw_legend(canvas: &mut Canvas, keys: &[Key], at: Point, width: f64) -> f64 {
    let (places, height) = legend(keys, at, width);
    for (key, (left, top)) in keys.iter().zip(places) {
        let middle = top + 0.5 * KEY_LINE;
        let (from, to) = ((left, middle), (left + SWATCH, middle));
        let center = (left + SWATCH / 2.0, middle);
        match key.look {
            Look::Line(pen) => canvas.line(&[from, to], pen),
            Look::Marked(pen) => {
                canvas.line(&[from, to], pen);
                canvas.disc(center, 3.5, pen.color);
            }
            Look::Patch(color) => canvas.rect(Area::new(left, middle - 6.0, SWATCH, 12.0), color),
            Look::Dot(color) => canvas.disc(center, 3.0, color),
            Look::Bar(color) => canvas.rect(Area::new(left, middle - 1.75, SWATCH, 3.5), color),
            Look::Hatched(color) => {
                let swatch = Area::new(left, middle - 6.0, SWATCH, 12.0);
                canvas.rect(swatch, color);
                canvas.hatch(swatch, 6.0, Pen::solid(INK, 0.75));
            }
            Look::Frame(pen) => canvas.frame(Area::new(left + 4.0, middle - 6.0, SWATCH - 8.0, 12.0), pen),
        }
        canvas.text(Text::new(&key.label, (left + SWATCH + 6.0, middle + 0.36 * LABEL), LABEL, INK));
    }
    height
}

#[cfg(test)]
mod tests {
    use super::super::theme::BLUE;
    use super::*;

    struct Block;

    impl Draw for Block {
        fn draw(&self, canvas: &mut Canvas, area: Area) {
            canvas.rect(area, BLUE);
        }
    }

    fn figure() -> Figure {
        let panel = || Panel::new("A panel", "n = 3", Block);
        Figure {
            name: "blocks".into(),
            title: "Two blocks and one".into(),
            caption: "A caption that says what is shown. ".repeat(12),
            keys: vec![Key::new("a block", Look::Patch(BLUE))],
            rows: vec![
                Row { columns: 2, height: 80.0, panels: vec![panel(), panel()], ..Row::default() },
                Row { columns: 2, height: 80.0, panels: vec![panel()], ..Row::default() },
            ],
        }
    }

    #[test]
    fn panels_are_lettered_and_keep_their_width() {
        let canvas = figure().canvas(Surround::Captioned);
        let texts: Vec<&str> = canvas.texts().map(|text| text.content.as_str()).collect();
        assert!(["a", "b", "c"].iter().all(|letter| texts.contains(letter)));
        let blocks: Vec<f64> = canvas
            .marks
            .iter()
            .filter_map(|mark| match mark {
                super::super::canvas::Mark::Fill { outline, .. } => Some(outline[1].0 - outline[0].0),
                _ => None,
            })
            .skip(1)
            .collect();
        assert!(blocks.iter().all(|width| (width - blocks[0]).abs() < 1e-9) && blocks.len() == 3);
    }

    #[test]
    fn only_a_picture_that_stands_alone_carries_title_and_caption() {
        let (alone, bare) = (figure().canvas(Surround::Captioned), figure().canvas(Surround::Bare));
        let has = |canvas: &Canvas, part: &str| canvas.texts().any(|text| text.content.contains(part));
        assert!(has(&alone, "Two blocks") && has(&alone, "A caption"));
        assert!(!has(&bare, "Two blocks") && !has(&bare, "A caption") && has(&bare, "A panel"));
        assert!(alone.height > bare.height);
    }

    #[test]
    fn a_format_that_is_not_offered_is_an_error() {
        let problem = figure().save(Path::new("figure.gif")).unwrap_err();
        assert_eq!(problem.exit_code(), 2);
        assert!(problem.help().unwrap().contains(".png"));
    }
}
