//! Typed columns of a Parquet file. Whatever does not fit is an error that names file, column and what was expected.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use crate::error::{Error, Result, suggestion};

/// A Parquet file in memory.
pub struct Frame {
    path: PathBuf,
    data: DataFrame,
}

/// A text column as numbers into its distinct values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Codes {
    pub of: Vec<Option<usize>>,
    /// In order of appearance.
    pub names: Vec<String>,
}

impl Codes {
    /// A row's text; empty where it is null.
    pub fn name(&self, row: usize) -> &str {
        self.of.get(row).copied().flatten().and_then(|code| self.names.get(code)).map_or("", String::as_str)
    }
}

impl Frame {
    /// # Errors
    /// The file is not there, or is not Parquet.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(Error::data(format!("`{}` is not there", path.display())).with_help(
                "an analysis reads a finished recording: record (or import) first, or finish one with `--resume`",
            ));
        }
        let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
        let data = ParquetReader::new(file)
            .set_rechunk(true)
            .finish()
            .map_err(|error| Error::data(format!("`{}` is not a readable Parquet file: {error}", path.display())))?;
        Ok(Self { path: path.to_path_buf(), data })
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.data.height()
    }

    pub fn has(&self, name: &str) -> bool {
        self.data.schema().contains(name)
    }

    /// An error about this file.
    pub fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::data(format!("`{}`: {message}", self.path.display()))
    }

    fn column(&self, name: &str) -> Result<&Column> {
        self.data.column(name).map_err(|_| {
            let known: Vec<&str> = self.data.schema().iter_names().map(|name| name.as_str()).collect();
            self.error(format!("column `{name}` is missing")).with_help(suggestion(name, known))
        })
    }

    fn wrong_type(&self, name: &str, column: &Column, expected: &str) -> Error {
        self.error(format!("column `{name}` holds {}, expected {expected}", column.dtype()))
    }

    /// Every value must be there.
    fn whole<T>(&self, name: &str, values: Vec<Option<T>>) -> Result<Vec<T>> {
        let missing = values.iter().position(Option::is_none);
        match missing {
            Some(row) => {
                Err(self.error(format!("column `{name}` is null in row {row}, expected a value in every row")))
            }
            None => Ok(values.into_iter().flatten().collect()),
        }
    }

    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.whole(name, self.optional_texts(name)?)
    }

    pub fn optional_texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        let column = self.column(name)?;
        if column.dtype() == &DataType::Null {
            return Ok(vec![None; self.height()]);
        }
        let texts = column.str().map_err(|_| self.wrong_type(name, column, "text"))?;
        Ok(texts.iter().map(|text| text.map(str::to_owned)).collect())
    }

    /// A text column as numbers into its distinct values, in order of appearance; null is `None`.
    pub fn optional_codes(&self, name: &str) -> Result<Codes> {
        let column = self.column(name)?;
        if column.dtype() == &DataType::Null {
            return Ok(Codes { of: vec![None; self.height()], names: Vec::new() });
        }
        let texts = column.str().map_err(|_| self.wrong_type(name, column, "text"))?;
        let (mut names, mut number) = (Vec::new(), HashMap::new());
        let mut code = |text: &str| {
            *number.entry(text.to_owned()).or_insert_with(|| {
                names.push(text.to_owned());
                names.len() - 1
            })
        };
        let of = texts.iter().map(|text| text.map(&mut code)).collect();
        Ok(Codes { of, names })
    }

    /// A text column as numbers into its different texts, which come in the order of appearance.
    pub fn codes(&self, name: &str) -> Result<(Vec<usize>, Vec<String>)> {
        let codes = self.optional_codes(name)?;
        Ok((self.whole(name, codes.of)?, codes.names))
    }

    pub fn flags(&self, name: &str) -> Result<Vec<bool>> {
        self.whole(name, self.optional_flags(name)?)
    }

    pub fn optional_flags(&self, name: &str) -> Result<Vec<Option<bool>>> {
        let column = self.column(name)?;
        if column.dtype() == &DataType::Null {
            return Ok(vec![None; self.height()]);
        }
        let flags = column.bool().map_err(|_| self.wrong_type(name, column, "true or false"))?;
        Ok(flags.iter().collect())
    }

    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        self.whole(name, self.optional_numbers(name)?)
    }

    pub fn optional_numbers(&self, name: &str) -> Result<Vec<Option<f64>>> {
        let column = self.column(name)?;
        let numeric = column.dtype().is_primitive_numeric() || column.dtype() == &DataType::Null;
        let cast = numeric.then(|| column.cast(&DataType::Float64).ok()).flatten();
        let cast = cast.ok_or_else(|| self.wrong_type(name, column, "numbers"))?;
        let numbers = cast.f64().map_err(|_| self.wrong_type(name, column, "numbers"))?;
        Ok(numbers.iter().collect())
    }

    /// Whole numbers that fit `T`.
    pub fn integers<T: TryFrom<i64>>(&self, name: &str) -> Result<Vec<T>> {
        self.whole(name, self.optional_integers(name)?)
    }

    pub fn optional_integers<T: TryFrom<i64>>(&self, name: &str) -> Result<Vec<Option<T>>> {
        let column = self.column(name)?;
        let cast = column.dtype().is_integer().then(|| column.cast(&DataType::Int64).ok()).flatten();
        let cast = cast.ok_or_else(|| self.wrong_type(name, column, "whole numbers"))?;
        let integers = cast.i64().map_err(|_| self.wrong_type(name, column, "whole numbers"))?;
        let out_of_range = |value| self.error(format!("column `{name}` holds {value}, out of range"));
        let fit = |value| T::try_from(value).map_err(|_| out_of_range(value));
        integers.iter().map(|value| value.map(fit).transpose()).collect()
    }

    /// How long each list is; null counts as empty.
    pub fn list_lengths(&self, name: &str) -> Result<Vec<usize>> {
        let column = self.column(name)?;
        let lists = column.list().map_err(|_| self.wrong_type(name, column, "lists"))?;
        Ok((0..lists.len()).map(|row| lists.get_as_series(row).map_or(0, |list| list.len())).collect())
    }

    /// Lists of numbers; null reads as an empty list.
    pub fn number_lists(&self, name: &str) -> Result<Vec<Vec<f64>>> {
        let column = self.column(name)?;
        if column.dtype() == &DataType::Null {
            return Ok(vec![Vec::new(); self.height()]);
        }
        let lists = column.list().map_err(|_| self.wrong_type(name, column, "lists of numbers"))?;
        let read = |list: Option<Series>| -> Result<Vec<f64>> {
            let Some(list) = list else { return Ok(Vec::new()) };
            let cast = list.cast(&DataType::Float64).ok();
            let values = cast.as_ref().and_then(|list| list.f64().ok());
            let values = values.ok_or_else(|| self.wrong_type(name, column, "lists of numbers"))?;
            self.whole(name, values.iter().collect())
        };
        (0..lists.len()).map(|row| read(lists.get_as_series(row))).collect()
    }

    /// Lists of texts; null reads as an empty list.
    pub fn text_lists(&self, name: &str) -> Result<Vec<Vec<String>>> {
        let column = self.column(name)?;
        let lists = column.list().map_err(|_| self.wrong_type(name, column, "lists of texts"))?;
        let read = |list: Option<Series>| -> Result<Vec<String>> {
            let Some(list) = list else { return Ok(Vec::new()) };
            let texts = list.str().map_err(|_| self.wrong_type(name, column, "lists of texts"))?;
            self.whole(name, texts.iter().map(|text| text.map(str::to_owned)).collect())
        };
        (0..lists.len()).map(|row| read(lists.get_as_series(row))).collect()
    }

    /// Rows of equal length as one row-major array, and that length.
    pub fn rows(&self, name: &str) -> Result<(Vec<f32>, usize)> {
        let column = self.column(name)?;
        let expected = "fixed-size arrays of f32 or f16";
        let rows = column.array().map_err(|_| self.wrong_type(name, column, expected))?;
        let width = rows.width();
        let inner = rows.rechunk().get_inner();
        let half = inner.dtype() == &DataType::Float16;
        let inner = if half { inner.cast(&DataType::Float32).unwrap_or(inner) } else { inner };
        let values = inner.f32().map_err(|_| self.wrong_type(name, column, expected))?;
        if rows.null_count() > 0 || values.null_count() > 0 {
            return Err(self.error(format!("column `{name}` has nulls, expected {width} numbers in every row")));
        }
        Ok((values.into_no_null_iter().collect(), width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(columns: Vec<Column>) -> (tempfile::TempDir, Frame) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.parquet");
        let mut data = DataFrame::new_infer_height(columns).unwrap();
        ParquetWriter::new(File::create(&path).unwrap()).finish(&mut data).unwrap();
        let frame = Frame::read(&path).unwrap();
        (folder, frame)
    }

    #[test]
    fn typed_reading() {
        let lists: ListChunked = [Some(Series::new("".into(), [1.0, 2.0])), None].into_iter().collect();
        let (_folder, frame) = frame(vec![
            Column::new("share".into(), [Some(0.5f32), None]),
            Column::new("layer".into(), [3i32, 4]),
            Column::new("item".into(), ["a", "b"]),
            lists.with_name("boxes".into()).into_column(),
        ]);
        assert_eq!(frame.optional_numbers("share").unwrap(), [Some(0.5), None]);
        assert_eq!(frame.integers::<i16>("layer").unwrap(), [3, 4]);
        assert_eq!(frame.number_lists("boxes").unwrap(), [vec![1.0, 2.0], vec![]]);
    }

    #[test]
    fn errors_name_file_and_column() {
        let (_folder, frame) = frame(vec![
            Column::new("correct".into(), [1i32, 0]),
            Column::new("share".into(), [Some(0.5f32), None]),
            Column::new("layer".into(), [70_000i32, 4]),
        ]);
        let says = |error: Error, parts: &[&str]| {
            let text = format!("{error} {}", error.help().unwrap_or_default());
            for part in parts {
                assert!(text.contains(part), "{text}");
            }
        };
        says(frame.flags("corect").unwrap_err(), &["demo.parquet", "`corect` is missing", "did you mean `correct`"]);
        says(frame.flags("correct").unwrap_err(), &["demo.parquet", "`correct` holds i32", "true or false"]);
        says(frame.numbers("share").unwrap_err(), &["demo.parquet", "`share` is null in row 1"]);
        says(frame.integers::<i16>("layer").unwrap_err(), &["demo.parquet", "`layer` holds 70000"]);
        says(frame.rows("share").unwrap_err(), &["demo.parquet", "`share`", "fixed-size arrays"]);
    }

    #[test]
    fn files_that_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.parquet");
        assert!(Frame::read(&path).err().unwrap().to_string().contains("is not there"));
        std::fs::write(&path, "PAR1 nonsense").unwrap();
        assert!(Frame::read(&path).err().unwrap().to_string().contains("not a readable Parquet file"));
    }
}
