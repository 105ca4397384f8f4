//! A made-up run folder in the documented layout, for tests of figures and report.

use std::fs::{self, File};
use std::path::Path;

use image::{Rgb, RgbImage};
use polars::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the made-up run is like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub layers: i64,
    pub heads: i64,
    /// Rows and columns of patches.
    pub grid: usize,
    pub image: (u32, u32),
    /// x1, y1, x2, y2 of what the model sees.
    pub seen: [f64; 4],
}

pub const SMALL: Shape = Shape { layers: 6, heads: 4, grid: 8, image: (128, 128), seen: [0.0, 0.0, 128.0, 128.0] };
pub const LARGE: Shape =
    Shape { layers: 32, heads: 32, grid: 24, image: (1280, 960), seen: [160.0, 0.0, 1120.0, 960.0] };

const STRATA: [(&str, u32, u32); 8] = [
    ("all", 512, 88),
    ("within relation", 362, 88),
    ("familiarity=familiar", 288, 12),
    ("familiarity=unfamiliar", 224, 76),
    ("relation=left", 150, 0),
    ("relation=right", 138, 12),
    ("relation=above", 118, 32),
    ("relation=below", 106, 44),
];

/// Writes tables and the two frames that the gallery reads.
pub fn write(run: &Path, shape: Shape) {
    fs::create_dir_all(run.join("tables")).unwrap();
    fs::create_dir_all(run.join("frames")).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    save(run, "tables/attention_share", shares(shape, &mut random));
    save(run, "tables/alignment", alignment(shape, &mut random));
    save(run, "tables/answers", answers());
    save(run, "tables/gallery", gallery(shape));
    save(run, "tables/headline", headline());
    save(run, "frames/items", items(shape));
    save(run, "frames/attention", attention(shape));
    let manifest = serde_json::json!({
        "command": "vlmscope run analyses/attention-location.toml --out runs/demo",
        "model": {"path": "datasets/scenes-llava", "blake3": "3f2a"},
        "dataset": {"name": "scenes/pairs", "blake3": "91bc", "items": 600},
        "study": {"title": "Attention location", "question": "Does attention on the object predict a right answer?"},
        "vlmscope": "0.1.0",
    });
    fs::write(run.join("run.json"), serde_json::to_string_pretty(&manifest).unwrap()).unwrap();
}

/// Takes everything out of a run's tables that needs boxes.
pub fn forget_boxes(run: &Path) {
    for (table, column, kept) in
        [("alignment", "target", "image"), ("gallery", "kind", ""), ("attention_share", "group", "image")]
    {
        let file = File::open(run.join(format!("tables/{table}.parquet"))).unwrap();
        let frame = ParquetReader::new(file).finish().unwrap();
        let keep: BooleanChunked =
            frame.column(column).unwrap().str().unwrap().iter().map(|cell| Some(cell == Some(kept))).collect();
        save(run, &format!("tables/{table}"), frame.filter(&keep).unwrap());
    }
}

fn save(run: &Path, name: &str, mut frame: DataFrame) {
    let file = File::create(run.join(format!("{name}.parquet"))).unwrap();
    ParquetWriter::new(file).finish(&mut frame).unwrap();
}

/// A bump over relative depth.
fn bump(at: f64, center: f64, width: f64) -> f64 {
    (-((at - center) / width).powi(2)).exp()
}

fn shares(shape: Shape, random: &mut ChaCha8Rng) -> DataFrame {
    let (mut layers, mut heads, mut groups) = (Vec::<i16>::new(), Vec::<i16>::new(), Vec::<&str>::new());
    let (mut share, mut low, mut high) = (Vec::new(), Vec::new(), Vec::new());
    for layer in 0..shape.layers {
        let depth = layer as f64 / (shape.layers - 1).max(1) as f64;
        let image =
            0.08 + 0.25 * bump(depth, 0.0, 0.15) + 0.17 * bump(depth, 0.6, 0.2) + random.random_range(0.0..0.02);
        let objects = image * (0.25 + 0.35 * bump(depth, 0.6, 0.2));
        let first = objects * 0.62;
        let (text, last) = (0.25 - 0.1 * depth, 0.05);
        let values = [
            ("bos", 1.0 - image - text - last),
            ("text", text),
            ("last", last),
            ("image", image),
            ("objects", objects),
            ("object_1", first),
            ("object_2", objects - first),
            ("background", image - objects),
        ];
        for (group, value) in values {
            layers.push(layer as i16);
            heads.push(-1);
            groups.push(group);
            share.push(value);
            low.push(value - 0.012 - 0.03 * value);
            high.push(value + 0.012 + 0.03 * value);
        }
    }
    let n = vec![600u32; layers.len()];
    df!("layer" => layers, "head" => heads, "group" => groups, "share" => share, "ci_lo" => low, "ci_hi" => high, "n" => n)
        .unwrap()
}

