//! A map of the image's patches, row 0 at the top, with its colour bar: some patches hatched, dotted or outlined.

use image::{Rgb, RgbImage};

use super::super::axis::Axis;
use super::super::canvas::{Area, Canvas, Pen, Point};
use super::super::page::Draw;
use super::super::theme::{AXIS, Color, ColorMap, INK, WHITE};
use super::heatmap::{BAR_ROOM, UNDEFINED, beside, color_bar};
use crate::processor::{Grid, Patch};

/// One value a patch.
pub struct Patches {
    pub grid: Grid,
    pub cells: Vec<Cell>,
    /// Regions with a border, each in its colour.
    pub outlines: Vec<(Color, Vec<Patch>)>,
    /// The colour bar's axis.
    pub scale: Axis,
    pub colors: ColorMap,
    /// A value that the colour bar points out.
    pub pointer: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub patch: Patch,
    /// None is drawn grey.
    pub value: Option<f64>,
    pub hatched: bool,
    pub dotted: bool,
}

impl Draw for Patches {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let (columns, rows) = (self.grid.cols.max(1) as f64, self.grid.rows.max(1) as f64);
        let side = ((area.width() - BAR_ROOM - 6.0) / columns).min((area.height() - 12.0) / rows);
        let map = Area::new(area.left, area.top + 4.0, side * columns, side * rows);
        canvas.image(map, self.picture());
        for cell in &self.cells {
            self.mark(canvas, &place(map, side, cell.patch), cell);
        }
        for (color, region) in &self.outlines {
            for pen in [Pen::solid(WHITE, 3.75), Pen::solid(*color, 2.0)] {
                for edge in border(region, self.grid) {
                    canvas.line(&edge.map(|(col, row)| (map.left + side * col, map.top + side * row)), pen);
                }
            }
        }
        canvas.frame(map, Pen::solid(AXIS, 0.75));
        let bar = beside(map);
        color_bar(canvas, bar, &self.scale, self.colors);
        if let Some(value) = self.pointer {
            let y = self.scale.place(value, bar.bottom, bar.top);
            canvas.fill(vec![(bar.left - 1.0, y), (bar.left - 7.0, y - 4.0), (bar.left - 7.0, y + 4.0)], INK);
            canvas.line(&[(bar.left, y), (bar.right, y)], Pen::solid(INK, 1.25));
        }
    }
}

impl Patches {
    fn color(&self, cell: &Cell) -> Color {
        cell.value.map_or(UNDEFINED, |value| self.colors.at(self.scale.place(value, 0.0, 1.0)))
    }

    /// One pixel a patch.
    fn picture(&self) -> RgbImage {
        let rgb = |color: Color| Rgb([color.red, color.green, color.blue]);
        let (columns, rows) = (self.grid.cols.max(1) as u32, self.grid.rows.max(1) as u32);
        let mut picture = RgbImage::from_pixel(columns, rows, rgb(UNDEFINED));
        for cell in &self.cells {
            let (column, row) = (cell.patch.col as u32, cell.patch.row as u32);
            if column < columns && row < rows {
                picture.put_pixel(column, row, rgb(self.color(cell)));
            }
        }
        picture
    }

    fn mark(&self, canvas: &mut Canvas, on: &Area, cell: &Cell) {
        let ink = if self.color(cell).luma() > 0.5 { INK } else { WHITE };
        if cell.hatched {
            canvas.hatch(*on, (on.width() / 2.0).max(6.0), Pen::solid(ink.opacity(0.75), 0.75));
        }
        if cell.dotted {
            canvas.disc(on.center(), (on.width() * 0.13).clamp(0.5, 3.0), ink);
        }
    }
}

fn place(map: Area, side: f64, patch: Patch) -> Area {
    Area::new(map.left + side * patch.col as f64, map.top + side * patch.row as f64, side, side)
}

/// The edges between a region and what is not of it, as pairs of (column, row) corners.
fn border(region: &[Patch], grid: Grid) -> Vec<[Point; 2]> {
    let mut inside = vec![false; grid.count()];
    for patch in region.iter().filter(|patch| patch.row < grid.rows && patch.col < grid.cols) {
        inside[patch.row * grid.cols + patch.col] = true;
    }
    let is_inside = |row: Option<usize>, col: Option<usize>| {
        let within = row.zip(col).filter(|(row, col)| *row < grid.rows && *col < grid.cols);
        within.is_some_and(|(row, col)| inside[row * grid.cols + col])
    };
    let mut edges = Vec::new();
    for Patch { row, col } in grid.patches().filter(|patch| inside[patch.row * grid.cols + patch.col]) {
        let (x, y) = (col as f64, row as f64);
        let sides = [
            (is_inside(row.checked_sub(1), Some(col)), [(x, y), (x + 1.0, y)]),
            (is_inside(Some(row + 1), Some(col)), [(x, y + 1.0), (x + 1.0, y + 1.0)]),
            (is_inside(Some(row), col.checked_sub(1)), [(x, y), (x, y + 1.0)]),
            (is_inside(Some(row), Some(col + 1)), [(x + 1.0, y), (x + 1.0, y + 1.0)]),
        ];
        edges.extend(sides.into_iter().filter(|(joined, _)| !joined).map(|(_, edge)| edge));
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::super::super::axis::Unit;
    use super::super::super::theme::VIRIDIS;
    use super::*;

    fn patches() -> Patches {
        let cell = |row, col, value| Cell { patch: Patch { row, col }, value, hatched: row == 1, dotted: col == 2 };
        Patches {
            grid: Grid { rows: 2, cols: 3 },
            cells: vec![cell(0, 0, Some(0.0)), cell(0, 2, Some(1.0)), cell(1, 1, Some(0.5))],
            outlines: vec![(INK, vec![Patch { row: 0, col: 0 }, Patch { row: 0, col: 1 }])],
            scale: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
            colors: VIRIDIS,
            pointer: Some(0.5),
        }
    }

    #[test]
    fn row_0_is_at_the_top_and_what_is_not_there_is_grey() {
        let picture = patches().picture();
        let rgb = |color: Color| [color.red, color.green, color.blue];
        assert_eq!(picture.dimensions(), (3, 2));
        assert_eq!(picture.get_pixel(2, 0).0, rgb(VIRIDIS.at(1.0)));
        assert_eq!((picture.get_pixel(0, 0).0, picture.get_pixel(0, 1).0), (rgb(VIRIDIS.at(0.0)), rgb(UNDEFINED)));
    }

    #[test]
    fn a_region_is_outlined_around_not_through() {
        let map = patches();
        let edges = border(&map.outlines[0].1, map.grid);
        assert_eq!(edges.len(), 6);
        assert!(!edges.contains(&[(1.0, 0.0), (1.0, 1.0)]));
        assert!(border(&[Patch { row: 7, col: 7 }], map.grid).is_empty());
    }

    #[test]
    fn patches_are_square_in_any_room() {
        for (width, height) in [(400.0, 120.0), (160.0, 400.0)] {
            let mut canvas = Canvas::new(width, height);
            patches().draw(&mut canvas, Area::new(0.0, 0.0, width, height));
            let map = canvas.marks.iter().find_map(|mark| match mark {
                super::super::super::canvas::Mark::Image { area, .. } => Some(*area),
                _ => None,
            });
            let map = map.unwrap();
            assert!((map.width() / 3.0 - map.height() / 2.0).abs() < 1e-9);
            assert!(canvas.texts().all(|text| text.extent().right <= width && text.extent().bottom <= height));
        }
    }
}
