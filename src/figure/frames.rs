//! The few rows of the frames that a gallery shows, without reading the frames whole.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use polars::prelude::{Column, DataFrame, DataType, ParallelStrategy, ParquetReader, SerReader};

use super::rows::Choice;
use super::table::Table;
use crate::dataset::PixelBox;
use crate::error::{Error, Result};
use crate::processor::{Grid, ImageGeometry};

/// One chosen attention row with all that is known about its item.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub choice: Choice,
    /// The image, as the dataset names it.
    pub image: String,
    pub question: String,
    pub gold: String,
    pub answer: String,
    /// Probability of the answer, if the frame has it.
    pub p_answer: Option<f64>,
    pub geometry: ImageGeometry,
    /// Attention mass of each patch, row-major.
    pub row: Vec<f32>,
    /// Name and boxes of each object.
    pub boxes: Vec<(String, Vec<PixelBox>)>,
}

/// Looks up each choice in `RUN/frames`.
pub fn look_up(run: &Path, choices: &[Choice]) -> Result<Vec<Shown>> {
    let items = Items::read(&run.join("frames").join("items.parquet"))?;
    let rows = attention_rows(&run.join("frames").join("attention.parquet"), choices)?;
    choices.iter().zip(rows).map(|(choice, row)| items.show(choice, row)).collect()
}

/// The attention maps of some items under some scalings, by design, item, operator and alpha, from the scaling frame.
pub fn look_up_maps(run: &Path, wanted: &[(&str, &str, &str, f64)]) -> Result<Vec<Shown>> {
    let items = Items::read(&run.join("frames").join("items.parquet"))?;
    let path = run.join("frames").join("scaling.parquet");
    let keys = ["design", "item", "operator", "alpha", "map_layer"].map(str::to_owned).to_vec();
    let keys = Table::new(path.clone(), read(&path, open(&path)?.with_columns(Some(keys)))?);
    let (design, item, operator) = (keys.names("design")?, keys.names("item")?, keys.names("operator")?);
    let (alpha, layer) = (keys.numbers("alpha")?, keys.numbers("map_layer")?);
    wanted
        .iter()
        .map(|&(of_design, of_item, of_operator, of_alpha)| {
            let same = |row: &usize| {
                design[*row] == of_design
                    && item[*row] == of_item
                    && operator[*row] == of_operator
                    && alpha[*row] == Some(of_alpha)
            };
            let place = (0..keys.height()).find(same).ok_or_else(|| {
                Error::data(format!("`{}` has no map of item `{of_item}` at {of_operator} {of_alpha}", path.display()))
                    .with_help("tables and frames are of different runs: analyse the run again")
            })?;
            let choice = Choice {
                kind: String::new(),
                item: of_item.into(),
                layer: layer[place].unwrap_or_default() as i64,
                head: super::rows::MEAN_HEAD,
                query: "last".into(),
                metric: String::new(),
                score: 0.0,
            };
            items.show(&choice, row_at(&path, "map", place)?)
        })
        .collect()
}

/// One vector of a column: the whole column may be larger than memory.
fn row_at(path: &Path, name: &str, place: usize) -> Result<Vec<f32>> {
    let reader = open(path)?
        .with_columns(Some(vec![name.to_owned()]))
        .with_slice(Some((place, 1)))
        .read_parallel(ParallelStrategy::None);
    let slice = read(path, reader)?;
    let column = slice.column(name).map_err(|_| Error::data(format!("`{}` has no column `{name}`", path.display())))?;
    let values = vector(column, 0)
        .ok_or_else(|| Error::data(format!("column `{name}` of `{}` holds no vectors of numbers", path.display())))?;
    Ok(values.into_iter().map(|value| value as f32).collect())
}

fn open(path: &Path) -> Result<ParquetReader<File>> {
    let file = File::open(path).map_err(|source| Error::io("read", path, source))?;
    Ok(ParquetReader::new(file))
}

fn read(path: &Path, reader: ParquetReader<File>) -> Result<DataFrame> {
    reader.finish().map_err(|problem| Error::data(format!("`{}` is not a readable frame: {problem}", path.display())))
}