fn alignment(shape: Shape, random: &mut ChaCha8Rng) -> DataFrame {
    const METRICS: [(&str, f64, f64); 7] = [
        ("mass", 0.04, 0.11),
        ("fraction", 0.28, 0.3),
        ("cosine", 0.3, 0.35),
        ("patch_auroc", 0.52, 0.28),
        ("pointing", 0.25, 0.55),
        ("topk_iou", 0.12, 0.3),
        ("image_share", 0.1, 0.2),
    ];
    let mut columns: Vec<(&str, Vec<Option<f64>>)> = [
        "value",
        "value_lo",
        "value_hi",
        "value_right",
        "value_right_lo",
        "value_right_hi",
        "value_wrong",
        "value_wrong_lo",
        "value_wrong_hi",
        "null_value",
        "null_value_lo",
        "null_value_hi",
        "other_value",
        "auroc",
        "ci_lo",
        "ci_hi",
        "null_lo",
        "null_hi",
        "other_lo",
        "other_hi",
        "r_pb",
        "p",
        "p_max",
    ]
    .map(|name| (name, Vec::new()))
    .to_vec();
    let (mut layers, mut heads) = (Vec::<i16>::new(), Vec::<i16>::new());
    let (mut metrics, mut strata) = (Vec::<&str>::new(), Vec::<&str>::new());
    let (mut rights, mut wrongs) = (Vec::<u32>::new(), Vec::<u32>::new());
    for layer in 0..shape.layers {
        let depth = layer as f64 / (shape.layers - 1).max(1) as f64;
        for head in -1..shape.heads {
            for (metric, base, rise) in METRICS {
                for (stratum, n_right, n_wrong) in STRATA {
                    if head >= 0 && stratum != "all" {
                        continue;
                    }
                    let skill = bump(depth, 0.62, 0.22) * if head >= 0 { random.random_range(0.1..1.3) } else { 0.85 };
                    let value = base + rise * skill;
                    let (right, wrong) = (value + 0.06 * rise * skill, value - 0.3 * rise * skill);
                    let width = 0.9 / f64::from(n_wrong.max(1)).sqrt();
                    let auroc = (n_wrong > 0).then(|| {
                        (0.5 + 0.3 * skill - 0.12 * bump(depth, 0.1, 0.15) + random.random_range(-0.03..0.03))
                            .clamp(0.02, 0.98)
                    });
                    let boxed = metric != "image_share";
                    let null = if boxed { Some(base * 0.8) } else { None };
                    let ends = |of: Option<f64>, half: f64| [of, of.map(|v| v - half), of.map(|v| v + half)];
                    let values = [
                        ends(Some(value), 0.03 * base.sqrt()),
                        ends(Some(right), 0.03 * base.sqrt()),
                        ends((n_wrong > 0).then_some(wrong), 0.07 * base.sqrt()),
                        ends(null, 0.1 * base),
                    ];
                    let mut cells: Vec<Option<f64>> = values.concat();
                    cells.push(null.map(|null| null * 1.08));
                    cells.extend([
                        auroc,
                        auroc.map(|a| (a - width / 2.0).max(0.0)),
                        auroc.map(|a| (a + width / 2.0).min(1.0)),
                    ]);
                    let defined = |of: f64| auroc.filter(|_| boxed).map(|_| of);
                    cells.extend([defined(0.47 - width / 4.0), defined(0.53 + width / 4.0)]);
                    cells.extend([defined(0.45 - width / 3.0), defined(0.55 + width / 3.0)]);
                    let p = auroc.map(|a| if (a - 0.5).abs() > width * 0.6 { 0.001 } else { 0.4 });
                    cells.extend([auroc.map(|a| a - 0.5), p, p]);
                    for ((_, column), cell) in columns.iter_mut().zip(cells) {
                        column.push(cell);
                    }
                    layers.push(layer as i16);
                    heads.push(head as i16);
                    metrics.push(metric);
                    strata.push(stratum);
                    rights.push(n_right);
                    wrongs.push(n_wrong);
                }
            }
        }
    }
    let targets: Vec<&str> =
        metrics.iter().map(|metric| if *metric == "image_share" { "image" } else { "objects" }).collect();
    let mut frame =
        df!("layer" => layers, "head" => heads, "metric" => metrics, "target" => targets, "stratum" => strata,
        "n_right" => rights, "n_wrong" => wrongs)
        .unwrap();
    for (name, column) in columns {
        frame.with_column(Column::new(name.into(), column)).unwrap();
    }
    frame
}

