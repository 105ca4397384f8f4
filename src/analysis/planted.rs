//! Run folders with a known truth, written as the recorder would write them, and what the tables must say about them.

use std::fs::{self, File};
use std::path::Path;

use polars::prelude::*;
use rand::Rng;

use super::{Params, run};
use crate::dataset::PixelBox;
use crate::processor::{Grid, ImageGeometry};
use crate::stats::seed::rng;

/// A question about an image of 40 x 40 pixels, seen as 4 x 4 patches of 10 x 10.
pub struct PlantedItem {
    pub image: String,
    pub relation: &'static str,
    pub familiarity: &'static str,
    pub correct: bool,
    /// One list an object.
    pub boxes: Vec<Vec<PixelBox>>,
}

pub const GRID: Grid = Grid { rows: 4, cols: 4 };
const SEEN: PixelBox = PixelBox { x1: 0.0, y1: 0.0, x2: 40.0, y2: 40.0 };
/// The share of attention that goes to the image in every planted row.
pub const IMAGE: f64 = 0.5;

pub fn geometry() -> ImageGeometry {
    ImageGeometry { image_width: 40, image_height: 40, grid: GRID, seen: SEEN }
}

/// Writes both frames; `attention(item, layer, head)` gives each row's patches, scaled here to add up to [`IMAGE`].
pub fn write(
    run_dir: &Path,
    items: &[PlantedItem],
    layers: i16,
    heads: &[i16],
    attention: impl Fn(usize, i16, i16) -> Vec<f64>,
) {
    let folder = run_dir.join("frames");
    fs::create_dir_all(&folder).unwrap();
    save(&folder.join("items.parquet"), items_frame(items));
    save(&folder.join("attention.parquet"), attention_frame(items, layers, heads, attention));
}

pub fn save(path: &Path, mut frame: DataFrame) {
    ParquetWriter::new(File::create(path).unwrap()).finish(&mut frame).unwrap();
}

pub fn load(path: &Path) -> DataFrame {
    ParquetReader::new(File::open(path).unwrap()).finish().unwrap()
}

fn most_objects(items: &[PlantedItem]) -> usize {
    items.iter().map(|item| item.boxes.len()).max().unwrap_or(0)
}

fn items_frame(items: &[PlantedItem]) -> DataFrame {
    let n = items.len();
    let text = |name: &str, of: &dyn Fn(usize) -> String| Column::new(name.into(), (0..n).map(of).collect::<Vec<_>>());
    let mut columns = vec![
        text("item", &|i| format!("item-{i:03}")),
        text("dataset", &|_| "planted".into()),
        text("image", &|i| items[i].image.clone()),
        text("question", &|_| "Where is the thing?".into()),
        text("gold", &|i| items[i].relation.into()),
        Column::new("image_width".into(), vec![40u32; n]),
        Column::new("image_height".into(), vec![40u32; n]),
        text("relation", &|i| items[i].relation.into()),
        text("familiarity", &|i| items[i].familiarity.into()),
        text("answer", &|i| if items[i].correct { items[i].relation.into() } else { "none".into() }),
        Column::new("confidence".into(), vec![0.75f32; n]),
        Column::new("correct".into(), items.iter().map(|item| item.correct).collect::<Vec<_>>()),
        Column::new("pair".into(), vec![None::<&str>; n]),
        Column::new("set".into(), vec![None::<&str>; n]),
        Column::new("grid_rows".into(), vec![GRID.rows as u32; n]),
        Column::new("grid_cols".into(), vec![GRID.cols as u32; n]),
        Column::new("seen_x1".into(), vec![SEEN.x1; n]),
        Column::new("seen_y1".into(), vec![SEEN.y1; n]),
        Column::new("seen_x2".into(), vec![SEEN.x2; n]),
        Column::new("seen_y2".into(), vec![SEEN.y2; n]),
    ];
    for k in 0..most_objects(items) {
        let boxes = |item: &PlantedItem| item.boxes.get(k).cloned().unwrap_or_default();
        let flat =
            |item: &PlantedItem| -> Vec<f64> { boxes(item).iter().flat_map(|b| [b.x1, b.y1, b.x2, b.y2]).collect() };
        let visible = |item: &PlantedItem| (!boxes(item).is_empty()).then(|| geometry().visible_union(&boxes(item)));
        let name = |suffix: &str| PlSmallStr::from(format!("object_{}{suffix}", k + 1));
        let mut lists: ListChunked = items.iter().map(|item| Some(Series::new("".into(), flat(item)))).collect();
        lists.rename(name("_boxes"));
        columns.push(Column::new(name(""), vec!["thing"; n]));
        columns.push(lists.into_column());
        columns.push(Column::new(name("_visible"), items.iter().map(visible).collect::<Vec<_>>()));
        columns
            .push(Column::new(name("_outside"), items.iter().map(|i| visible(i).map(|v| v < 1.0)).collect::<Vec<_>>()));
    }
    DataFrame::new(n, columns).unwrap()
}

