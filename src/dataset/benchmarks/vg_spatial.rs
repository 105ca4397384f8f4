//! GQA-spatial of What'sUp, on photographs of Visual Genome: one object in the photograph, or two in relation.

use super::Source;
use super::triples::Set;
use super::words::Caption;

const PUBLISHER: &str = "github.com/amitakamath/whatsup_vlms";

const ONE: Set = Set {
    prefix: "vg_one",
    options: &["left", "right", "front", "behind", "top", "bottom"],
    caption: Caption::of_one,
    photograph,
};

const TWO: Set = Set {
    prefix: "vg_two",
    options: &["left", "right", "front", "behind", "above", "below"],
    caption: Caption::of_two,
    photograph,
};

pub(super) const SOURCES: [Source; 2] = [
    Source {
        name: "vg-spatial/one",
        about: "GQA-spatial (Visual Genome), one object: is it left, right, front, behind, top or bottom?",
        annotations: "vg_qa_one_obj.json",
        photographs: &["vg_images"],
        prompts: Some("prompts/VG_QA_one_obj_with_answer_six_options.jsonl"),
        publisher: PUBLISHER,
        read: |text, file| ONE.read(text, file),
    },
    Source {
        name: "vg-spatial/two",
        about: "GQA-spatial (Visual Genome), two objects: is one left of, right of, before, behind, above or below the other?",
        annotations: "vg_qa_two_obj.json",
        photographs: &["vg_images"],
        prompts: Some("prompts/VG_QA_two_obj_with_answer_six_options.jsonl"),
        publisher: PUBLISHER,
        read: |text, file| TWO.read(text, file),
    },
];

/// `vg_images/2317429.jpg`
fn photograph(image: &str) -> String {
    format!("vg_images/{image}.jpg")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn six_options_and_plurals() {
        let text =
            "[[\"2317\", \"A photo of a trees to the front of a fence\", \"A photo of a trees behind a fence\"]]";
        let items = TWO.read(text, Path::new("two.json")).unwrap().items;
        let asked =
            "Where are the trees in relation to the fence? Answer with left, right, front, behind, above or below.";
        assert_eq!((items[0].question.as_str(), items[0].options[items[0].gold].as_str()), (asked, "front"));
        assert_eq!(items[0].image, "vg_images/2317.jpg");
        let text = "[[9, \"A photo of a dog behind\", \"A photo of a dog front\"]]";
        assert_eq!(ONE.read(text, Path::new("one.json")).unwrap().items[0].gold, 3);
    }
}