fn answers() -> DataFrame {
    let counts = STRATA.map(|(_, right, wrong)| (right, right + wrong));
    let accuracy = counts.map(|(right, n)| f64::from(right) / f64::from(n));
    df!("stratum" => STRATA.map(|(name, _, _)| name), "n" => counts.map(|(_, n)| n), "n_right" => counts.map(|(right, _)| right),
        "accuracy" => accuracy, "ci_lo" => accuracy.map(|a| a - 0.03), "ci_hi" => accuracy.map(|a| (a + 0.02).min(1.0)),
        "confidence_mean" => accuracy.map(|a| a * 0.97), "majority" => [0.27; 8])
    .unwrap()
}

const QUESTION: &str =
    "Where is the red circle in relation to the blue square? Answer with left, right, above or below.";
/// How many the gallery shows.
const ITEMS: usize = 12;
const KINDS: [&str; 4] = ["right, best aligned", "right, worst aligned", "wrong, best aligned", "wrong, worst aligned"];

fn gallery(shape: Shape) -> DataFrame {
    let items: Vec<String> = (0..ITEMS).map(|i| format!("pairs/{i:04}")).collect();
    let kinds: Vec<&str> = (0..ITEMS).map(|i| KINDS[i * 4 / ITEMS]).collect();
    let scores: Vec<f64> = (0..ITEMS).map(|i| 0.8 - 0.05 * i as f64).collect();
    df!("item" => items, "layer" => vec![(shape.layers * 2 / 3) as i16; ITEMS], "head" => vec![-1i16; ITEMS],
        "query" => vec!["last"; ITEMS], "metric" => vec!["cosine"; ITEMS], "score" => scores, "kind" => kinds)
    .unwrap()
}

fn headline() -> DataFrame {
    const AUROC: &str = "95 % CI 0.724 to 0.836; random boxes 0.445 to 0.555; p = 0.001 corrected over 6 layers";
    let notes = [
        "600 questions about 150 images".to_owned(),
        "512 right, 88 wrong: 85.3 % (95 % Wilson interval 82.3 to 87.9)".to_owned(),
        "the image receives 24.0 % of the last query's attention (95 % CI 23.1 to 24.9)".to_owned(),
        format!("layer 3: AUROC 0.781; {AUROC}; 512 right, 88 wrong"),
        format!("layer 3: AUROC 0.764; {AUROC}; 362 right, 88 wrong"),
    ];
    let names = ["items", "accuracy", "image share", "AUROC of cosine (all)", "AUROC of cosine (within relation)"];
    df!("name" => names, "value" => [600.0, 0.853, 0.24, 0.781, 0.764],
        "ci_lo" => [None, Some(0.823), Some(0.231), Some(0.724), Some(0.70)],
        "ci_hi" => [None, Some(0.879), Some(0.249), Some(0.836), Some(0.822)], "n" => [600u32; 5], "note" => notes)
    .unwrap()
}

/// Boxes of the two objects of item i, in original pixels.
fn boxes(shape: Shape, i: usize) -> [[f64; 4]; 2] {
    let (w, h) = (f64::from(shape.image.0), f64::from(shape.image.1));
    let shift = i as f64 * 0.02;
    [[0.14 + shift, 0.55, 0.36 + shift, 0.82], [0.55 + shift, 0.2 + shift, 0.78 + shift, 0.48 + shift]]
        .map(|b| [b[0] * w, b[1] * h, b[2] * w, b[3] * h].map(f64::round))
}