/// The `row` column of each choice, one slice at a time: the whole column may be larger than memory.
fn attention_rows(path: &Path, choices: &[Choice]) -> Result<Vec<Vec<f32>>> {
    let keys = ["item", "layer", "head", "query"].map(str::to_owned).to_vec();
    let keys = Table::new(path.to_path_buf(), read(path, open(path)?.with_columns(Some(keys)))?);
    let (item, layer, head) = (keys.names("item")?, keys.integers("layer")?, keys.integers("head")?);
    let query = keys.names("query")?;
    let mut places: HashMap<(&str, i64, i64, &str), usize> = HashMap::new();
    for place in 0..keys.height() {
        places.insert((&item[place], layer[place], head[place], &query[place]), place);
    }
    choices
        .iter()
        .map(|choice| {
            let key = (choice.item.as_str(), choice.layer, choice.head, choice.query.as_str());
            let place = *places.get(&key).ok_or_else(|| {
                Error::data(format!(
                    "`{}` has no row for item `{}`, layer {}, head {}, query `{}`",
                    path.display(),
                    choice.item,
                    choice.layer,
                    choice.head,
                    choice.query
                ))
                .with_help("tables and frames are of different runs: analyse the run again")
            })?;
            row_at(path, "row", place)
        })
        .collect()
}

/// One cell of a list or array column as numbers.
fn vector(column: &Column, index: usize) -> Option<Vec<f64>> {
    let series = column.as_materialized_series();
    let inner = match series.dtype() {
        DataType::Array(..) => series.array().ok()?.get_as_series(index)?,
        DataType::List(_) => series.list().ok()?.get_as_series(index)?,
        _ => return None,
    };
    inner.cast(&DataType::Float64).ok()?.f64().ok()?.iter().collect()
}

/// One cell of a list column as texts.
fn words(column: &Column, index: usize) -> Option<Vec<String>> {
    let inner = column.as_materialized_series().list().ok()?.get_as_series(index)?;
    inner.str().ok()?.iter().map(|text| text.map(str::to_owned)).collect()
}

/// `frames/items.parquet` with its item column as an index.
struct Items {
    path: PathBuf,
    frame: DataFrame,
    table: Table,
    places: HashMap<String, usize>,
}

impl Items {
    fn read(path: &Path) -> Result<Self> {
        let frame = read(path, open(path)?)?;
        let table = Table::new(path.to_path_buf(), frame.clone());
        let places = table.names("item")?.into_iter().enumerate().map(|(place, item)| (item, place)).collect();
        Ok(Self { path: path.to_path_buf(), frame, table, places })
    }

    fn show(&self, choice: &Choice, row: Vec<f32>) -> Result<Shown> {
        let place = *self.places.get(&choice.item).ok_or_else(|| {
            Error::data(format!("`{}` has no item `{}`", self.path.display(), choice.item))
                .with_help("tables and frames are of different runs: analyse the run again")
        })?;
        let text = |name: &str| Ok::<_, Error>(self.table.texts(name)?[place].clone().unwrap_or_default());
        let number = |name: &str| {
            self.table.numbers(name)?[place].ok_or_else(|| {
                Error::data(format!("`{}`: item `{}` has no `{name}`", self.path.display(), choice.item))
            })
        };
        let (gold, answer) = (text("gold")?, text("answer")?);
        let geometry = ImageGeometry {
            image_width: number("image_width")? as u32,
            image_height: number("image_height")? as u32,
            grid: Grid { rows: number("grid_rows")? as usize, cols: number("grid_cols")? as usize },
            seen: PixelBox {
                x1: number("seen_x1")?,
                y1: number("seen_y1")?,
                x2: number("seen_x2")?,
                y2: number("seen_y2")?,
            },
        };
        Ok(Shown {
            choice: choice.clone(),
            image: text("image")?,
            question: text("question")?,
            p_answer: self.p_answer(place, &answer),
            gold,
            answer,
            geometry,
            row,
            boxes: self.boxes(place)?,
        })
    }

    fn p_answer(&self, place: usize, answer: &str) -> Option<f64> {
        let options = words(self.frame.column("options").ok()?, place)?;
        let chosen = options.iter().position(|option| option == answer)?;
        vector(self.frame.column("p_options").ok()?, place)?.get(chosen).copied()
    }

    /// `object_{k}` and `object_{k}_boxes` for as many k as the frame has.
    fn boxes(&self, place: usize) -> Result<Vec<(String, Vec<PixelBox>)>> {
        let mut objects = Vec::new();
        for k in 1.. {
            let (name, boxes) = (format!("object_{k}"), format!("object_{k}_boxes"));
            let Ok(column) = self.frame.column(&boxes) else { break };
            let flat = vector(column, place).unwrap_or_default();
            let boxes: Vec<PixelBox> = flat
                .chunks_exact(4)
                .map(|edges| PixelBox { x1: edges[0], y1: edges[1], x2: edges[2], y2: edges[3] })
                .collect();
            if let Some(name) = self.table.texts(&name)?[place].clone() {
                objects.push((name, boxes));
            }
        }
        Ok(objects)
    }
}
