//! Hidden-state frames: one file a site, one row a token or a mean over a group.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::Items;
use super::column::Frame;
use crate::error::{Result, suggestion};
use crate::model::Site;
use crate::processor::Patch;

/// The folder of these frames, in the folder of all frames.
const FOLDER: &str = "hidden";

/// What was recorded at one site.
#[derive(Clone, Debug)]
pub struct HiddenSite {
    pub site: String,
    pub width: usize,
    pub rows: Vec<HiddenRow>,
    /// `[rows, width]`; what was stored as f16 is widened.
    pub vectors: Array2<f32>,
    variants: Vec<String>,
    groups: Vec<String>,
}

/// Whose hidden state a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HiddenRow {
    /// Place in [`Items`].
    pub item: usize,
    /// Place in [`HiddenSite::variants`].
    pub variant: u16,
    /// Place in [`HiddenSite::groups`].
    pub group: u16,
    /// Which patch; `None` for a mean and for positions of the text.
    pub cell: Option<Patch>,
}

/// The sites that `folder`, the folder of all frames, holds hidden states of, in the order in which a forward pass meets
/// them; names that are no site come last.
pub fn sites(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join(FOLDER)).into_iter().flatten().flatten();
    let name = |path: PathBuf| {
        let is_frame = path.extension().is_some_and(|extension| extension == "parquet") && path.is_file();
        is_frame.then(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned())).flatten()
    };
    let mut sites: Vec<String> = files.filter_map(|file| name(file.path())).collect();
    sites.sort_by_cached_key(|site| (order(site), site.clone()));
    sites
}

/// Tower, slot, place in the slot.
fn order(site: &str) -> (u8, usize, u8) {
    let Ok(known) = site.parse::<Site>() else { return (if site == "pixels" { 0 } else { u8::MAX }, 0, 0) };
    match known {
        Site::VisionAttn(i) => (1, i, 1),
        Site::VisionResid(s) => (1, s, 0),
        Site::VisionOut => (2, 0, 0),
        Site::SpatialFrame(i) => (3, i, 0),
        Site::SpatialShares(i) => (3, i, 1),
        Site::SpatialFrames(i) => (3, i, 2),
        Site::SpatialGlobal(i) => (3, i, 3),
        Site::SpatialOut => (4, 0, 0),
        Site::ConnectorIn => (4, 0, 1),
        Site::Connector2d => (4, 0, 2),
        Site::Connector3d => (4, 0, 3),
        Site::ProjectorOut => (5, 0, 0),
        Site::LmResid(s) => (6, s, 0),
        Site::LmScores(l) => (6, l, 1),
        Site::LmAttn(l) => (6, l, 2),
        Site::LmHead(l, _) => (6, l, 3),
        Site::LmAttnOut(l) => (6, l, 3),
        Site::LmMlpOut(l) => (6, l, 4),
        Site::Logits => (7, 0, 0),
    }
}

impl HiddenSite {
    /// Reads one site's file below `folder`, the folder of all frames.
    ///
    /// # Errors
    /// A missing or unreadable file; a column that is missing or of another type; a row of an item that is not in the items
    /// frame, of a patch outside its grid, or there twice; a number that is NaN or infinite. The message names file, item
    /// and site.
    pub fn read(folder: &Path, site: &str, items: &Items) -> Result<Self> {
        let path = folder.join(FOLDER).join(format!("{site}.parquet"));
        let known = sites(folder);
        if !known.iter().any(|known| known == site) {
            return Err(crate::error::Error::data(format!("`{}` is not there", path.display()))
                .with_help(suggestion(site, known.iter().map(String::as_str))));
        }
        let frame = Frame::read(&path)?;
        let (item_of, names) = frame.codes("item")?;
        let (variant_of, variants) = frame.codes("variant")?;
        let (group_of, groups) = frame.codes("group")?;
        let numbers: HashMap<&str, usize> = items.id.iter().zip(0..).map(|(id, item)| (id.as_str(), item)).collect();
        let number = |name: &String| {
            let known = numbers.get(name.as_str()).copied();
            known.ok_or_else(|| frame.error(format!("item `{name}` is not in items.parquet")))
        };
        let item_numbers = names.iter().map(number).collect::<Result<Vec<usize>>>()?;
        let (cell_rows, cell_cols) =
            (frame.optional_integers::<usize>("cell_row")?, frame.optional_integers::<usize>("cell_col")?);
        let row = |at: usize| -> Result<HiddenRow> {
            let item = item_numbers[item_of[at]];
            let cell = match (cell_rows[at], cell_cols[at]) {
                (Some(row), Some(col)) => Some(Patch { row, col }),
                (None, None) => None,
                _ => return Err(frame.error(format!("row {at}: one of `cell_row` and `cell_col` is null"))),
            };
            let grid = items.geometry[item].grid;
            if let Some(Patch { row, col }) = cell.filter(|cell| cell.row >= grid.rows || cell.col >= grid.cols) {
                let (item, rows, cols) = (&items.id[item], grid.rows, grid.cols);
                let message = format!("item `{item}`: cell {row}, {col} is outside its grid of {rows} x {cols}");
                return Err(frame.error(message));
            }
            Ok(HiddenRow { item, variant: variant_of[at] as u16, group: group_of[at] as u16, cell })
        };
        let rows = (0..frame.height()).map(row).collect::<Result<Vec<_>>>()?;
        let (vectors, width) = frame.rows("vector")?;
        let read = Self {
            site: site.to_owned(),
            width,
            vectors: Array2::from_shape_vec((rows.len(), width), vectors).map_err(|error| frame.error(error))?,
            rows,
            variants,
            groups,
        };
        read.check(&frame, items)?;
        Ok(read)
    }

