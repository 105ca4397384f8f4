//! The study of two encoders, from videos to its report.

use super::MLLM;
use crate::support::program::Place;
use crate::support::{Copy, fixture};

/// The fixture with a tokenizer and a processor, so that it can be asked about videos.
fn asked() -> Copy {
    let copy = Copy::of(MLLM);
    let qwen = fixture("transformers-5.23-qwen2_5_vl");
    for file in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        std::fs::copy(qwen.join(file), copy.path().join(file)).unwrap();
    }
    let ids = [
        ("image_token_id", 395),
        ("video_token_id", 396),
        ("vision_start_token_id", 392),
        ("vision_end_token_id", 393),
    ];
    for (key, id) in ids {
        let path = copy.path().join("config.json");
        let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        config[key] = id.into();
        std::fs::write(path, config.to_string()).unwrap();
    }
    let processor = serde_json::json!({
        "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true, "resample": 3,
        "image_mean": [0.481_454_66, 0.457_827_5, 0.408_210_73], "image_std": [0.268_629_54, 0.261_302_6, 0.275_777_1],
        "min_pixels": 7056, "max_pixels": 7056, "merge_size": 2, "patch_size": 14, "temporal_patch_size": 2,
        "rescale_factor": 0.003_921_568_627_450_98, "processor_class": "Qwen2_5_VLProcessor",
    });
    std::fs::write(copy.path().join("preprocessor_config.json"), processor.to_string()).unwrap();
    copy
}

/// Numbers mean nothing here, of a model of random weights; that the study runs from videos to its report does.
#[test]
fn the_study_of_two_encoders_runs_and_draws() {
    let (place, model) = (Place::new(), asked());
    place.write("dual.toml", crate::families::small("dual-encoder", 0));
    let model = model.path().display().to_string();
    place.run(&["run", "dual.toml", "--model", &model, "--limit", "8", "--out", "dual", "--quiet"]).expect(0);
    for table in ["addends", "cross_frame", "moments", "effects", "probe", "attention_share"] {
        assert!(place.path(&format!("dual/tables/{table}.parquet")).is_file(), "no {table}");
    }
    for figure in ["addends", "addends-ablated", "cross-frame", "moments", "attention-share"] {
        assert!(place.path(&format!("dual/figures/{figure}.png")).is_file(), "no {figure}");
    }
    let read = |name: &str| std::fs::read_to_string(place.path(&format!("dual/{name}"))).unwrap();
    // Three blocks, two heads and their mean, eight frames: every pair, and what leaves.
    assert_eq!(read("tables/cross_frame.csv").lines().count(), 1 + 3 * 3 * (1 + 64));
    // Four moments.
    assert_eq!(read("tables/moments.csv").lines().count(), 1 + 3 * 5 * 4);
    let addends = read("tables/addends.csv");
    assert!(["image,as_is,norm_3d", "objects,centred,cosine"].iter().all(|row| addends.contains(row)), "{addends}");
    let effects = read("tables/effects.csv");
    for site in ["connector.2d", "connector.3d", "projector.out"] {
        assert!(effects.lines().any(|line| line.contains(site) && line.contains("mean_cell")), "no {site}");
    }
    assert!(read("report.html").contains("Two encoders") && read("summary.md").contains("spatial encoder"));

    // A model without the spatial encoder cannot.
    let plain = fixture("transformers-5.23-qwen2_5_vl").display().to_string();
    let refused =
        |study: &str| place.run(&["run", study, "--model", &plain, "--limit", "8", "--out", "plain", "--quiet"]);
    refused("dual.toml").expect(2).says(&["`connector.2d` does not exist in this model"]);
    place.write(
        "frames.toml",
        "title = \"Frames\"\nquestion = \"Which?\"\n[dataset]\nsource = \"rooms/test\"\n[record]\nattention = []\n\
         cross_frame = [\"spatial.*.global.frames\"]\n",
    );
    refused("frames.toml").expect(2).says(&["cross_frame", "no spatial encoder"]);
}
