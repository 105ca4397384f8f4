//! Equal to their references; broken on purpose, they differ.

use std::collections::HashMap;

use burn::tensor::Device;
use vlmscope::model::families;
use vlmscope::parity::{Reference, Verdict, verify_model, verify_vggt, visual_ids};

use super::{MLLM, VGGT, floats, of_floats, values, video};
use crate::support::program::Place;
use crate::support::{Copy, Stored, fixture};

fn compared(reference: &str) -> Verdict {
    let folder = fixture(MLLM);
    let model = families::open(&folder, &Device::flex()).unwrap();
    let reference = Reference::open(&folder.join(reference)).unwrap();
    let visual = visual_ids(&folder).unwrap();
    verify_model(model.as_ref(), &visual, None, &reference, 1e-4).unwrap()
}

#[test]
fn vggt_equals_its_reference() {
    let folder = fixture(VGGT);
    let reference = Reference::open(&folder.join("ref.safetensors")).unwrap();
    let verdict = verify_vggt(&folder, &reference, 1e-4, &Device::flex()).unwrap();
    assert!(verdict.holds() && verdict.worst() < 1e-4, "{:#?}", verdict.compared);
    assert_eq!(verdict.skipped, []);
    // Position table, patches, six blocks, three pairs of either size, both orders, the sum.
    assert_eq!(verdict.compared.len(), 1 + 1 + 6 + 6 + 2 + 1);
}

#[test]
fn spatial_mllm_equals_its_reference_at_both_time_steps() {
    for name in ["ref_sec0.5.safetensors", "ref_sec1.0.safetensors"] {
        let verdict = compared(name);
        // One state of the reference, of numbers up to 23, is itself 1.1e-4 from what the same code computes in f64: the image
        // encoder's convolution over 1,176 pixels rounds by 6e-6, and every block multiplies that.
        let [state, others] = [true, false].map(|is| {
            let rows = verdict.compared.iter().filter(|row| (row.name == "out.hidden.2") == is);
            rows.map(|row| row.worst).fold(0.0, f64::max)
        });
        assert!(verdict.holds() && others < 1e-4 && state < 1.5e-4, "{name}: {:#?}", verdict.compared);
        assert_eq!(verdict.skipped, [], "{name}");
        // Both addends, their sum and what enters the connector; positions; states, attention, logits.
        assert_eq!(verdict.compared.len(), 4 + 2 + 4 + 3 + 1, "{name}");
    }
}

#[test]
fn verify_takes_both_folders() {
    let place = Place::new();
    for (folder, reference) in [(VGGT, "ref.safetensors"), (MLLM, "ref_sec1.0.safetensors")] {
        let folder = fixture(folder);
        let reference = folder.join(reference);
        let ended =
            place.run(&["verify", folder.to_str().unwrap(), "--against", reference.to_str().unwrap()]).expect(0);
        assert!(ended.stdout.contains("tensors compared"), "{}", ended.stdout);
        let tight =
            ["verify", folder.to_str().unwrap(), "--against", reference.to_str().unwrap(), "--tolerance", "1e-9"];
        place.run(&tight).expect(1);
    }
}

/// Each of these is a mistake that is easy to make; none may pass.
#[test]
fn broken_on_purpose_it_differs() {
    type Change = fn(&mut HashMap<String, Stored>);
    let cases: [(&str, Change, &str); 4] = [
        ("camera tokens of the wrong frames", |all| swap_halves(all, "aggregator.camera_token"), "out.agg.0"),
        ("registers of the wrong frames", |all| swap_halves(all, "aggregator.register_token"), "out.agg.0"),
        ("layer scale", |all| halve(all, "aggregator.frame_blocks.0.ls2.gamma"), "cap.frame_block.0"),
        ("query norm", |all| halve(all, "aggregator.global_blocks.0.attn.q_norm.weight"), "cap.global_block.0"),
    ];
    for (what, change, first) in cases {
        let copy = Copy::of(VGGT);
        copy.edit(change);
        let reference = Reference::open(&copy.path().join("ref.safetensors")).unwrap();
        let verdict = verify_vggt(copy.path(), &reference, 1e-4, &Device::flex()).unwrap();
        let row = verdict.compared.iter().find(|row| row.name == first).unwrap();
        assert!(!row.holds(), "{what}: {first} still agrees ({:.1e})", row.worst);
    }
}

fn swap_halves(tensors: &mut HashMap<String, Stored>, name: &str) {
    let bytes = &mut tensors.get_mut(name).unwrap().2;
    let half = bytes.len() / 2;
    bytes.rotate_left(half);
}

fn halve(tensors: &mut HashMap<String, Stored>, name: &str) {
    let stored = tensors.get_mut(name).unwrap();
    let halved: Vec<f32> = floats(stored).iter().map(|value| value / 2.0).collect();
    *stored = of_floats(&stored.1, &halved);
}

#[test]
fn the_point_head_equals_a_second_implementation() {
    let copy = Copy::of(VGGT);
    let head = Copy::of(VGGT);
    std::fs::rename(head.path().join("point_head.safetensors"), head.path().join("model.safetensors")).unwrap();
    let head = head.tensors();
    let mut tensors = copy.tensors();
    tensors
        .extend(head.iter().filter(|(name, _)| name.starts_with("point_head.")).map(|(k, v)| (k.clone(), v.clone())));
    copy.write(&tensors);

    let device = Device::flex();
    let (vggt, point_head) = families::open_point_head(copy.path(), &device).unwrap();
    let made = point_head.points(&vggt, video()).unwrap();
    let [_, frames, rows, cols, _] = made.points.dims();
    assert_eq!([frames, rows, cols], [4, 56, 84]);
    let (points, confidence) = (values(made.points), values(made.confidence));
    let every_seventh = (0..frames * rows * cols).filter(|at| at / cols % rows % 7 == 0 && at % cols % 7 == 0);
    let worst = |ours: Vec<f32>, name: &str| {
        let expected = floats(&head[name]);
        assert_eq!(expected.len(), ours.len());
        expected.iter().zip(ours).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let of = |at: usize| points[3 * at..3 * at + 3].to_vec();
    let apart = worst(every_seventh.clone().flat_map(of).collect(), "out.points");
    assert!(apart < 1e-4, "points: {apart}");
    let apart = worst(every_seventh.map(|at| confidence[at]).collect(), "out.confidence");
    assert!(apart < 1e-4, "confidence: {apart}");

    let error = families::open_point_head(&fixture(MLLM), &device).unwrap_err();
    assert!(error.to_string().contains("has no point head"), "{error}");
}
