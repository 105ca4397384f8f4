//! Parquet files: written whole or not at all, read whole.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use polars::prelude::*;

use crate::error::{Error, Result};
use crate::study::{write_atomically, write_error};

/// Writes frames of one schema into one file, a row group each; says how many bytes it has. Frames without rows are
/// passed over. The same frames give the same bytes.
pub fn write_frames(path: &Path, frames: impl Iterator<Item = Result<DataFrame>>) -> Result<u64> {
    write_atomically(path, |file| {
        let mut sink = Sink { file: BufWriter::new(file), failed: None };
        let written = stream(&mut sink, frames);
        // Parquet's own message hides what the operating system said.
        match (sink.failed.take(), sink.file.flush()) {
            (Some(source), _) | (None, Err(source)) => Err(write_error(path, source)),
            (None, Ok(())) => written.map_err(|error| match error {
                Broken::Frame(error) => error,
                Broken::Parquet(error) => Error::data(format!("cannot write `{}`: {error}", path.display())),
            }),
        }
    })
}

/// Reads a frame, or only these of its columns.
pub fn read_frame(path: &Path, columns: Option<&[&str]>) -> Result<DataFrame> {
    let file = std::fs::File::open(path).map_err(|source| Error::io("read", path, source))?;
    let columns = columns.map(|names| names.iter().map(|name| name.to_string()).collect());
    let read = ParquetReader::new(file).with_columns(columns).finish();
    read.map_err(|error| {
        Error::data(format!("`{}` cannot be read as Parquet: {error}", path.display()))
            .with_help("remove the file and record again with --resume")
    })
}

fn stream(sink: &mut Sink<'_>, frames: impl Iterator<Item = Result<DataFrame>>) -> Result<u64, Broken> {
    let mut frames = frames.map(|frame| frame.map_err(Broken::Frame)).peekable();
    let first = std::iter::from_fn(|| frames.next_if(|frame| frame.as_ref().is_ok_and(|frame| frame.height() == 0)));
    let empty = first.last();
    let schema = match (frames.peek(), empty) {
        (Some(Ok(frame)), _) => frame.schema().clone(),
        (Some(Err(_)), _) => SchemaRef::default(),
        (None, Some(Ok(frame))) => frame.schema().clone(),
        (None, _) => return Err(Broken::Frame(Error::data("there is nothing to write"))),
    };
    let compression = ParquetCompression::Zstd(None);
    let mut writer = ParquetWriter::new(sink).with_compression(compression).batched(&schema)?;
    for frame in frames {
        let mut frame = frame?;
        frame.rechunk_mut();
        writer.write_batch(&frame)?;
    }
    Ok(writer.finish()?)
}

enum Broken {
    Frame(Error),
    Parquet(PolarsError),
}

impl From<PolarsError> for Broken {
    fn from(error: PolarsError) -> Self {
        Self::Parquet(error)
    }
}

/// A file that remembers how writing it failed.
struct Sink<'a> {
    file: BufWriter<&'a mut std::fs::File>,
    failed: Option<io::Error>,
}

impl Sink<'_> {
    fn remember<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.map_err(|error| {
            let kind = error.kind();
            self.failed.get_or_insert(error);
            kind.into()
        })
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.file.write(bytes);
        self.remember(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.file.flush();
        self.remember(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_become_row_groups_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.parquet");
        let frame = |values: &[i32]| Ok(df!("n" => values).unwrap());
        let bytes = write_frames(&path, [frame(&[]), frame(&[1, 2]), frame(&[]), frame(&[3])].into_iter()).unwrap();
        assert_eq!(bytes, std::fs::metadata(&path).unwrap().len());
        assert_eq!(read_frame(&path, None).unwrap(), df!("n" => [1, 2, 3]).unwrap());
        write_frames(&path, [frame(&[])].into_iter()).unwrap();
        assert_eq!(read_frame(&path, None).unwrap().shape(), (0, 1));
    }

    #[test]
    fn a_failure_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.parquet");
        write_frames(&path, [Ok(df!("n" => [1]).unwrap())].into_iter()).unwrap();
        let frames = [Ok(df!("n" => [2]).unwrap()), Err(Error::data("no more"))];
        assert_eq!(write_frames(&path, frames.into_iter()).unwrap_err().to_string(), "no more");
        assert_eq!(read_frame(&path, None).unwrap(), df!("n" => [1]).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_parquet_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.parquet");
        std::fs::write(&path, "PAR1 but not really").unwrap();
        let error = read_frame(&path, None).unwrap_err();
        assert!(error.to_string().contains("items.parquet") && error.help().unwrap().contains("--resume"), "{error}");
    }
}
