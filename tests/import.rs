//! A synthetic dump, imported, analysed and reported, against numbers worked out by hand.

use polars::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use vlmscope::record::read_frame;

use crate::support::program::Place;

/// One layer's two heads: BOS, the four patches, a word, the query itself. Each sums to 1.
type Rows = [[f32; 7]; 2];

/// Mean over heads: BOS 0.4, patches 0.2 0.1 0.05 0.05, word 0.1, query 0.1.
const RIGHT: Rows = [[0.3, 0.30, 0.10, 0.05, 0.05, 0.1, 0.1], [0.5, 0.10, 0.10, 0.05, 0.05, 0.1, 0.1]];
/// Patches 0.05 0.15 0.05 0.15.
const WRONG: Rows = [[0.4, 0.05, 0.15, 0.05, 0.15, 0.1, 0.1]; 2];

/// Six items, every other one answered right. Of the 40 x 20 image the model sees the middle 20 x 20, as 2 x 2 patches of
/// 10 x 10 from x = 10; of the cup, x from 5 to 15, it sees the right half, which covers half of the two left patches.
fn dump(place: &Place) {
    let mut lines = String::new();
    for n in 0..6 {
        let (rows, answer) = if n % 2 == 0 { (RIGHT, "On.") } else { (WRONG, "Left") };
        // Logits are fixed up to a constant a row.
        let bytes: Vec<u8> = rows.iter().flatten().flat_map(|weight| (weight.ln() + 2.0).to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![1, 2, 7], &bytes).unwrap();
        let file = safetensors::serialize([("lm.attention_logits.last", view)], None).unwrap();
        place.write(&format!("dump/tensors/{n}.safetensors"), file);
        let item = json!({
            "item_id": format!("item-{n}"), "image": format!("{n}.jpg"), "image_width": 40, "image_height": 20,
            "question": "Where is the cup?", "options": ["left", "on"], "gold": "on", "answer": answer,
            "objects": [{"name": "cup", "boxes": [[5.0, 0.0, 15.0, 20.0]]}],
            "tensors": format!("tensors/{n}.safetensors"), "image_tokens": [1, 5], "grid": [2, 2], "layers": [17],
            "preprocess": "resize shortest edge 28, centre crop 28, patch 14",
        });
        lines += &(item.to_string() + "\n");
    }
    place.write("dump/items.jsonl", lines);
}