    fn check(&self, frame: &Frame, items: &Items) -> Result<()> {
        let name = |row: &HiddenRow| {
            let (variant, group) = (&self.variants[row.variant as usize], &self.groups[row.group as usize]);
            format!("item `{}`, site `{}`, variant `{variant}`, group `{group}`", items.id[row.item], self.site)
        };
        let mut seen = HashSet::with_capacity(self.rows.len());
        if let Some(row) = self.rows.iter().find(|row| row.cell.is_some() && !seen.insert(**row)) {
            return Err(frame.error(format!("{}: a patch is there twice", name(row))));
        }
        for (row, vector) in self.rows.iter().zip(self.vectors.outer_iter()) {
            if let Some(value) = vector.iter().find(|value| !value.is_finite()) {
                return Err(frame
                    .error(format!("{}: a feature is {value}, expected finite numbers", name(row)))
                    .with_help(
                        "the model's numbers overflowed, or f16 could not hold them: record with dtype = \"f32\"",
                    ));
            }
        }
        Ok(())
    }

    pub fn variants(&self) -> &[String] {
        &self.variants
    }

    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;
    use crate::analysis::planted;

    fn items() -> Items {
        let id = ["a", "b"].map(String::from).to_vec();
        Items { id, geometry: vec![planted::geometry(); 2], ..Items::default() }
    }

    /// Three rows of two numbers.
    fn frame(vectors: [f32; 6]) -> DataFrame {
        let vectors = Series::new("vector".into(), vectors);
        let vectors = vectors.reshape_array(&[ReshapeDimension::Infer, ReshapeDimension::new(2)]).unwrap();
        let mut frame = df!(
            "item" => ["a", "b", "b"], "variant" => ["original", "blank", "original"],
            "group" => ["objects", "last", "objects"],
            "cell_row" => [Some(3i16), None, Some(0)], "cell_col" => [Some(1i16), None, Some(2)],
        )
        .unwrap();
        frame.with_column(vectors.into_column()).unwrap();
        frame
    }

    fn read(frame: DataFrame) -> Result<HiddenSite> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("hidden")).unwrap();
        planted::save(&folder.path().join("hidden/lm.0.resid.parquet"), frame);
        HiddenSite::read(folder.path(), "lm.0.resid", &items())
    }

    const VECTORS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    #[test]
    fn rows_know_their_item_variant_group_and_cell() {
        let whole = frame(VECTORS);
        let site = read(whole.clone()).unwrap();
        assert_eq!(
            (site.width, site.variants(), site.groups().len()),
            (2, &["original".into(), "blank".into()][..], 2)
        );
        let row = HiddenRow { item: 1, variant: 0, group: 0, cell: Some(Patch { row: 0, col: 2 }) };
        assert_eq!((site.rows[2], site.rows[1].cell), (row, None));
        assert_eq!(site.vectors.row(2).to_vec(), [5.0, 6.0]);
        // Half precision reads as f32.
        let half = DataType::Array(Box::new(DataType::Float16), 2);
        let half = whole.column("vector").unwrap().cast(&half).unwrap();
        let mut stored = whole;
        stored.with_column(half).unwrap();
        assert_eq!(read(stored).unwrap().vectors, site.vectors);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let says = |frame: DataFrame, parts: &[&str]| {
            let error = read(frame).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        };
        let not_a_number = frame([1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0]);
        says(not_a_number, &["lm.0.resid.parquet", "item `b`", "site `lm.0.resid`", "variant `blank`", "NaN"]);
        says(frame([f32::INFINITY; 6]), &["item `a`", "inf"]);
        let with = |column: Column| frame(VECTORS).with_column(column).unwrap().clone();
        says(with(Column::new("item".into(), ["a", "b", "c"])), &["item `c` is not in items.parquet"]);
        says(with(Column::new("cell_row".into(), [Some(4i16), None, Some(0)])), &["cell 4, 1 is outside", "4 x 4"]);
        says(with(Column::new("cell_row".into(), [None, None, Some(0i16)])), &["row 0", "is null"]);
        says(frame(VECTORS).drop("vector").unwrap(), &["column `vector` is missing"]);
        let twice = frame(VECTORS);
        says(twice.vstack(&twice.head(Some(1))).unwrap(), &["item `a`", "there twice"]);
        let folder = tempfile::tempdir().unwrap();
        let error = HiddenSite::read(folder.path(), "lm.0.resid", &items()).unwrap_err();
        assert!(error.to_string().contains("is not there"), "{error}");
    }

    #[test]
    fn sites_come_in_the_order_of_the_walk() {
        let folder = tempfile::tempdir().unwrap();
        let hidden = folder.path().join("hidden");
        std::fs::create_dir_all(hidden.join("lm.3.resid")).unwrap();
        let walk =
            "pixels vision.0.resid vision.2.resid vision.10.resid vision.out projector.out lm.0.resid lm.0.attn_out \
                    lm.0.mlp_out lm.1.resid lm.12.resid"
                .split(' ');
        for site in walk.clone().chain(["extra"]) {
            std::fs::write(hidden.join(format!("{site}.parquet")), "").unwrap();
        }
        std::fs::write(hidden.join("lm.2.resid.parquet.part"), "").unwrap();
        assert_eq!(sites(folder.path()), walk.chain(["extra"]).collect::<Vec<_>>());
        assert!(sites(&hidden).is_empty());
    }
}
