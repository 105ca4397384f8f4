//! Answers recorded elsewhere at several scalings, through gate, scoring and report.

use std::path::Path;

use polars::prelude::*;
use serde_json::Value;
use vlmscope::record::read_frame;

use crate::support::program::Place;

fn fixture() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/replay/sweep.jsonl");
    std::fs::read_to_string(path).unwrap()
}

/// Numbers of the only row of a table that these columns tell apart.
fn row(table: &DataFrame, of: &[(&str, &str)]) -> impl Fn(&str) -> f64 + use<> {
    let texts = |name: &str| table.column(name).unwrap().str().unwrap().clone();
    let same = |at: &usize| of.iter().all(|(name, value)| texts(name).get(*at) == Some(*value));
    let found: Vec<usize> = (0..table.height()).filter(same).collect();
    assert_eq!(found.len(), 1, "{of:?} in {table}");
    let row = table.slice(found[0] as i64, 1);
    move |name: &str| row.column(name).unwrap().cast(&DataType::Float64).unwrap().f64().unwrap().get(0).unwrap()
}

#[test]
fn gate_and_scoring_by_every_rule() {
    let place = Place::new();
    // The name is that of a published set, so its gate (0.5, 1.5, 0.40) is tried and its table set beside.
    place.write("scaling-sweep-controlled-a.jsonl", fixture());
    let told = place.run(&["import", ".", "--out", "run", "--compat", "adaptvis"]).expect(0).stdout;
    assert!(told.contains("pairs, sets and familiarity are taken from the names of the photographs"), "{told}");
    place.run(&["analyze", "run"]).expect(0);
    let table = read_frame(&place.path("run/tables/scaling.parquet"), None).unwrap();
    let right = |method: &str, rounding: &str, rule: &str| {
        row(&table, &[("method", method), ("rounding", rounding), ("rule", rule), ("stratum", "all")])
    };
    let rules = ["substring", "word", "exactly_one"];
    for (method, rounding, expected) in [
        ("untouched", "none", [7.0, 7.0, 7.0]),
        ("raw 0.5", "none", [7.0, 8.0, 5.0]),
        ("gate adaptvis", "two_decimals", [9.0, 10.0, 9.0]),
        ("gate adaptvis", "none", [11.0, 12.0, 10.0]),
        ("gate adaptvis, oracle", "none", [11.0, 12.0, 11.0]),
    ] {
        let found = rules.map(|rule| right(method, rounding, rule)("n_right"));
        assert_eq!(found, expected, "{method}, {rounding}");
    }
    let gate = right("gate adaptvis", "two_decimals", "substring");
    let [pairs, complete] = ["pair_accuracy", "pair_complete"].map(&gate);
    assert_eq!((pairs, complete), (0.4, 5.0));
    assert!((gate("pair_released") - 1.0 / 3.0).abs() < 1e-12 && gate("set_accuracy") == 0.5);
    assert_eq!((gate("main"), right("gate adaptvis", "none", "substring")("main")), (1.0, 0.0));
    let beside = read_frame(&place.path("run/tables/scaling_published.parquet"), None).unwrap();
    let of = row(&beside, &[("model", "LLaVA-1.5"), ("method", "AdaptVis")]);
    assert_eq!((of("accuracy"), of("n_published"), of("n")), (0.75, 330.0, 12.0));
    assert!((of("published") - 0.849).abs() < 1e-12);

    place.run(&["report", "run"]).expect(0);
    let summary = std::fs::read_to_string(place.path("run/summary.md")).unwrap();
    for part in
        ["scaling-dose.png", "published 84.9 % on 330 questions; not the same questions", "Pairs right as a whole"]
    {
        assert!(summary.contains(part), "no {part} in {summary}");
    }
}

#[test]
fn lines_that_do_not_fit_are_told_by_number() {
    let place = Place::new();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut lines: Vec<Value> = fixture().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        change(&mut lines[1]);
        let text: Vec<String> = lines.iter().map(Value::to_string).collect();
        place.write("sweep.jsonl", text.join("\n"));
        place.run(&["import", "sweep.jsonl", "--out", "run"]).expect(1).stderr
    };
    type Change = Box<dyn Fn(&mut Value)>;
    let set = |key: &'static str, value: Value| -> Change { Box::new(move |line| line[key] = value.clone()) };
    let cases: Vec<(Change, &str)> = vec![
        (set("gold", "behind".into()), "`gold` is `behind`, which is none of the options"),
        (set("confidence", 1.5.into()), "`confidence` is 1.5, expected 0 to 1"),
        (set("confidnce", 0.5.into()), "unknown key `confidnce`"),
        (set("options", vec!["left"].into()), "has 1 of at least two answers"),
        (set("answers", serde_json::json!({"0.5": "Left"})), "`answers` has no text at \"1.0\""),
        (
            set("answers", serde_json::json!({"1.0": "Left"})),
            "`answers` has the alphas [1.0], the first item [0.5, 1.0, 1.5]",
        ),
        (
            set("answers", serde_json::json!({"1.0": "Left", "NaN": ""})),
            "a text at `NaN`: alpha is NaN, expected a finite",
        ),
        (set("item_id", "made_up_000".into()), "a second item of this `item_id`"),
    ];
    for (change, expected) in cases {
        let told = refused(&change);
        // Messages are wrapped to the terminal.
        let told = told.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(told.contains("line 2") && told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn gates_that_mean_nothing_are_refused() {
    let place = Place::new();
    for (keys, expected) in [
        ("threshold = 1.4", "expected 0 to 1"),
        ("threshold = nan", "expected 0 to 1"),
        ("folds = 1", "expected at least 2"),
        ("signal = \"mood\"", "unknown value `mood`"),
    ] {
        let study = format!(
            "title = \"T\"\nquestion = \"Q?\"\n[dataset]\nsource = \"scenes/pairs\"\n[[analysis.gate]]\nname = \"g\"\nlow = 0.5\nhigh = 1.5\n{keys}\n"
        );
        place.write("study.toml", study);
        let told = place.run(&["run", "study.toml", "--out", "run"]).expect(2).stderr;
        assert!(told.contains(expected), "{keys}: {told}");
    }
}