fn numbers(frame: &DataFrame, column: &str) -> Vec<f64> {
    let column = frame.column(column).unwrap().cast(&DataType::Float64).unwrap();
    column.f64().unwrap().iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

fn texts(frame: &DataFrame, column: &str) -> Vec<String> {
    frame.column(column).unwrap().str().unwrap().iter().map(|text| text.unwrap_or_default().to_string()).collect()
}

#[test]
fn a_dump_from_its_logits_to_the_tables() {
    let place = Place::new();
    dump(&place);
    let told = place.run(&["import", "dump", "--out", "run"]).expect(0).stdout;
    assert!(told.contains("6 of 6 items name no relation"), "{told}");
    place.run(&["analyze", "run"]).expect(0);

    let items = read_frame(&place.path("run/frames/items.parquet"), None).unwrap();
    assert_eq!(texts(&items, "answer"), ["on", "left", "on", "left", "on", "left"]);
    assert_eq!(numbers(&items, "object_1_visible"), [0.5; 6]);

    let shares = read_frame(&place.path("run/tables/attention_share.parquet"), None).unwrap();
    let rows = texts(&shares, "group").into_iter().zip(numbers(&shares, "head")).zip(numbers(&shares, "share"));
    let mean: Vec<_> = rows.filter(|((_, head), _)| *head == -1.0).map(|((group, _), share)| (group, share)).collect();
    // The cup: half of patches 0 and 2, so 0.125 in right items and 0.05 in wrong ones.
    let expected =
        [("bos", 0.4), ("text", 0.1), ("last", 0.1), ("image", 0.4), ("objects", 0.0875), ("background", 0.3125)];
    for (group, share) in expected {
        let (_, found) = mean.iter().find(|(name, _)| name == group).unwrap();
        assert!((found - share).abs() < 1e-6, "{group}: {found} is not {share}");
    }

    let alignment = read_frame(&place.path("run/tables/alignment.parquet"), None).unwrap();
    let (metrics, targets, strata) =
        (texts(&alignment, "metric"), texts(&alignment, "target"), texts(&alignment, "stratum"));
    let (heads, layers) = (numbers(&alignment, "head"), numbers(&alignment, "layer"));
    let find = |metric: &str| {
        let fits = |row: &usize| {
            (metrics[*row].as_str(), targets[*row].as_str(), strata[*row].as_str()) == (metric, "objects", "all")
                && (layers[*row], heads[*row]) == (17.0, -1.0)
        };
        (0..metrics.len()).find(fits).unwrap_or_else(|| panic!("no row for {metric}"))
    };
    let [right, wrong, auroc] = ["value_right", "value_wrong", "auroc"].map(|column| numbers(&alignment, column));
    let expected = [
        ("mass", 0.125, 0.05),
        ("fraction", 0.125 / 0.4, 0.05 / 0.4),
        // |a| |c| with |c|^2 = 2 x 0.25.
        ("cosine", 0.125 / (0.055f64 * 0.5).sqrt(), 0.05 / (0.05f64 * 0.5).sqrt()),
        // Inside has area 0.5 + 0.5, outside 0.5 + 1 + 0.5 + 1. Right: the half of patch 0 beats patches 1, 3 and half of 2,
        // and half of its own other half: 2.75; that of patch 2 loses to 0 and 1, halves 3 and its own: 0.75; 3.5 / 2 of 3.
        ("patch_auroc", 1.75 / 3.0, 0.5 / 3.0),
        ("pointing", 1.0, 0.0),
        // Of the two patches with most attention, one is inside; of the wrong items', none.
        ("topk_iou", 1.0 / 3.0, 0.0),
    ];
    for (metric, on_right, on_wrong) in expected {
        let row = find(metric);
        assert!((right[row] - on_right).abs() < 1e-6, "{metric}, right: {} is not {on_right}", right[row]);
        assert!((wrong[row] - on_wrong).abs() < 1e-6, "{metric}, wrong: {} is not {on_wrong}", wrong[row]);
        assert_eq!(auroc[row], 1.0, "{metric}: every right item above every wrong one");
    }

    place.run(&["report", "run"]).expect(0);
    let report = std::fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(report.contains("Attention recorded elsewhere: dump"));
}

#[test]
fn scoring_and_skipping_are_asked_for() {
    let place = Place::new();
    dump(&place);
    let first = std::fs::read_to_string(place.path("dump/items.jsonl")).unwrap().replacen("\"On.\"", "\"A lemon.\"", 1);
    place.write("dump/items.jsonl", first);
    std::fs::remove_file(place.path("dump/tensors/5.safetensors")).unwrap();
    place.run(&["import", "dump", "--out", "run"]).expect(1).says(&["item `item-5`", "5.safetensors"]);
    let right = |out: &str, more: &[&str]| {
        place.run(&[&["import", "dump", "--out", out, "--skip-bad-items"], more].concat()).expect(3).says(&["item-5"]);
        let items = read_frame(&place.path(out).join("frames/items.parquet"), None).unwrap();
        items.column("correct").unwrap().bool().unwrap().iter().flatten().filter(|correct| *correct).count()
    };
    assert_eq!((right("words", &[]), right("released", &["--compat", "adaptvis"])), (2, 3));
    place.run(&["import", "dump", "--out", "words", "--compat", "adaptvis"]).expect(2).says(&["holds another run"]);
    place.run(&["import", "nowhere", "--out", "other"]).expect(1).says(&["cannot read", "nowhere"]);
}