fn attention_frame(
    items: &[PlantedItem],
    layers: i16,
    heads: &[i16],
    attention: impl Fn(usize, i16, i16) -> Vec<f64>,
) -> DataFrame {
    let (mut ids, mut layer_of, mut head_of) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows: Vec<f32> = Vec::new();
    let mut objects = vec![Vec::new(); most_objects(items) + 1];
    for (item, planted) in items.iter().enumerate() {
        for layer in 0..layers {
            for &head in heads {
                let row = attention(item, layer, head);
                let scale = IMAGE / row.iter().sum::<f64>();
                let row: Vec<f64> = row.iter().map(|mass| mass * scale).collect();
                ids.push(format!("item-{item:03}"));
                layer_of.push(layer);
                head_of.push(head);
                let mass = |boxes: &[PixelBox]| {
                    let coverage = geometry().coverage(boxes);
                    (!boxes.is_empty())
                        .then(|| row.iter().zip(coverage).map(|(a, c)| a * f64::from(c)).sum::<f64>() as f32)
                };
                objects[0].push(mass(&planted.boxes.concat()));
                for (k, masses) in objects.iter_mut().skip(1).enumerate() {
                    masses.push(planted.boxes.get(k).and_then(|boxes| mass(boxes)));
                }
                rows.extend(row.iter().map(|&mass| mass as f32));
            }
        }
    }
    let n = ids.len();
    let background: Vec<f32> = objects[0].iter().map(|mass: &Option<f32>| IMAGE as f32 - mass.unwrap_or(0.0)).collect();
    let mut columns = vec![
        Column::new("item".into(), ids),
        Column::new("layer".into(), layer_of),
        Column::new("head".into(), head_of),
        Column::new("query".into(), vec!["last"; n]),
        Column::new("bos".into(), vec![0.25f32; n]),
        Column::new("image".into(), vec![IMAGE as f32; n]),
        Column::new("text".into(), vec![0.125f32; n]),
        Column::new("last".into(), vec![0.125f32; n]),
        Column::new("background".into(), background),
        Column::new("objects".into(), objects.remove(0)),
    ];
    for (k, masses) in objects.into_iter().enumerate() {
        columns.push(Column::new(PlSmallStr::from(format!("object_{}", k + 1)), masses));
    }
    let rows = Series::new("row".into(), rows);
    let shape = [ReshapeDimension::Infer, ReshapeDimension::new(GRID.count() as i64)];
    columns.push(rows.reshape_array(&shape).unwrap().into_column());
    DataFrame::new(n, columns).unwrap()
}

/// Two relations and one image an item; `correct` and the place of the object come from the item's number.
fn items(n: usize, correct: impl Fn(usize) -> bool) -> Vec<PlantedItem> {
    (0..n)
        .map(|i| {
            let (x1, y1) = (f64::from(i as u32 * 7 % 25), f64::from(i as u32 * 11 % 25));
            PlantedItem {
                image: format!("image-{i}"),
                relation: if i % 2 == 0 { "left" } else { "above" },
                familiarity: if i % 2 == 0 { "familiar" } else { "unfamiliar" },
                correct: correct(i),
                boxes: vec![vec![PixelBox { x1, y1, x2: x1 + 12.0, y2: y1 + 14.0 }]],
            }
        })
        .collect()
}

