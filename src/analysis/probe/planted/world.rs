//! Made-up images and the run folder that a model with a known code would have left of them.

use std::path::Path;

use polars::prelude::*;
use rand::Rng;

use crate::analysis::planted::save;
use crate::dataset::PixelBox;
use crate::stats::seed::rng;

/// Pixels of a patch.
pub const PATCH: usize = 10;

/// Objects in a row: name and first column of each; two patches wide and high.
#[derive(Clone)]
pub struct Shown {
    pub objects: Vec<(String, usize)>,
}

impl Shown {
    fn boxed(&self, k: usize, row: usize) -> PixelBox {
        let at = |cell: usize| (cell * PATCH) as f64;
        let col = self.objects[k].1;
        PixelBox { x1: at(col), y1: at(row), x2: at(col + 2), y2: at(row + 2) }
    }

    /// The object whose middle is nearest to a column's, the first of two.
    pub fn nearest(&self, col: usize) -> usize {
        let distance = |k: &usize| (2 * col as i64 - (2 * self.objects[*k].1 as i64 + 1)).abs();
        (0..self.objects.len()).min_by_key(distance).unwrap()
    }

    fn shifted(&self, cells: i64) -> Self {
        let moved = |(name, col): &(String, usize)| (name.clone(), (*col as i64 + cells) as usize);
        Self { objects: self.objects.iter().map(moved).collect() }
    }
}

/// A square image of so many patches a side, its objects in rows `lane` and `lane + 1`.
pub struct World {
    pub side: usize,
    pub lane: usize,
    pub images: Vec<Shown>,
}

/// A row to be written: image, variant, group, cell, vector.
pub type State = (usize, String, &'static str, (usize, usize), Vec<f32>);

impl World {
    pub fn write(&self, run_dir: &Path, sites: &[(&str, Vec<State>)]) {
        let folder = run_dir.join("frames");
        std::fs::create_dir_all(folder.join("hidden")).unwrap();
        save(&folder.join("items.parquet"), self.items());
        for (site, states) in sites {
            save(&folder.join(format!("hidden/{site}.parquet")), hidden(states));
        }
    }

    fn items(&self) -> DataFrame {
        let n = self.images.len();
        let pixels = (self.side * PATCH) as u32;
        let text =
            |name: &str, of: &dyn Fn(usize) -> String| Column::new(name.into(), (0..n).map(of).collect::<Vec<_>>());
        let mut columns = vec![
            text("item", &|i| format!("item-{i}")),
            text("dataset", &|_| "planted".into()),
            text("image", &|i| format!("image-{i}")),
            text("question", &|_| "?".into()),
            text("gold", &|i| self.images[i].objects[0].0.clone()),
            text("relation", &|_| "left".into()),
            text("answer", &|_| "?".into()),
            Column::new("familiarity".into(), vec![None::<&str>; n]),
            Column::new("pair".into(), vec![None::<&str>; n]),
            text("set", &|i| format!("{}-{i:03}", if i / 2 % 2 == 0 { "squares" } else { "shapes" })),
            Column::new("correct".into(), vec![true; n]),
            Column::new("confidence".into(), vec![1.0f32; n]),
        ];
        for (name, value) in [
            ("image_width", pixels),
            ("image_height", pixels),
            ("grid_rows", self.side as u32),
            ("grid_cols", self.side as u32),
        ] {
            columns.push(Column::new(name.into(), vec![value; n]));
        }
        for (name, value) in [("seen_x1", 0), ("seen_y1", 0), ("seen_x2", pixels), ("seen_y2", pixels)] {
            columns.push(Column::new(name.into(), vec![f64::from(value); n]));
        }
        for k in 0..self.images[0].objects.len() {
            let name = |suffix: &str| PlSmallStr::from(format!("object_{}{suffix}", k + 1));
            let flat = |shown: &Shown| {
                let PixelBox { x1, y1, x2, y2 } = shown.boxed(k, self.lane);
                Some(Series::new("".into(), [x1, y1, x2, y2]))
            };
            let mut boxes: ListChunked = self.images.iter().map(flat).collect();
            boxes.rename(name("_boxes"));
            columns.push(Column::new(
                name(""),
                self.images.iter().map(|shown| shown.objects[k].0.clone()).collect::<Vec<_>>(),
            ));
            columns.push(boxes.into_column());
            columns.push(Column::new(name("_visible"), vec![1.0; n]));
        }
        DataFrame::new(n, columns).unwrap()
    }

    /// Every state of every image in a variant: all cells as `image`, those of objects as `objects`.
    pub fn states(
        &self,
        variant: &str,
        shift: i64,
        vector: impl Fn(usize, &Shown, (usize, usize)) -> Vec<f32>,
    ) -> Vec<State> {
        let mut states = Vec::new();
        for (image, shown) in self.images.iter().enumerate() {
            let shown = shown.shifted(shift);
            for cell in (0..self.side).flat_map(|row| (0..self.side).map(move |col| (row, col))) {
                let vector = vector(image, &shown, cell);
                let touched = (self.lane..self.lane + 2).contains(&cell.0)
                    && shown.objects.iter().any(|(_, col)| (*col..col + 2).contains(&cell.1));
                if touched {
                    states.push((image, variant.to_owned(), "objects", cell, vector.clone()));
                }
                states.push((image, variant.to_owned(), "image", cell, vector));
            }
        }
        states
    }
}

fn hidden(states: &[State]) -> DataFrame {
    let vectors: Vec<f32> = states.iter().flat_map(|state| state.4.iter().copied()).collect();
    let vectors = Series::new("vector".into(), vectors);
    let shape = [ReshapeDimension::Infer, ReshapeDimension::new(states[0].4.len() as i64)];
    let mut frame = df!(
        "item" => states.iter().map(|state| format!("item-{}", state.0)).collect::<Vec<_>>(),
        "variant" => states.iter().map(|state| state.1.as_str()).collect::<Vec<_>>(),
        "group" => states.iter().map(|state| state.2).collect::<Vec<_>>(),
        "cell_row" => states.iter().map(|state| state.3.0 as i16).collect::<Vec<_>>(),
        "cell_col" => states.iter().map(|state| state.3.1 as i16).collect::<Vec<_>>(),
    )
    .unwrap();
    frame.with_column(vectors.reshape_array(&shape).unwrap().into_column()).unwrap();
    frame
}

/// Fixed random vectors of a code, one a number.
pub fn code(purpose: &str, count: usize, width: usize, scale: f64) -> Vec<Vec<f64>> {
    let one = |index: usize| {
        let mut rng = rng(17, purpose, index as u64);
        (0..width).map(|_| scale * normal(&mut rng)).collect()
    };
    (0..count).map(one).collect()
}

/// Twelve uniforms less six: close enough to a standard normal here.
pub fn normal(rng: &mut impl Rng) -> f64 {
    (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
}
