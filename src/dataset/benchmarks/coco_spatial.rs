//! COCO-spatial of What'sUp: where an object is in a photograph of COCO's validation set, or where one is seen from another.

use super::Source;
use super::triples::Set;
use super::words::Caption;

const PUBLISHER: &str = "github.com/amitakamath/whatsup_vlms, photographs from cocodataset.org";

const ONE: Set =
    Set { prefix: "coco_one", options: &["left", "right", "top", "bottom"], caption: Caption::of_one, photograph };

const TWO: Set =
    Set { prefix: "coco_two", options: &["left", "right", "above", "below"], caption: Caption::of_two, photograph };

pub(super) const SOURCES: [Source; 2] = [
    Source {
        name: "coco-spatial/one",
        about: "COCO-spatial, one object: is it left, right, top or bottom in the photograph?",
        annotations: "coco_qa_one_obj.json",
        photographs: &["val2017"],
        prompts: Some("prompts/COCO_QA_one_obj_with_answer_four_options.jsonl"),
        publisher: PUBLISHER,
        read: |text, file| ONE.read(text, file),
    },
    Source {
        name: "coco-spatial/two",
        about: "COCO-spatial, two objects: is one left of, right of, above or below the other?",
        annotations: "coco_qa_two_obj.json",
        photographs: &["val2017"],
        prompts: Some("prompts/COCO_QA_two_obj_with_answer_four_options.jsonl"),
        publisher: PUBLISHER,
        read: |text, file| TWO.read(text, file),
    },
];

/// `val2017/000000000139.jpg`
fn photograph(image: &str) -> String {
    format!("val2017/{image:0>12}.jpg")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dataset::Familiarity;

    #[test]
    fn rows_become_items() {
        let text = "[[139, \"A photo of a tv on the left\", \"A photo of a tv on the right\"],\n \
                    [\"285\", \"A photo of a person on the top\", \"A photo of a person on the bottom\"]]";
        let items = ONE.read(text, Path::new("one.json")).unwrap().items;
        assert_eq!((items[0].id.as_str(), items[0].image.as_str()), ("coco_one_000", "val2017/000000000139.jpg"));
        assert_eq!(items[0].question, "Where is the tv in the photo? Answer with left, right, top or bottom.");
        assert_eq!((items[1].gold, items[1].familiarity), (2, Some(Familiarity::Unfamiliar)));
        assert_eq!((items[1].image.as_str(), items[1].objects.len()), ("val2017/000000000285.jpg", 1));
    }

    #[test]
    fn wrong_shapes_and_relations_are_named_with_their_line() {
        let refused = |text: &str| TWO.read(text, Path::new("two.json")).err().unwrap().to_string();
        let shape = refused("[\n[1, \"A photo of a cat above a dog\"]]");
        assert!(shape.starts_with("two.json:2: row 0: expected [image id, right caption, wrong caption]"), "{shape}");
        assert!(refused("[[{}, \"a\", \"b\"]]").contains("expected an image id, found {}"));
        let relation = refused("[[1, \"A photo of a cat near a dog\", \"\"]]");
        assert!(relation.contains("no known relation in \"A photo of a cat near a dog\""), "{relation}");
    }
}