/// Noise everywhere, and `gain` on the patches of the item's object.
fn row(item: &PlantedItem, number: usize, layer: i16, gain: f64) -> Vec<f64> {
    let mut noise = rng(5, "planted noise", number as u64 * 100 + layer as u64);
    let coverage = geometry().coverage(&item.boxes.concat());
    coverage.iter().map(|&cover| noise.random_range(0.5..1.5) + gain * f64::from(cover)).collect()
}

fn params() -> Params {
    Params { draws: 60, bootstrap: 200, permutations: 199, ..Params::default() }
}

/// The value of a column in the one row that a list of `column = text` picks.
fn cell(table: &DataFrame, keys: &[(&str, &str)], column: &str) -> Option<f64> {
    let is = |row: usize, (key, expected): &(&str, &str)| {
        let value = table.column(key).unwrap().get(row).unwrap();
        value.get_str().map_or_else(|| value.to_string(), str::to_owned) == *expected
    };
    let rows: Vec<usize> = (0..table.height()).filter(|&row| keys.iter().all(|key| is(row, key))).collect();
    let [row] = rows[..] else { panic!("{} rows match {keys:?}", rows.len()) };
    table.column(column).unwrap().cast(&DataType::Float64).unwrap().f64().unwrap().get(row)
}

fn alignment(table: &DataFrame, layer: &str, metric: &str, stratum: &str, column: &str) -> Option<f64> {
    let target = if metric == "relation_only" { "relation" } else { "objects" };
    let head = "-1";
    let keys = [("layer", layer), ("head", head), ("metric", metric), ("target", target), ("stratum", stratum)];
    cell(table, &keys, column)
}

#[test]
fn attention_on_the_object_iff_right() {
    let run_dir = tempfile::tempdir().unwrap();
    let items = items(80, |i| i % 5 != 0);
    // Only layer 1 looks at the object, and only for items that come out right.
    let gain = |i: usize, layer| if layer == 1 && items[i].correct { 12.0 } else { 0.0 };
    write(run_dir.path(), &items, 3, &[-1], |i, layer, _| row(&items[i], i, layer, gain(i, layer)));
    let written = run(run_dir.path(), &params()).unwrap();
    assert_eq!(written.len(), 2 * super::ANALYSES.len());
    assert!(written.iter().all(|path| path.is_file()));

    let table = load(&run_dir.path().join("tables/alignment.parquet"));
    let of = |layer, column| alignment(&table, layer, "fraction", "all", column).unwrap();
    assert_eq!((of("1", "n_right"), of("1", "n_wrong")), (64.0, 16.0));
    assert_eq!((of("1", "auroc"), of("1", "p_max")), (1.0, 1.0 / 200.0));
    assert_eq!(alignment(&table, "1", "fraction", "all", "ci_lo"), None);
    assert!(of("1", "value_right_lo") > of("1", "value_wrong_hi"));
    assert!(of("1", "value_right") > of("1", "null_value_hi") && of("1", "r_pb") > 0.8);
    assert!(of("1", "null_hi") < 0.9 && of("1", "other_hi") < 0.9);
    for layer in ["0", "2"] {
        assert!((of(layer, "auroc") - 0.5).abs() < 0.2 && of(layer, "p_max") > 0.05);
        assert!(of(layer, "null_value_lo") < of(layer, "value") && of(layer, "value") < of(layer, "null_value_hi"));
    }
    for metric in ["mass", "cosine", "patch_auroc", "pointing", "topk_iou"] {
        assert!(alignment(&table, "1", metric, "within relation", "auroc").unwrap() > 0.85, "{metric}");
    }

    let adjusted = load(&run_dir.path().join("tables/adjusted.parquet"));
    let of = |layer, column| cell(&adjusted, &[("layer", layer), ("metric", "fraction")], column).unwrap();
    assert!(of("1", "log_odds") > 1.0 && of("1", "ci_lo") > 0.0 && of("1", "p_max") < 0.02);
    assert!(of("0", "ci_lo") < 0.0 && of("0", "ci_hi") > 0.0 && of("2", "p_max") > 0.05);

    let headline = load(&run_dir.path().join("tables/headline.parquet"));
    let value = |name| cell(&headline, &[("name", name)], "value").unwrap();
    assert_eq!((value("items"), value("accuracy"), value("accuracy (relation=above)")), (80.0, 0.8, 0.8));
    assert_eq!((value("AUROC of cosine (all)"), value("AUROC of cosine (within relation)")), (1.0, 1.0));
    assert!((value("image share") - IMAGE).abs() < 1e-6);
    let notes: Vec<String> =
        headline.column("note").unwrap().str().unwrap().iter().flatten().map(String::from).collect();
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("layer 1: AUROC 1.000; no CI: too few, or perfectly apart; random boxes"))
    );
    assert!(notes.iter().any(|note| note.starts_with("layer 1 puts ")), "{notes:#?}");

    let gallery = load(&run_dir.path().join("tables/gallery.parquet"));
    assert_eq!(gallery.height(), 4 * Params::default().gallery);
    assert_eq!(gallery.column("layer").unwrap().i16().unwrap().get(0), Some(1));
}

