//! Captions and questions of the What'sUp sets: "A photo of a cat to the left of a sofa", "Where is the cat in relation to
//! the sofa? Answer with left, right, above or below."

/// A phrase of a caption and the answer that it stands for.
pub(super) type Phrase = (&'static str, &'static str);

/// How captions put two objects in relation. Of phrases that begin at one place, the longest counts.
pub(super) const RELATIONS: &[Phrase] = &[
    ("to the left of", "left"),
    ("to the right of", "right"),
    ("in front of", "front"),
    ("to the front of", "front"),
    ("to the behind of", "behind"),
    ("behind", "behind"),
    ("on top of", "above"),
    ("above", "above"),
    ("below", "below"),
    ("under", "under"),
    ("on", "on"),
];

/// What a caption says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caption {
    pub subject: String,
    /// The answer, one of the set's options.
    pub relation: &'static str,
    /// What the subject is seen from; None where the place in the photo is told.
    pub reference: Option<String>,
}

impl Caption {
    /// "A photo of a cat to the left of a sofa".
    ///
    /// # Errors
    /// Which words are not understood.
    pub(super) fn of_two(text: &str, options: &[&'static str]) -> Result<Self, String> {
        let body = body(text);
        let found = RELATIONS.iter().filter(|(_, option)| options.contains(option)).filter_map(|&(phrase, option)| {
            let at = body.find(&format!(" {phrase} "))?;
            Some((at, std::cmp::Reverse(phrase.len()), phrase, option))
        });
        let (at, _, phrase, relation) = found.min().ok_or_else(|| {
            let known: Vec<_> =
                RELATIONS.iter().filter(|(_, option)| options.contains(option)).map(|(p, _)| *p).collect();
            format!("no known relation in \"{text}\"; expected one of: {}", known.join(", "))
        })?;
        let subject = name(&body[..at]).ok_or_else(|| format!("no object before `{phrase}` in \"{text}\""))?;
        let reference =
            name(&body[at + phrase.len() + 2..]).ok_or_else(|| format!("no object after `{phrase}` in \"{text}\""))?;
        Ok(Self { subject, relation, reference: Some(reference) })
    }

    /// "A photo of a dining table on the bottom": the last word is the place.
    ///
    /// # Errors
    /// Which words are not understood.
    pub(super) fn of_one(text: &str, options: &[&'static str]) -> Result<Self, String> {
        let body = body(text);
        let (before, last) = body.rsplit_once(' ').unwrap_or(("", body));
        let relation =
            options.iter().copied().find(|option| *option == last.to_lowercase()).ok_or_else(|| {
                format!("unknown place `{last}` in \"{text}\"; expected one of: {}", options.join(", "))
            })?;
        let mut before = before;
        while let Some((rest, "on" | "at" | "in" | "to" | "the")) = before.rsplit_once(' ') {
            before = rest;
        }
        let subject = name(before).ok_or_else(|| format!("no object before `{last}` in \"{text}\""))?;
        Ok(Self { subject, relation, reference: None })
    }

    /// The question that the caption answers, of one form for a whole set.
    pub(super) fn question(&self, options: &[&str]) -> String {
        let (verb, subject, answers) = (verb(&self.subject), &self.subject, list(options));
        match &self.reference {
            Some(reference) => {
                format!("Where {verb} the {subject} in relation to the {reference}? Answer with {answers}.")
            }
            None => format!("Where {verb} the {subject} in the photo? Answer with {answers}."),
        }
    }
}

/// The caption without "A photo of" and the full stop.
fn body(text: &str) -> &str {
    let text = text.trim().trim_end_matches('.').trim_end();
    let photo = "a photo of ";
    match text.get(..photo.len()) {
        Some(head) if head.eq_ignore_ascii_case(photo) => &text[photo.len()..],
        _ => text,
    }
}

/// A name without its article.
pub(super) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = match text.split_once(' ') {
        Some((article, rest)) if ["a", "an", "the"].contains(&article.to_lowercase().as_str()) => rest.trim(),
        _ => text,
    };
    (!bare.is_empty()).then(|| bare.to_string())
}

/// "left, right, on or under".
pub(super) fn list(options: &[&str]) -> String {
    match options.split_last() {
        Some((last, [])) => (*last).to_string(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// "are" where the name is a plural.
fn verb(name: &str) -> &'static str {
    // "A ball of yarn", "bottles of wine": the noun that counts comes before "of".
    let head = name.split(" of ").next().unwrap_or(name);
    let noun = head.rsplit(' ').next().unwrap_or(head).to_lowercase();
    const PLURALS: [&str; 6] = ["people", "men", "women", "children", "feet", "mice"];
    const SINGULARS: [&str; 6] = ["bus", "gas", "lens", "canvas", "christmas", "tennis"];
    let ends_as_plural = noun.ends_with('s') && !["ss", "us", "is"].iter().any(|end| noun.ends_with(end));
    match PLURALS.contains(&noun.as_str()) || ends_as_plural && !SINGULARS.contains(&noun.as_str()) {
        true => "are",
        false => "is",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: [&str; 4] = ["left", "right", "above", "below"];

    fn two(text: &str) -> (String, &'static str, String) {
        let caption = Caption::of_two(text, &["left", "right", "front", "behind", "above", "below"]).unwrap();
        (caption.subject, caption.relation, caption.reference.unwrap())
    }

    #[test]
    fn two_objects_and_their_relation() {
        let tree = |subject: &str, relation, reference: &str| (subject.to_string(), relation, reference.to_string());
        assert_eq!(two("A photo of a dining table to the left of a TV"), tree("dining table", "left", "TV"));
        assert_eq!(two("A photo of an oven above an apple."), tree("oven", "above", "apple"));
        assert_eq!(two("a photo of nuts on top of a red cabbage"), tree("nuts", "above", "red cabbage"));
        assert_eq!(two("A mug in front of a plate"), tree("mug", "front", "plate"));
        assert_eq!(two("A photo of a cart to the front of the green trees"), tree("cart", "front", "green trees"));
        // The first phrase counts, whatever the reference is called.
        assert_eq!(two("A photo of a dog behind a sign above a door"), tree("dog", "behind", "sign above a door"));
    }

    #[test]
    fn one_object_and_its_place() {
        let one = |text| Caption::of_one(text, &["left", "right", "top", "bottom"]).unwrap();
        let found = one("A photo of a dining table on the bottom");
        assert_eq!((found.subject.as_str(), found.relation, found.reference), ("dining table", "bottom", None));
        assert_eq!(one("A photo of the stop sign at the top.").subject, "stop sign");
    }

    #[test]
    fn unknown_relations_are_named() {
        let error = Caption::of_two("A photo of a cat beside a dog", &FOUR).unwrap_err();
        assert!(
            error.contains("no known relation in \"A photo of a cat beside a dog\"; expected one of: to the left of")
        );
        assert!(!error.contains("behind"), "only what the set's options stand for: {error}");
        assert!(Caption::of_two("A photo of a cat behind a dog", &FOUR).is_err());
        assert!(
            Caption::of_one("A photo of a cat on the side", &["left"]).unwrap_err().contains("unknown place `side`")
        );
        assert!(Caption::of_two("above a dog", &FOUR).is_err());
        assert!(Caption::of_one("left", &["left"]).unwrap_err().contains("no object"));
    }

    #[test]
    fn questions_have_the_published_form() {
        let two = Caption::of_two("A scissors on a table", &["left", "right", "on", "under"]).unwrap();
        let options = ["left", "right", "on", "under"];
        let asked = "Where are the scissors in relation to the table? Answer with left, right, on or under.";
        assert_eq!(two.question(&options), asked);
        let one = Caption::of_one("A photo of a bus on the left", &["left", "top"]).unwrap();
        assert_eq!(one.question(&["left", "top"]), "Where is the bus in the photo? Answer with left or top.");
    }

    #[test]
    fn plurals_by_their_noun() {
        for name in ["sunglasses", "shoes", "glasses", "green trees", "children", "bottles of wine"] {
            assert_eq!(verb(name), "are", "{name}");
        }
        for name in ["glass", "bus", "ball of yarns", "cactus", "tennis", "bottle of orange juice", "mug"] {
            assert_eq!(verb(name), "is", "{name}");
        }
    }
}