fn items(shape: Shape) -> DataFrame {
    let lists = |of: &dyn Fn(usize) -> Series| (0..ITEMS).map(of).collect::<Vec<Series>>();
    let number = |value: f64| vec![value; ITEMS];
    let mut frame = df!(
        "item" => (0..ITEMS).map(|i| format!("pairs/{i:04}")).collect::<Vec<_>>(),
        "image" => (0..ITEMS).map(|i| format!("scene-{i:04}")).collect::<Vec<_>>(),
        "image_width" => vec![shape.image.0; ITEMS], "image_height" => vec![shape.image.1; ITEMS],
        "question" => vec![QUESTION; ITEMS],
        "gold" => vec!["left"; ITEMS],
        "answer" => (0..ITEMS).map(|i| if i < ITEMS / 2 { "left" } else { "above" }).collect::<Vec<_>>(),
        "grid_rows" => vec![shape.grid as u32; ITEMS], "grid_cols" => vec![shape.grid as u32; ITEMS],
        "seen_x1" => number(shape.seen[0]), "seen_y1" => number(shape.seen[1]),
        "seen_x2" => number(shape.seen[2]), "seen_y2" => number(shape.seen[3]),
        "object_1" => vec!["red circle"; ITEMS], "object_2" => vec!["blue square"; ITEMS]
    )
    .unwrap();
    let options = lists(&|_| Series::new("".into(), ["left", "right", "above", "below"]));
    frame.with_column(Column::new("options".into(), options)).unwrap();
    let p = lists(&|i| {
        Series::new("".into(), if i < ITEMS / 2 { [0.9f32, 0.05, 0.03, 0.02] } else { [0.2f32, 0.1, 0.6, 0.1] })
    });
    frame.with_column(Column::new("p_options".into(), p)).unwrap();
    for k in 0..2 {
        let column = lists(&|i| Series::new("".into(), boxes(shape, i)[k]));
        frame.with_column(Column::new(format!("object_{}_boxes", k + 1).into(), column)).unwrap();
    }
    frame
}

fn attention(shape: Shape) -> DataFrame {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let rows: Vec<Series> = (0..ITEMS)
        .map(|i| {
            let targets = boxes(shape, i);
            let mut row: Vec<f32> = Vec::new();
            for at in 0..shape.grid * shape.grid {
                let (r, c) = ((at / shape.grid) as f64 + 0.5, (at % shape.grid) as f64 + 0.5);
                let x = shape.seen[0] + (shape.seen[2] - shape.seen[0]) * c / shape.grid as f64;
                let y = shape.seen[1] + (shape.seen[3] - shape.seen[1]) * r / shape.grid as f64;
                let near = targets.iter().map(|b| {
                    let (dx, dy) =
                        ((x - (b[0] + b[2]) / 2.0) / (b[2] - b[0]), (y - (b[1] + b[3]) / 2.0) / (b[3] - b[1]));
                    (-(dx * dx + dy * dy) * 2.5).exp()
                });
                let hit: f64 = if i % 6 < 3 { near.sum() } else { 0.2 };
                row.push((0.002 * hit + random.random_range(0.0..0.0006)) as f32);
            }
            Series::new("".into(), row)
        })
        .collect();
    let mut row = Series::new("row".into(), rows);
    row = row.cast(&DataType::Array(Box::new(DataType::Float32), shape.grid * shape.grid)).unwrap();
    let mut frame = df!(
        "item" => (0..ITEMS).map(|i| format!("pairs/{i:04}")).collect::<Vec<_>>(),
        "layer" => vec![(shape.layers * 2 / 3) as i16; ITEMS], "head" => vec![-1i16; ITEMS], "query" => vec!["last"; ITEMS]
    )
    .unwrap();
    frame.with_column(row.into_column()).unwrap();
    frame
}

/// A picture of item `pairs/000i` with both objects where the boxes say.
pub fn image(shape: Shape, item: &str) -> Option<RgbImage> {
    let i: usize = item.strip_prefix("pairs/")?.parse().ok()?;
    let [circle, square] = boxes(shape, i);
    Some(RgbImage::from_fn(shape.image.0, shape.image.1, |x, y| {
        let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
        let (dx, dy) = (
            (x - (circle[0] + circle[2]) / 2.0) / (circle[2] - circle[0]),
            (y - (circle[1] + circle[3]) / 2.0) / (circle[3] - circle[1]),
        );
        if dx * dx + dy * dy < 0.25 {
            Rgb([214, 40, 40])
        } else if x > square[0] && x < square[2] && y > square[1] && y < square[3] {
            Rgb([30, 80, 200])
        } else {
            let shade = (235.0 - 40.0 * y / f64::from(shape.image.1)) as u8;
            Rgb([shade, shade, shade.saturating_sub(12)])
        }
    }))
}
