//! What targets, groups, splits, controls and metrics of the probe tables are called in figures and report.

use super::super::table::Estimate;
use super::rows::MEAN;

/// Every control, in the order in which it is shown.
pub const CONTROLS: [&str; 11] = [
    "control_content",
    "control_location",
    "geometry_only",
    "shift_ordinal",
    "shift_absolute",
    "untrained",
    "pixels",
    "shuffled",
    "majority",
    "blank",
    "noise",
];

/// A tower's stretch of the depth axis.
pub fn tower(name: &str) -> &str {
    match name {
        "vision" => "encoder",
        "lm" => "LM slot",
        other => other,
    }
}

/// A group of tokens.
pub fn group(name: &str) -> String {
    if let Some((group_name, part)) = name.split_once(MEAN) {
        return format!("{}, mean of {part}", group(group_name));
    }
    match name {
        "last" => "last token".into(),
        "image" => "whole image".into(),
        "cell_*" => "fixed cells".into(),
        "object_*" => "each object".into(),
        other => {
            let plain = other.replace('_', " ");
            plain.strip_prefix("strip minus ").map_or(plain.clone(), |object| format!("strip without {object}"))
        }
    }
}

pub fn split(name: &str) -> &str {
    match name {
        "random_image" => "random images",
        "held_out_content" => "held-out content",
        "held_out_pair" => "held-out pairs",
        "held_out_position" => "held-out positions",
        "cross_setting" => "another kind of scene",
        other => other,
    }
}

pub fn control(kind: &str) -> &str {
    match kind {
        "control_content" => "random label by content",
        "control_location" => "random label by place",
        "geometry_only" => "geometry alone",
        "shift_ordinal" => "shifted, by order",
        "shift_absolute" => "shifted, by place",
        "untrained" => "untrained model",
        "pixels" => "pixels",
        "shuffled" => "shuffled labels",
        "majority" => "commonest class",
        "blank" => "blank image",
        "noise" => "noise image",
        other => other,
    }
}

pub fn metric(name: &str) -> &str {
    match name {
        "acc" => "accuracy",
        "bal_acc" => "balanced accuracy",
        "auc" => "AUROC",
        "r2" => "R²",
        other => other,
    }
}

/// An image axis as the title of a panel.
pub fn axis(name: &str) -> &str {
    match name {
        "horizontal" => "Horizontal",
        "vertical" => "Vertical",
        _ => "Both axes",
    }
}

/// The statement that a probe of this target is meant to test.
pub fn claim(target: &str) -> &'static str {
    match target {
        "slot" => "these tokens carry their object’s slot beyond what content and place give away",
        "layout_at_fixed_location" => "the layout of the scene can be read at a fixed place",
        "pair_relation" => "the relation can be read from the two objects, whatever they are",
        "relation_at_text" => "the relation has reached the text",
        "abs_xy" => "the metric position can be read",
        "distance" => "the distance from the camera can be read beyond what size and place in the frames give away",
        _ => "the target can be read",
    }
}

/// A claim of the claims table as a statement; None where it has no name here.
pub fn judged(claim: &str) -> Option<&'static str> {
    Some(match claim {
        "C1" => "the layout of the scene can be read at fixed places",
        "C2" => "the layout can be read where no object ever lies",
        "slot_absolute" => "the slot code is one of absolute positions",
        "slot_ordinal" => "the slot code is one of order",
        "relation_at_objects" => "the network has learnt to hold the relation at the two objects, whatever they are",
        "answer_at_text" => "the answer has arrived in the text",
        "projector_loses" => "the projector loses what the encoder holds",
        "lm_adds" => "the language model adds to what the projector hands it",
        _ => return None,
    })
}

/// Counterparts of the images.
pub fn variant(name: &str) -> String {
    match name {
        "original" => "with the objects".into(),
        "blank" => "blank image".into(),
        "noise" => "noise image".into(),
        other => match other.strip_prefix("shifted_") {
            Some(pixels) => format!("objects shifted by {} pixels", pixels.replace('-', "−")),
            None => other.replace('_', " "),
        },
    }
}

/// Two decimals, a true minus sign, and no negative zero.
pub fn number(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    if value < 0.0 && text != "0.00" { format!("−{text}") } else { text }
}

/// "0.93 (0.90 to 0.96)".
pub fn estimate(of: Estimate) -> String {
    let interval = of.interval.map(|(low, high)| format!(" ({} to {})", number(low), number(high)));
    format!("{}{}", number(of.value), interval.unwrap_or_default())
}

/// With a capital letter at its beginning.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// "a, b and c".
pub fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_tables_read_as_words() {
        assert_eq!(group("strip_minus_object_2"), "strip without object 2");
        assert_eq!(group("image: background patches"), "whole image, mean of background patches");
        assert_eq!(group("random_background_1"), "random background 1");
        assert_eq!(variant("shifted_-16"), "objects shifted by −16 pixels");
    }

    #[test]
    fn numbers_keep_two_decimals() {
        assert_eq!(estimate(Estimate { value: -0.004, interval: Some((-0.126, 0.3)) }), "0.00 (−0.13 to 0.30)");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
