//! Run folders whose hidden states carry a known code, and what the tables must say of them.

mod world;

use std::path::Path;

use polars::prelude::*;
use rand::seq::SliceRandom;

use crate::analysis::planted::load;
use crate::analysis::{Asked, Params, run};
use crate::stats::seed::rng;
use crate::study::Probe;
use world::{PATCH, Shown, World, code, normal};

fn value(table: &DataFrame, keys: &[(&str, &str)], column: &str) -> Option<f64> {
    let row = row(table, keys);
    table.column(column).unwrap().cast(&DataType::Float64).unwrap().f64().unwrap().get(row)
}

fn text(table: &DataFrame, keys: &[(&str, &str)], column: &str) -> String {
    table.column(column).unwrap().str().unwrap().get(row(table, keys)).unwrap().to_owned()
}

fn row(table: &DataFrame, keys: &[(&str, &str)]) -> usize {
    let is = |row: usize, (key, expected): &(&str, &str)| {
        let value = table.column(key).unwrap().get(row).unwrap();
        value.get_str().map_or_else(|| value.to_string(), str::to_owned) == *expected
    };
    let rows: Vec<usize> = (0..table.height()).filter(|&row| keys.iter().all(|key| is(row, key))).collect();
    let [row] = rows[..] else { panic!("{} rows match {keys:?}", rows.len()) };
    row
}

fn analysed(run_dir: &Path, probes: &str) {
    #[derive(serde::Deserialize)]
    struct Probes {
        probe: Vec<Probe>,
    }
    let probes: Probes = toml::from_str(probes).unwrap();
    let params = Params { bootstrap: 200, permutations: 49, ..Params::default() };
    run(run_dir, Asked { params: &params, probes: &probes.probe, model: "m" }).unwrap();
}

