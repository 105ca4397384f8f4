//! The command line: help, lists, exit codes, and requests that are wrong.

use std::io::Read;
use std::process::Stdio;

use crate::support::program::Place;

const STUDY: &str = "title = \"Small\"\nquestion = \"Q?\"\n[dataset]\nsource = \"scenes/pairs\"\nlimit = 8\n";

#[test]
fn a_wrong_study_shows_the_line_and_what_to_do() {
    let cases: [(&str, &[&str]); 9] = [
        ("[record]\nbach = 4\n", &["study.toml, line 7", "unknown key `bach`", "did you mean `batch`?", "bach = 4"]),
        ("[recrod]\n", &["line 6", "unknown key `recrod`", "`record`"]),
        ("[record]\nheads = \"al\"\n", &["line 7", "unknown value `al`", "did you mean `all`"]),
        ("[record]\nattention = [\"lm.*.atn\"]\n", &["line 7", "`lm.*.atn` is not a site", "`lm.*.attn`"]),
        ("[record]\nattention = [\"lm.77.attn\"]\n", &["line 7", "lm.77.attn", "vlmscope sites"]),
        ("[record]\nattention = [\"lm.0.resid\"]\n", &["line 7", "`lm.0.resid` is not attention"]),
        ("[analysis]\ndraws = 3\n", &["line 6", "draws", "at least 40"]),
        ("[analysis]\nbootsrap = 3\n", &["line 7", "unknown key `bootsrap`", "`bootstrap`"]),
        ("[model]\npath = \"nowhere\"\n", &["line 7", "`nowhere` is neither a folder nor"]),
    ];
    for (tail, parts) in cases {
        let place = Place::new();
        place.write("study.toml", format!("{STUDY}{tail}"));
        place.run(&["record", "study.toml", "--out", "run"]).expect(2).says(parts);
        assert!(!place.path("run/frames/items.parquet").exists());
    }
}

#[test]
fn a_wrong_dataset_or_file_is_told() {
    let place = Place::new();
    place.write("study.toml", STUDY.replace("scenes/pairs", "scenes/pears"));
    place.run(&["record", "study.toml"]).expect(2).says(&["line 4", "scenes/pears", "`scenes/pairs`"]);
    place.run(&["run", "attention-locatoin.toml"]).expect(2).says(&["no study file `attention-locatoin.toml`"]);
    place.run(&["run"]).expect(2).says(&["Usage"]);
    place.run(&["analyse", "run"]).expect(2).says(&["analyze"]);
}

#[test]
fn stages_want_a_run_folder() {
    let place = Place::new();
    place.write("elsewhere/notes.txt", "");
    for verb in ["analyze", "report"] {
        place.run(&[verb, "elsewhere"]).expect(2).says(&["`elsewhere` is not a run folder", "run.json"]);
    }
    place.write("study.toml", STUDY);
    place.run(&["record", "study.toml", "--out", "elsewhere"]).expect(2).says(&["not empty and not a run folder"]);
}

#[test]
fn help_and_lists() {
    let place = Place::new();
    let help = place.run(&["run", "--help"]).expect(0).stdout;
    assert!(help.contains("vlmscope run analyses/attention-location.toml"), "{help}");
    let studies = place.run(&["studies"]).expect(0).stdout;
    assert!(studies.contains("attention-location.toml"), "{studies}");
    let studies: serde_json::Value = serde_json::from_str(&place.run(&["studies", "--json"]).expect(0).stdout).unwrap();
    let titled = |title: &str| studies.as_array().is_some_and(|all| all.iter().any(|study| study["title"] == title));
    assert!(titled("Attention location") && titled("Dual mechanisms"), "{studies}");
    let datasets = place.run(&["datasets"]).expect(0).stdout;
    assert!(datasets.contains("scenes/pairs") && datasets.contains("scenes/rows"), "{datasets}");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let place = Place::new();
    for words in [&["studies"][..], &["datasets", "--json"], &["run", "--help"]] {
        let mut child = place.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success() && stderr.is_empty(), "{words:?}: {status} {stderr}");
    }
}

#[test]
fn an_analysis_is_repeated_from_the_frames_alone() {
    let place = Place::new();
    place.write("study.toml", STUDY.replace("limit = 8", "limit = 40"));
    place.run(&["record", "study.toml", "--out", "run"]).expect(0);
    let tables = |seed: &str| {
        let ended = place.run(&["analyze", "run", "--seed", seed, "--json"]).expect(0);
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(told["tables"].as_array().unwrap().len() >= 10);
        crate::support::program::bytes(&place.path("run/tables"))
    };
    let first = tables("5");
    assert_ne!(tables("6"), first, "another seed resamples otherwise");
    assert_eq!(tables("5"), first);
    let manifest = std::fs::read_to_string(place.path("run/run.json")).unwrap();
    assert!(manifest.contains("\"seed\": 5"), "{manifest}");

    // A study file for the analysis alone.
    place.write("other.toml", format!("{STUDY}[analysis]\nbootstrap = 100\n"));
    place.run(&["analyze", "run", "--study", "other.toml"]).expect(0);
    assert!(std::fs::read_to_string(place.path("run/run.json")).unwrap().contains("\"bootstrap\": 100"));

    // An incomplete recording is not analysed.
    std::fs::remove_file(place.path("run/frames/items.parquet")).unwrap();
    place.run(&["analyze", "run"]).expect(1).says(&["not complete", "--resume"]);
}