#[test]
fn no_effect_shows_none() {
    let run_dir = tempfile::tempdir().unwrap();
    let items = items(80, |i| i % 3 != 0);
    write(run_dir.path(), &items, 4, &[-1], |i, layer, _| row(&items[i], i, layer, 3.0));
    run(run_dir.path(), &params()).unwrap();
    let table = load(&run_dir.path().join("tables/alignment.parquet"));
    for layer in ["0", "1", "2", "3"] {
        for stratum in ["all", "within relation"] {
            let of = |column| alignment(&table, layer, "cosine", stratum, column).unwrap();
            assert!(of("p_max") > 0.05 && of("p_max") >= of("p"), "layer {layer}, {stratum}: {}", of("p_max"));
            assert!(of("ci_lo") < 0.5 && 0.5 < of("ci_hi"));
        }
        // Attention is on the object all the same, and the random boxes say so.
        let of = |column| alignment(&table, layer, "fraction", "all", column).unwrap();
        assert!(of("value_lo") > of("null_value_hi"));
    }
}

#[test]
fn confounded_by_relation() {
    let run_dir = tempfile::tempdir().unwrap();
    // "left" is nearly always right and attention is on the object; "above" is nearly always wrong and it is not. Inside a
    // relation the two have nothing to do with each other.
    let items = items(160, |i| if i % 2 == 0 { i % 20 != 0 } else { i % 20 == 1 });
    let gain = |i: usize| if items[i].relation == "left" { 8.0 } else { 0.0 };
    write(run_dir.path(), &items, 2, &[-1], |i, layer, _| row(&items[i], i, layer, gain(i)));
    run(run_dir.path(), &params()).unwrap();
    let table = load(&run_dir.path().join("tables/alignment.parquet"));
    for layer in ["0", "1"] {
        let of = |stratum, column| alignment(&table, layer, "fraction", stratum, column).unwrap();
        assert!(of("all", "auroc") > 0.85 && of("all", "p_max") < 0.01);
        let (auroc, lo, hi) =
            (of("within relation", "auroc"), of("within relation", "ci_lo"), of("within relation", "ci_hi"));
        assert!(lo < 0.5 && 0.5 < hi && (auroc - 0.5).abs() < 0.2, "{lo} {auroc} {hi}");
        assert!(of("within relation", "p_max") > 0.05 && of("within relation", "r_pb").abs() < 0.2);
    }
    let adjusted = load(&run_dir.path().join("tables/adjusted.parquet"));
    for layer in ["0", "1"] {
        let of = |column| cell(&adjusted, &[("layer", layer), ("metric", "fraction")], column).unwrap();
        assert!(of("ci_lo") < 0.0 && 0.0 < of("ci_hi") && of("p_max") > 0.05, "layer {layer}");
    }
    let only = |stratum, column| alignment(&table, "-1", "relation_only", stratum, column);
    assert!(only("all", "auroc").unwrap() > 0.8 && only("all", "p").is_none() && only("all", "p_max").is_none());
}