const SLOT: &str = "[[probe]]
name = \"slot\"
target = \"slot\"
groups = [\"objects\"]
fits = [\"standard\", \"nearest_centroid\"]
splits = [\"random_image\", \"held_out_content\", \"held_out_position\", \"cross_setting\"]
primary = [\"projector.out\", \"lm.*.resid\"]
";

/// Which codes a site carries.
#[derive(Clone, Copy)]
struct Codes {
    place: bool,
    order: bool,
}

/// Three of six colours in a row of 18 patches, in every column a code of the column, of the rank of the nearest object, of
/// both or of neither: accuracy cannot tell them apart, blank and shifted images can.
#[test]
fn a_slot_code_is_absolute_ordinal_both_or_none() {
    const WIDTH: usize = 64;
    const SIDE: usize = 18;
    let colours = ["red", "green", "blue", "black", "brown", "grey"].map(|colour| format!("{colour} square"));
    let triples = (0..6).flat_map(|a| (0..6).flat_map(move |b| (0..6).map(move |c| [a, b, c])));
    let mut triples: Vec<[usize; 3]> = triples.filter(|[a, b, c]| a != b && b != c && a != c).collect();
    triples.shuffle(&mut rng(17, "triples", 0));
    let shown = |triple: &[usize; 3]| Shown {
        objects: triple.iter().zip([4, 8, 12]).map(|(&colour, col)| (colours[colour].clone(), col)).collect(),
    };
    let world = World { side: SIDE, lane: 8, images: triples[..48].iter().map(shown).collect() };

    let (rows, waves) = (code("rows", SIDE, WIDTH, 0.6), code("waves", 4, WIDTH, 0.6));
    let (ranks, looks) = (code("ranks", 3, WIDTH, 0.6), code("looks", 6, WIDTH, 1.0));
    let wave = |col: usize, k: usize| (std::f64::consts::PI * (k + 1) as f64 * col as f64 / (SIDE - 1) as f64).cos();
    let site = |codes: Codes, number: u64| {
        let vector = |variant: u64, drawn: bool| {
            let (rows, waves, ranks, looks, colours) = (&rows, &waves, &ranks, &looks, &colours);
            move |image: usize, shown: &Shown, (row, col): (usize, usize)| -> Vec<f32> {
                let mut noise =
                    rng(18 + number, "noise", (((variant as usize * 40 + image) * SIDE + row) * SIDE + col) as u64);
                let look = shown
                    .objects
                    .iter()
                    .find(|(_, first)| drawn && (8..10).contains(&row) && (*first..first + 2).contains(&col));
                let look = look.map(|(name, _)| &looks[colours.iter().position(|colour| colour == name).unwrap()]);
                (0..WIDTH)
                    .map(|at| {
                        let mut value = rows[row][at] + 0.5 * normal(&mut noise);
                        if codes.place {
                            value += (0..4).map(|k| wave(col, k) * waves[k][at]).sum::<f64>();
                        }
                        if codes.order && drawn {
                            value += ranks[shown.nearest(col)][at];
                        }
                        (value + look.map_or(0.0, |look| look[at])) as f32
                    })
                    .collect()
            }
        };
        let mut states = world.states("original", 0, vector(0, true));
        states.extend(world.states("blank", 0, vector(1, false)));
        // One pitch to either side: of these only the objects.
        for (at, shift) in [(2, -4), (3, 4)] {
            let moved = world.states(&format!("shifted_{}", shift * PATCH as i64), shift, vector(at, true));
            states.extend(moved.into_iter().filter(|state| state.2 == "objects"));
        }
        states
    };
    let run_dir = tempfile::tempdir().unwrap();
    let worlds = [
        ("vision.out", site(Codes { place: true, order: false }, 0)),
        ("projector.out", site(Codes { place: false, order: true }, 1)),
        ("lm.0.resid", site(Codes { place: true, order: true }, 2)),
        ("lm.1.resid", site(Codes { place: false, order: false }, 3)),
    ];
    world.write(run_dir.path(), &worlds);
    analysed(run_dir.path(), SLOT);

    let table = load(&run_dir.path().join("tables/probe.parquet"));
    let of = |site: &str, split: &str, metric: &str, control: &str, variant: &str, column: &str| {
        let keys = [
            ("site", site),
            ("axis", "horizontal"),
            ("fit_mode", "standard"),
            ("split", split),
            ("metric", metric),
            ("control_kind", control),
            ("control_variant", variant),
        ];
        value(&table, &keys, column)
    };
    let accuracy = |site, split| of(site, split, "acc", "none", "", "value").unwrap();
    for site in ["vision.out", "projector.out", "lm.0.resid"] {
        assert!(accuracy(site, "random_image") >= 0.99, "{site}");
        assert!(accuracy(site, "held_out_content") >= 0.95 && accuracy(site, "cross_setting") >= 0.95, "{site}");
    }
    let compression = |site| of(site, "random_image", "compression", "none", "", "value").unwrap();
    assert!(compression("projector.out") > 2.0 && compression("lm.1.resid") < 1.1);
    // Colours can be read there, and are as often in every slot: nothing to gain, and something to lose.
    let nothing = accuracy("lm.1.resid", "random_image");
    assert!(nothing < 0.4, "{nothing}");
    // Strips with objects and without.
    let strips = |site| {
        [("none", ""), ("blank", "blank")].map(|(control, variant)| {
            let column = if control == "none" { "value" } else { "control_value" };
            of(site, "random_image", "strip_index", control, variant, column).unwrap()
        })
    };
    let [absolute, ordinal, both] = ["vision.out", "projector.out", "lm.0.resid"].map(strips);
    assert!((absolute[0] - absolute[1]).abs() < 0.05 && absolute[1] > 0.6, "{absolute:?}");
    assert!(ordinal[0] > 0.95 && ordinal[1] < 0.45, "{ordinal:?}");
    assert!(both[0] > both[1] + 0.05 && both[1] > 0.6, "{both:?}");
    // After a shift by a whole pitch.
    let moved = |site, control, variant| of(site, "random_image", "acc", control, variant, "control_value").unwrap();
    for variant in ["shifted_-40", "shifted_40"] {
        // The object that was pushed past the last slot may still be called by it.
        assert!(moved("vision.out", "shift_ordinal", variant) < 0.35, "{variant}");
        assert!(moved("vision.out", "shift_absolute", variant) > 0.9, "{variant}");
        assert!(moved("projector.out", "shift_ordinal", variant) > 0.95, "{variant}");
        assert!(moved("projector.out", "shift_absolute", variant) < 0.05, "{variant}");
    }
    assert!(
        accuracy("projector.out", "held_out_position") > 0.95 && accuracy("vision.out", "held_out_position") < 0.35
    );
    // Much of any map of cells can be read off a code of place, less off one of order, which tells no two cells of a slot apart.
    let location = |site| of(site, "random_image", "acc", "control_location", "", "control_value").unwrap();
    let [place, order] = ["vision.out", "projector.out"].map(location);
    assert!(place > 0.6 && place > order, "{place} {order}");
    assert_eq!(of("vision.out", "random_image", "acc", "geometry_only", "", "control_value"), Some(1.0));
    // Two of the primary sites that carry a code stand out of the largest of chance, the third does not.
    let p_max = |site| of(site, "random_image", "acc", "shuffled", "", "p_max").unwrap();
    assert_eq!((p_max("projector.out"), p_max("lm.0.resid")), (1.0 / 50.0, 1.0 / 50.0));
    assert!(p_max("lm.1.resid") > 0.05 || nothing < 1.0 / 3.0);
    assert_eq!(of("vision.out", "random_image", "acc", "shuffled", "", "p_max"), None);
    // What cannot be known has a reason and no number.
    let keys = [("site", "projector.out"), ("control_kind", "pixels"), ("split", "random_image")];
    assert_eq!(
        (value(&table, &keys, "control_value"), text(&table, &keys, "undefined")),
        (None, "no pixels were recorded".into())
    );
    let vertical = [("axis", "vertical")];
    assert_eq!(
        (value(&table, &vertical, "value"), text(&table, &vertical, "undefined")),
        (None, "no item has this label".into())
    );

    let claims = load(&run_dir.path().join("tables/probe_claims.parquet"));
    let verdict = |claim, site| text(&claims, &[("claim", claim), ("site", site)], "verdict");
    assert_eq!(
        (verdict("slot_absolute", "vision.out"), verdict("slot_ordinal", "vision.out")),
        ("supported".into(), "refuted".into())
    );
    assert_eq!(
        (verdict("slot_absolute", "projector.out"), verdict("slot_ordinal", "projector.out")),
        ("refuted".into(), "supported".into())
    );
    assert_eq!(
        (verdict("slot_absolute", "lm.0.resid"), verdict("slot_ordinal", "lm.0.resid")),
        ("supported".into(), "undecided".into())
    );
    assert_ne!(verdict("slot_absolute", "lm.1.resid"), "supported");
    assert_eq!(verdict("slot_ordinal", "lm.1.resid"), "refuted");
    let chosen = [("site", "chosen"), ("tower", "lm"), ("split", "random_image")];
    assert!(value(&table, &chosen, "value").unwrap() > 0.99);
    assert!(text(&table, &chosen, "control_variant").split(' ').all(|site| site == "lm.0.resid"));

    let weights = std::fs::read(run_dir.path().join("tables/probe_weights.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    assert_eq!(weights.tensor("slot/horizontal/projector.out/objects/full/W").unwrap().shape(), [WIDTH, 3]);
    assert!(weights.tensor("slot/horizontal/projector.out/objects/fold_4/scale").is_ok());
    let map = load(&run_dir.path().join("tables/probe_map.parquet"));
    let mid =
        [("site", "projector.out"), ("variant", "original"), ("cell_row", "0"), ("cell_col", "9"), ("class", "middle")];
    assert!(value(&map, &mid, "prob").unwrap() > 0.8);
    let confusion = load(&run_dir.path().join("tables/probe_confusion.parquet"));
    let moved = [("site", "vision.out"), ("variant", "shifted_40"), ("y", "left"), ("predicted", "middle")];
    assert!(value(&confusion, &moved, "n").unwrap() > 180.0);
}

/// Two of eight objects side by side; whether the first by name is on the left is written into every cell at one site, into
/// none at the other.
#[test]
fn layout_is_everywhere_or_nowhere() {
    const WIDTH: usize = 16;
    let names: Vec<String> = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"].map(String::from).to_vec();
    let pairs = (0..8).flat_map(|a| (a + 1..8).flat_map(move |b| [(a, b), (b, a)]));
    let shown =
        |(left, right): (usize, usize)| Shown { objects: vec![(names[left].clone(), 0), (names[right].clone(), 2)] };
    let world = World { side: 4, lane: 1, images: pairs.map(shown).collect() };
    let (looks, side) = (code("looks", 8, WIDTH, 1.0), code("side", 1, WIDTH, 1.0));
    let site = |planted: f64, number: u64| {
        world.states("original", 0, |image, shown, (row, col)| {
            let mut noise = rng(30 + number, "noise", ((image * 4 + row) * 4 + col) as u64);
            let sign = if shown.objects[0].0 < shown.objects[1].0 { planted } else { -planted };
            let look =
                shown.objects.iter().find(|(_, first)| (1..3).contains(&row) && (*first..first + 2).contains(&col));
            let look = look.map(|(name, _)| &looks[names.iter().position(|known| known == name).unwrap()]);
            (0..WIDTH)
                .map(|at| (sign * side[0][at] + 0.5 * normal(&mut noise) + look.map_or(0.0, |look| look[at])) as f32)
                .collect()
        })
    };
    let run_dir = tempfile::tempdir().unwrap();
    world.write(run_dir.path(), &[("vision.out", site(0.0, 0)), ("projector.out", site(1.0, 1))]);
    analysed(
        run_dir.path(),
        "[[probe]]
name = \"order\"
target = \"layout_at_fixed_location\"
label = \"order\"
groups = [\"image\"]
splits = [\"random_image\", \"held_out_content\", \"held_out_pair\"]
primary = [\"*\"]

[[probe]]
name = \"behind\"
target = \"layout_at_fixed_location\"
label = \"order\"
groups = [\"background\"]
sites = [\"projector.out\"]
",
    );
    let table = load(&run_dir.path().join("tables/probe.parquet"));
    let mean = |site: &str, background: &str, split: &str, control: &str, column: &str| {
        let keys = [
            ("probe", "order"),
            ("site", site),
            ("axis", "horizontal"),
            ("background", background),
            ("cell_row", "null"),
            ("split", split),
            ("control_kind", control),
        ];
        value(&table, &keys, column)
    };
    for split in ["random_image", "held_out_content", "held_out_pair"] {
        assert!(mean("projector.out", "yes", split, "none", "value").unwrap() > 0.95, "{split}");
        assert!((mean("vision.out", "yes", split, "none", "value").unwrap() - 0.5).abs() < 0.12, "{split}");
    }
    assert_eq!(mean("projector.out", "yes", "random_image", "shuffled", "p_max"), Some(1.0 / 50.0));
    assert!(mean("vision.out", "yes", "random_image", "shuffled", "p_max").unwrap() > 0.05);
    let cell = [
        ("probe", "order"),
        ("site", "projector.out"),
        ("cell_row", "0"),
        ("cell_col", "3"),
        ("split", "random_image"),
        ("metric", "acc"),
    ];
    let of = |control| [&cell[..], &[("control_kind", control)]].concat();
    assert!(value(&table, &of("none"), "value").unwrap() > 0.9);
    assert!(text(&table, &of("control_location"), "undefined").contains("one cell"));
    assert_eq!(text(&table, &of("none"), "background"), "yes");
    let claims = load(&run_dir.path().join("tables/probe_claims.parquet"));
    let verdict = |claim, site| text(&claims, &[("probe", "order"), ("claim", claim), ("site", site)], "verdict");
    assert_eq!(
        (verdict("C1", "projector.out"), verdict("C2", "projector.out")),
        ("supported".into(), "supported".into())
    );
    assert_ne!(verdict("C2", "vision.out"), "supported");
    let map = load(&run_dir.path().join("tables/probe_map.parquet"));
    let corner =
        [("probe", "order"), ("site", "projector.out"), ("cell_row", "3"), ("cell_col", "0"), ("class", "acc")];
    assert!(value(&map, &corner, "prob").unwrap() > 0.9);
    // Background tokens are those image tokens that no object touches: two rows of four.
    let behind = map.column("probe").unwrap().str().unwrap().iter().filter(|probe| *probe == Some("behind")).count();
    assert_eq!(behind, 8);
}

#[test]
fn a_probe_without_its_site_is_refused() {
    let run_dir = tempfile::tempdir().unwrap();
    let world = World { side: 4, lane: 1, images: vec![Shown { objects: vec![("a".into(), 0)] }] };
    world.write(run_dir.path(), &[("vision.out", world.states("original", 0, |_, _, _| vec![0.0; 2]))]);
    let probe: Probe =
        toml::from_str("name = \"p\"\ntarget = \"slot\"\ngroups = [\"image\"]\nsites = [\"lm.*.resid\"]").unwrap();
    let params = Params::default();
    let error = run(run_dir.path(), Asked { params: &params, probes: &[probe], model: "" }).unwrap_err();
    assert!(
        error.to_string().contains("none of its `sites`") && error.help().unwrap().contains("vision.out"),
        "{error}"
    );
}
