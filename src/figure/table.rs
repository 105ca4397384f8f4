//! Result tables as rows: read whole, each column checked by name, so that a figure is a function of plain structs.

use std::fs::File;
use std::path::{Path, PathBuf};

use polars::prelude::{BooleanChunked, Column, DataFrame, DataType, ParquetReader, SerReader};

use crate::error::{Error, Result};

/// A number with its 95 % interval, if it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub interval: Option<(f64, f64)>,
}

/// A Parquet table in memory, with its path for messages.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    frame: DataFrame,
}

/// Whether a run has this table.
pub fn exists(run: &Path, name: &str) -> bool {
    file(run, name).is_file()
}

fn file(run: &Path, name: &str) -> PathBuf {
    run.join("tables").join(format!("{name}.parquet"))
}

impl Table {
    /// Reads `RUN/tables/NAME.parquet`.
    pub fn open(run: &Path, name: &str) -> Result<Self> {
        let path = file(run, name);
        if !path.is_file() {
            return Err(Error::data(format!("the table `{name}` is missing: there is no `{}`", path.display()))
                .with_help(format!("make it with `vlmscope analyze {}`", run.display())));
        }
        let file = File::open(&path).map_err(|source| Error::io("read", &path, source))?;
        let frame = ParquetReader::new(file).finish().map_err(|problem| {
            Error::data(format!("`{}` is not a readable Parquet table: {problem}", path.display()))
        })?;
        Ok(Self { path, frame })
    }

    /// A table that is in memory already; `path` is for messages.
    pub fn new(path: PathBuf, frame: DataFrame) -> Self {
        Self { path, frame }
    }

    /// How many rows there are.
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    pub fn has(&self, name: &str) -> bool {
        self.frame.column(name).is_ok()
    }

    /// The rows whose text in a column is `value`.
    pub fn only(&self, name: &str, value: &str) -> Result<Self> {
        let column = self.column(name)?;
        let texts = column.str().map_err(|_| self.wrong(name, "text"))?;
        let keep: BooleanChunked = texts.iter().map(|text| Some(text == Some(value))).collect();
        let frame = self.frame.filter(&keep).map_err(|problem| Error::data(problem.to_string()))?;
        Ok(Self { path: self.path.clone(), frame })
    }

    fn column(&self, name: &str) -> Result<&Column> {
        self.frame.column(name).map_err(|_| {
            let known: Vec<_> = self.frame.get_column_names().iter().map(|name| name.as_str()).collect();
            Error::data(format!("`{}` has no column `{name}`; it has {}", self.path.display(), known.join(", ")))
                .with_help("the table was written by another version: run `vlmscope analyze` again")
        })
    }

    fn wrong(&self, name: &str, expected: &str) -> Error {
        Error::data(format!("column `{name}` of `{}` does not hold {expected}", self.path.display()))
    }

    /// A column of numbers; missing and NaN are None.
    pub fn numbers(&self, name: &str) -> Result<Vec<Option<f64>>> {
        let column = self.column(name)?;
        if !(column.dtype().is_numeric() || column.dtype().is_null()) {
            return Err(self.wrong(name, "numbers"));
        }
        let cast = column.cast(&DataType::Float64).map_err(|_| self.wrong(name, "numbers"))?;
        let values = cast.f64().map_err(|_| self.wrong(name, "numbers"))?;
        Ok(values.iter().map(|value| value.filter(|value| !value.is_nan())).collect())
    }

    /// A column of whole numbers without gaps.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let values = self.numbers(name)?;
        values
            .into_iter()
            .map(|value| value.filter(|value| value.fract() == 0.0).map(|value| value as i64))
            .collect::<Option<_>>()
            .ok_or_else(|| self.wrong(name, "whole numbers in every row"))
    }

    /// A column of text; missing is None.
    pub fn texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        let column = self.column(name)?;
        if column.dtype().is_null() {
            return Ok(vec![None; self.height()]);
        }
        let cast = column.cast(&DataType::String).map_err(|_| self.wrong(name, "text"))?;
        let values = cast.str().map_err(|_| self.wrong(name, "text"))?;
        Ok(values.iter().map(|value| value.map(str::to_owned)).collect())
    }

    /// A column of text without gaps.
    pub fn names(&self, name: &str) -> Result<Vec<String>> {
        self.texts(name)?.into_iter().collect::<Option<_>>().ok_or_else(|| self.wrong(name, "text in every row"))
    }

    /// Lower and upper end of an interval from two columns; None where either is missing.
    pub fn ranges(&self, low: &str, high: &str) -> Result<Vec<Option<(f64, f64)>>> {
        Ok(self.numbers(low)?.into_iter().zip(self.numbers(high)?).map(|(low, high)| low.zip(high)).collect())
    }

    /// A number and its interval from three columns; None where the number is missing.
    pub fn estimates(&self, value: &str, low: &str, high: &str) -> Result<Vec<Option<Estimate>>> {
        let values = self.numbers(value)?.into_iter().zip(self.ranges(low, high)?);
        Ok(values.map(|(value, interval)| value.map(|value| Estimate { value, interval })).collect())
    }
}