#[test]
fn one_class_is_undefined_not_zero() {
    let run_dir = tempfile::tempdir().unwrap();
    let items = items(12, |i| i % 2 == 0);
    write(run_dir.path(), &items, 1, &[-1], |i, layer, _| row(&items[i], i, layer, 1.0));
    run(run_dir.path(), &params()).unwrap();
    let table = load(&run_dir.path().join("tables/alignment.parquet"));
    for column in ["auroc", "ci_lo", "null_lo", "other_hi", "r_pb", "p", "p_max", "value_wrong"] {
        assert_eq!(alignment(&table, "0", "mass", "relation=left", column), None, "{column}");
    }
    assert!(alignment(&table, "0", "mass", "relation=left", "value_right").is_some());
    for column in ["auroc", "value", "value_lo"] {
        assert_eq!(alignment(&table, "0", "mass", "within relation", column), None);
    }
    assert_eq!(alignment(&table, "0", "mass", "within relation", "n_right"), Some(0.0));
    let headline = load(&run_dir.path().join("tables/headline.parquet"));
    assert_eq!(cell(&headline, &[("name", "AUROC of mass (within relation)")], "value"), None);
}

/// Four items small enough to do by hand: two with a box over the top left quarter, one without, one out of sight.
#[test]
fn by_hand() {
    let run_dir = tempfile::tempdir().unwrap();
    let quarter = PixelBox { x1: 0.0, y1: 0.0, x2: 20.0, y2: 20.0 };
    let away = PixelBox { x1: 50.0, y1: 0.0, x2: 60.0, y2: 10.0 };
    let item = |number: u32, correct, boxes: &[PixelBox]| PlantedItem {
        image: format!("image-{number}"),
        relation: "left",
        familiarity: "familiar",
        correct,
        boxes: vec![boxes.to_vec()],
    };
    let items = [item(0, true, &[quarter]), item(1, false, &[quarter]), item(2, true, &[]), item(3, true, &[away])];
    // Item 0: everything on the box's four patches; the others: the same everywhere.
    let flat = |i: usize, patch: usize| if i > 0 || patch % 4 < 2 && patch < 8 { 1.0 } else { 0.0 };
    write(run_dir.path(), &items, 1, &[-1], |i, _, _| (0..16).map(|patch| flat(i, patch)).collect());
    run(run_dir.path(), &params()).unwrap();

    let shares = load(&run_dir.path().join("tables/attention_share.parquet"));
    let share = |group, column| cell(&shares, &[("group", group)], column).unwrap();
    assert_eq!((share("bos", "share"), share("bos", "n")), (0.25, 4.0));
    // Masses 0.5, 0.125 and 0 (out of sight); item 2 has no boxes.
    assert!((share("objects", "share") - 0.625 / 3.0).abs() < 1e-6);
    assert!((share("background", "share") - 0.875 / 3.0).abs() < 1e-6);
    assert_eq!((share("objects", "n"), share("background", "n"), share("image", "n")), (3.0, 3.0, 4.0));

    let table = load(&run_dir.path().join("tables/alignment.parquet"));
    let of = |metric, column| alignment(&table, "0", metric, "all", column).unwrap();
    for (metric, right, wrong) in [
        ("mass", 0.5, 0.125),
        ("fraction", 1.0, 0.25),
        ("cosine", 1.0, 0.5),
        ("patch_auroc", 1.0, 0.5),
        ("pointing", 1.0, 0.25),
        // Flat: each of the four inside patches holds a quarter of the four places: 1 in common of 7.
        ("topk_iou", 1.0, 1.0 / 7.0),
    ] {
        assert!((of(metric, "value_right") - right).abs() < 1e-6, "{metric}: {}", of(metric, "value_right"));
        assert!((of(metric, "value_wrong") - wrong).abs() < 1e-6, "{metric}: {}", of(metric, "value_wrong"));
        assert_eq!((of(metric, "n_right"), of(metric, "n_wrong"), of(metric, "auroc")), (1.0, 1.0, 1.0));
    }
    let answers = load(&run_dir.path().join("tables/answers.parquet"));
    let answer = |column| cell(&answers, &[("stratum", "all")], column).unwrap();
    assert_eq!((answer("n"), answer("n_right"), answer("accuracy"), answer("majority")), (4.0, 3.0, 0.75, 0.75));
    assert_eq!(answer("confidence_mean"), 0.75);
    let headline = load(&run_dir.path().join("tables/headline.parquet"));
    for name in ["items without boxes", "objects outside the crop", "objects out of sight"] {
        assert_eq!(cell(&headline, &[("name", name)], "value"), Some(1.0), "{name}");
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let items = items(30, |i| i % 3 != 0);
    let bytes = |threads| {
        let run_dir = tempfile::tempdir().unwrap();
        write(run_dir.path(), &items, 2, &[-1, 0, 1], |i, layer, head| row(&items[i], i, layer, f64::from(head + 1)));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let written = pool.install(|| run(run_dir.path(), &params()).unwrap());
        written.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(1), bytes(3));
}

#[test]
fn a_run_without_attention_has_the_tables_that_need_none() {
    let run_dir = tempfile::tempdir().unwrap();
    write(run_dir.path(), &items(6, |i| i % 2 == 0), 1, &[-1], |_, _, _| vec![1.0; 16]);
    fs::remove_file(run_dir.path().join("frames/attention.parquet")).unwrap();
    let written = run(run_dir.path(), &params()).unwrap();
    let names: Vec<_> = written.iter().map(|path| path.file_name().unwrap().to_string_lossy()).collect();
    assert_eq!(names, ["answers.parquet", "answers.csv", "headline.parquet", "headline.csv"]);
    let headline = load(&run_dir.path().join("tables/headline.parquet"));
    assert_eq!(cell(&headline, &[("name", "accuracy")], "value"), Some(0.5));
}

#[test]
fn frames_that_do_not_fit_are_named() {
    let run_dir = tempfile::tempdir().unwrap();
    let folder = run_dir.path().join("frames");
    let items = items(6, |i| i % 2 == 0);
    let says = |parts: &[&str]| {
        let error = run(run_dir.path(), &params()).unwrap_err();
        let text = format!("{error} {}", error.help().unwrap_or_default());
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(error.exit_code(), 1);
    };
    says(&["items.parquet", "is not there", "record"]);
    write(run_dir.path(), &items, 2, &[-1], |i, layer, _| row(&items[i], i, layer, 1.0));
    let (whole_items, whole) = (load(&folder.join("items.parquet")), load(&folder.join("attention.parquet")));

    save(&folder.join("items.parquet"), whole_items.drop("correct").unwrap());
    says(&["items.parquet", "column `correct` is missing"]);
    save(&folder.join("items.parquet"), whole_items.vstack(&whole_items.head(Some(1))).unwrap());
    says(&["items.parquet", "`item-000` is there twice"]);
    save(&folder.join("items.parquet"), whole_items);

    save(&folder.join("attention.parquet"), whole.drop("row").unwrap());
    says(&["attention.parquet", "column `row` is missing"]);
    save(&folder.join("attention.parquet"), whole.head(Some(11)));
    says(&["attention.parquet", "item `item-005` has no row for layer 1", "--resume"]);
    let mut shifted = whole.clone();
    shifted.replace("image", Column::new("image".into(), vec![0.4f32; 12])).unwrap();
    save(&folder.join("attention.parquet"), shifted);
    says(&["attention.parquet", "item `item-000`, layer 0", "adds up to 0.5000", "says 0.4000"]);
    save(&folder.join("attention.parquet"), whole);
    assert!(run(run_dir.path(), &params()).is_ok());
    let error = run(run_dir.path(), &Params { query: "lst".into(), ..params() }).unwrap_err();
    assert!(error.to_string().contains("no rows with query `lst`") && error.help().unwrap().contains("`last`"));
}
