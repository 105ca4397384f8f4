//! VGGT and Spatial-MLLM: equal to their references, and what only they have: a second encoder, its addend, frames that see
//! each other.

use burn::tensor::Device;
use vlmscope::model::families;
use vlmscope::parity::{Reference, Verdict, verify_model, verify_vggt};

use crate::support::fixture;

const MLLM: &str = "spatial-mllm";
const VGGT: &str = "vggt";

fn compared(reference: &str) -> Verdict {
    let folder = fixture(MLLM);
    let model = families::open(&folder, &Device::flex()).unwrap();
    let reference = Reference::open(&folder.join(reference)).unwrap();
    let visual = families::visual_ids(&folder).unwrap();
    verify_model(model.as_ref(), &visual, None, &reference, 1e-4).unwrap()
}

#[test]
fn vggt_equals_its_reference() {
    let folder = fixture(VGGT);
    let reference = Reference::open(&folder.join("ref.safetensors")).unwrap();
    let verdict = verify_vggt(&folder, &reference, 1e-4, &Device::flex()).unwrap();
    assert!(verdict.holds(), "{:#?}", verdict.compared);
    assert_eq!(verdict.skipped, []);
    // Position table, patches, six blocks, three pairs of either size, both orders, the sum.
    assert_eq!(verdict.compared.len(), 1 + 1 + 6 + 6 + 2 + 1);
}

#[test]
fn spatial_mllm_equals_its_reference_at_both_time_steps() {
    for name in ["ref_sec0.5.safetensors", "ref_sec1.0.safetensors"] {
        let verdict = compared(name);
        assert!(verdict.holds(), "{name}: {:#?}", verdict.compared);
        assert_eq!(verdict.skipped, [], "{name}");
        // Both addends, their sum and what enters the connector; positions; states, attention, logits.
        assert_eq!(verdict.compared.len(), 4 + 2 + 4 + 3 + 1, "{name}");
    }
}
