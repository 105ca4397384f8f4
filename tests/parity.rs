//! Equal to `transformers`, tensor by tensor, and not by accident: breaking any part shows.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use vlmscope::model::families;
use vlmscope::parity::{Reference, Verdict, verify};
use vlmscope::processor::Processor;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn verdict(name: &str) -> Verdict {
    let folder = fixture(name);
    let model = families::open(&folder, &Device::flex()).unwrap();
    let processor = Processor::open(&folder).unwrap();
    let reference = Reference::open(&folder.join("ref.safetensors")).unwrap();
    let image = folder.join("input.png");
    verify(model.as_ref(), &processor, &reference, Some(&image), 1e-4).unwrap()
}

#[test]
fn llava_equals_its_references() {
    for name in ["transformers-5.23-llava15", "transformers-4.51-llava15"] {
        let verdict = verdict(name);
        assert!(verdict.holds(), "{name}: {:#?}", verdict.compared);
        // Inputs, logits, ids, hidden states, attention of both towers where recorded: nothing is left out.
        assert!(verdict.compared.len() >= 17, "{name}: {}", verdict.compared.len());
        assert_eq!(verdict.skipped, [], "{name}");
    }
}
