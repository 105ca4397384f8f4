//! A result table, written as Parquet with a CSV twin.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use polars::prelude::*;

use crate::error::{Error, Result};
use crate::stats::Interval;

/// A table under construction: columns are added in order, each with one value a row.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
}

impl Table {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn text<T: AsRef<str>>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<T> = values.into_iter().collect();
        self.with(StringChunked::from_iter_values(name.into(), values.iter().map(AsRef::as_ref)).into_column())
    }

    pub fn layer_or_head(self, name: &str, values: impl IntoIterator<Item = i16>) -> Self {
        self.with(Int16Chunked::from_vec(name.into(), values.into_iter().collect()).into_column())
    }

    /// A place in a grid or a class; `None` becomes null.
    pub fn optional_index(self, name: &str, values: impl IntoIterator<Item = Option<i16>>) -> Self {
        self.with(Int16Chunked::from_iter_options(name.into(), values.into_iter()).into_column())
    }

    pub fn count(self, name: &str, values: impl IntoIterator<Item = u32>) -> Self {
        self.with(UInt32Chunked::from_vec(name.into(), values.into_iter().collect()).into_column())
    }

    /// `None` becomes null: undefined, not zero.
    pub fn number(self, name: &str, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        self.with(Float64Chunked::from_iter_options(name.into(), values.into_iter()).into_column())
    }

    /// Two columns, `{prefix}lo` and `{prefix}hi`.
    pub fn interval(self, prefix: &str, values: impl IntoIterator<Item = Option<Interval>>) -> Self {
        let (lo, hi): (Vec<_>, Vec<_>) =
            values.into_iter().map(|interval| (interval.map(|i| i.lo), interval.map(|i| i.hi))).unzip();
        self.number(&format!("{prefix}lo"), lo).number(&format!("{prefix}hi"), hi)
    }

    fn with(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// The table as a data frame.
    ///
    /// # Errors
    /// Columns of different length or two of the same name.
    pub fn into_frame(self) -> Result<DataFrame> {
        DataFrame::new_infer_height(self.columns).map_err(|error| Error::data(error.to_string()))
    }

    /// Writes `{folder}/{name}.parquet` and `{folder}/{name}.csv`, each under a temporary name first, so that a reader
    /// never meets half a table.
    ///
    /// # Errors
    /// The folder or a file that cannot be written.
    pub fn write(self, folder: &Path, name: &str) -> Result<[PathBuf; 2]> {
        fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        let mut frame = self.into_frame().map_err(|error| error.within(format!("table `{name}`")))?;
        let parquet = replace(&folder.join(format!("{name}.parquet")), |file| {
            ParquetWriter::new(file).set_parallel(false).finish(&mut frame).map(drop)
        })?;
        let csv = replace(&folder.join(format!("{name}.csv")), |file| CsvWriter::new(file).finish(&mut frame))?;
        Ok([parquet, csv])
    }
}

/// Writes a file whole or not at all.
fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> PolarsResult<()>) -> Result<PathBuf> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let file = File::create(&partial).map_err(|error| Error::io("create", &partial, error))?;
    let mut file = BufWriter::new(file);
    write(&mut file).map_err(|error| Error::data(format!("cannot write `{}`: {error}", partial.display())))?;
    file.flush().map_err(|error| Error::io("write", &partial, error))?;
    fs::rename(&partial, path).map_err(|error| Error::io("write", path, error))?;
    Ok(path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_twins_say_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let table = || {
            Table::new()
                .text("stratum", ["all", "relation=left"])
                .layer_or_head("head", [-1, 3])
                .count("n", [21, 7])
                .number("auroc", [Some(0.5), None])
                .interval("ci_", [Some(Interval { lo: 0.25, hi: 0.75 }), None])
        };
        let [parquet, csv] = table().write(folder.path(), "demo").unwrap();
        let expected = "stratum,head,n,auroc,ci_lo,ci_hi\nall,-1,21,0.5,0.25,0.75\nrelation=left,3,7,,,\n";
        assert_eq!(fs::read_to_string(csv).unwrap(), expected);
        let read = ParquetReader::new(File::open(parquet).unwrap()).finish().unwrap();
        assert!(read.equals_missing(&table().into_frame().unwrap()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
