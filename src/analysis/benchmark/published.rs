//! Numbers that were published, in percent, to stand beside a run's own.
//!
//! Sources: Wu et al. 2025 (Spatial-MLLM), tables 1 and 2 and the ablation of frame sampling; the README of its code, release 1.1.
//!
//! The averages printed in table 1 are not of one kind: those of GPT-4o, Gemini-1.5 Pro and LLaVA-Video-72B are means of the eight
//! categories, those of the Qwen2.5-VL models and of Spatial-MLLM are higher than theirs by 1.3 to 1.8 points (perhaps means over
//! items). They are given as printed.

/// One number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    pub dataset: &'static str,
    pub model: &'static str,
    pub source: &'static str,
    /// As in the run's own rows; `printed`: an average as printed.
    pub stratum: &'static str,
    pub metric: &'static str,
    /// Percent; CIDEr in its own unit, times 100.
    pub value: f64,
}

pub const TABLE_1: &str = "Wu et al. 2025, table 1";
const TABLE_2: &str = "Wu et al. 2025, table 2";
const SAMPLING: &str = "Wu et al. 2025, ablation of frame sampling";
const README: &str = "README of release 1.1, 16 frames";

const VSI: &str = super::VSI;

/// The columns of table 1.
const COLUMNS: [(&str, &str); 9] = [
    ("object_counting", "mra"),
    ("object_abs_distance", "mra"),
    ("object_size_estimation", "mra"),
    ("room_size_estimation", "mra"),
    ("object_rel_distance", "accuracy"),
    ("object_rel_direction", "accuracy"),
    ("route_planning", "accuracy"),
    ("obj_appearance_order", "accuracy"),
    ("printed", "mean"),
];

const VSI_BENCH: [(&str, [f64; 9]); 7] = [
    ("GPT-4o", [46.2, 5.3, 43.8, 38.2, 37.0, 41.3, 31.5, 28.5, 34.0]),
    ("Gemini-1.5 Pro", [56.2, 30.9, 64.1, 43.6, 51.3, 46.3, 36.0, 34.6, 45.4]),
    ("LLaVA-Video-72B", [48.9, 22.8, 57.4, 35.3, 42.4, 36.7, 35.0, 48.6, 40.9]),
    ("Qwen2.5-VL-3B", [24.3, 24.7, 31.7, 22.6, 38.3, 41.6, 26.3, 21.2, 30.6]),
    ("Qwen2.5-VL-7B", [40.9, 14.8, 43.4, 10.7, 38.6, 38.5, 33.0, 29.8, 33.0]),
    ("Qwen2.5-VL-72B", [25.1, 29.3, 54.5, 38.8, 38.2, 37.0, 34.0, 28.9, 37.0]),
    ("Spatial-MLLM-4B", [65.3, 34.8, 63.1, 45.1, 41.3, 46.2, 33.5, 46.3, 48.4]),
];

/// Micro and macro averages.
const RELEASE: [(&str, [f64; 2]); 6] = [
    ("Qwen2.5-VL-3B", [27.86, 27.25]),
    ("Qwen2.5-VL-3B, same 135K data", [49.84, 49.64]),
    ("Spatial-MLLM-135K", [51.13, 50.48]),
    ("Spatial-MLLM-135K, space-aware frames", [52.75, 51.81]),
    ("Spatial-MLLM-820K", [53.53, 53.00]),
    ("Spatial-MLLM-820K, space-aware frames", [54.24, 53.43]),
];

const FRAMES: [(&str, f64); 6] = [
    ("Spatial-MLLM-4B, 8 frames, uniform", 43.8),
    ("Spatial-MLLM-4B, 8 frames, space-aware", 46.1),
    ("Spatial-MLLM-4B, 16 frames, uniform", 47.1),
    ("Spatial-MLLM-4B, 16 frames, space-aware", 48.4),
    ("Spatial-MLLM-4B, 32 frames, uniform", 48.4),
    ("Spatial-MLLM-4B, 32 frames, space-aware", 49.3),
];

/// The columns of table 2: ScanQA (validation), then SQA3D (test).
const ANSWERS: [(&str, &str); 7] = [
    ("scanqa/val", "bleu_1"),
    ("scanqa/val", "bleu_4"),
    ("scanqa/val", "meteor"),
    ("scanqa/val", "rouge_l"),
    ("scanqa/val", "cider"),
    ("sqa3d/test", "em"),
    ("sqa3d/test", "em_r"),
];

const SCANNET: [(&str, [Option<f64>; 7]); 4] = [
    ("Qwen2.5-VL-3B", [Some(22.5), Some(3.8), Some(9.7), Some(25.4), Some(47.4), Some(43.4), Some(45.9)]),
    ("Qwen2.5-VL-72B", [Some(26.8), Some(12.0), Some(13.0), Some(35.2), Some(66.9), Some(47.0), Some(50.9)]),
    ("Video-3D-LLM", [Some(47.1), Some(16.2), Some(19.8), Some(49.0), Some(102.1), Some(58.6), None]),
    ("Spatial-MLLM-4B", [Some(44.4), Some(14.8), Some(18.4), Some(45.0), Some(91.8), Some(55.9), Some(58.7)]),
];

/// All of them.
pub fn published() -> Vec<Published> {
    let row = |model, source, stratum, metric, value| Published { dataset: VSI, model, source, stratum, metric, value };
    let mut all = Vec::new();
    for (model, values) in VSI_BENCH {
        let columns = COLUMNS.into_iter().zip(values);
        all.extend(columns.map(|((stratum, metric), value)| row(model, TABLE_1, stratum, metric, value)));
    }
    for (model, [micro, macro_]) in RELEASE {
        all.extend(
            [("micro", micro), ("macro", macro_)].map(|(stratum, value)| row(model, README, stratum, "mean", value)),
        );
    }
    all.extend(FRAMES.map(|(model, value)| row(model, SAMPLING, "printed", "mean", value)));
    for (model, values) in SCANNET {
        for ((dataset, metric), value) in ANSWERS.into_iter().zip(values) {
            all.extend(value.map(|value| Published { dataset, model, source: TABLE_2, stratum: "all", metric, value }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_averages_are_of_two_kinds() {
        let apart = VSI_BENCH.map(|(_, values)| values[8] - values[..8].iter().sum::<f64>() / 8.0);
        assert!(apart[..3].iter().all(|apart| apart.abs() < 0.051), "{apart:?}");
        assert!(apart[3..].iter().all(|apart| (1.2..1.9).contains(apart)), "{apart:?}");
    }

    #[test]
    fn every_number_is_told_apart() {
        let mut names: Vec<_> =
            published().iter().map(|one| (one.dataset, one.model, one.source, one.stratum, one.metric)).collect();
        assert_eq!(names.len(), 7 * 9 + 6 * 2 + 6 + 4 * 7 - 1);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 108);
    }
}
