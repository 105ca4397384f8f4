//! Equal to `transformers`, tensor by tensor, and not by accident: breaking any part shows.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use vlmscope::model::families;
use vlmscope::parity::{Reference, verify_model};

const IMAGE_TOKEN: u32 = 388;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn llava_equals_its_references() {
    for name in ["transformers-5.23-llava15", "transformers-4.51-llava15"] {
        let folder = fixture(name);
        let model = families::open(&folder, &Device::flex()).unwrap();
        let reference = Reference::open(&folder.join("ref.safetensors")).unwrap();
        let verdict = verify_model(model.as_ref(), IMAGE_TOKEN, &reference, 1e-4).unwrap();
        for row in &verdict.compared {
            println!("{} {:?} {:.2e}", row.name, row.shape, row.worst);
        }
        println!("{:?}", verdict.skipped);
        assert!(verdict.holds(), "{name}");
    }
}
