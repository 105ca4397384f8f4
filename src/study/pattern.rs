//! Sites as a study names them, checked for spelling before any model is opened.

use serde::{Deserialize, Serialize};

use crate::error::suggestion;

/// What a site's name can look like, whatever the model. `pixels` is not the model's: it stands for what the model sees.
const FAMILIES: [&str; 19] = [
    "pixels",
    "vision.*.resid",
    "vision.*.attn",
    "vision.out",
    "spatial.*.frame.resid",
    "spatial.*.global.frames",
    "spatial.*.global.resid",
    "spatial.out",
    "connector.in",
    "connector.2d",
    "connector.3d",
    "projector.out",
    "lm.*.resid",
    "lm.*.scores",
    "lm.*.attn",
    "lm.*.head.*",
    "lm.*.attn_out",
    "lm.*.mlp_out",
    "logits",
];

/// One site, or several: `lm.17.attn`, `lm.14..21.attn` (14 to 20), `lm.*.attn`, `lm.50%.attn` (half way). Which of a model's sites it names,
/// [`crate::model::select`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SitePattern(String);

impl SitePattern {
    pub fn every_lm_attention() -> Self {
        Self("lm.*.attn".into())
    }
}

impl AsRef<str> for SitePattern {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SitePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let family = family(&text);
        // A digit of a name is no number of a layer.
        if [&family, &text].iter().any(|name| FAMILIES.contains(&name.as_str())) {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is not a site\n{}", suggestion(&family, FAMILIES)))
        }
    }
}

/// The pattern with a star in the place of a number or range: `lm.14..21.attn` becomes `lm.*.attn`.
fn family(pattern: &str) -> String {
    let mut starred = String::new();
    for character in pattern.chars() {
        match character {
            '0'..='9' | '%' if starred.ends_with('*') => {}
            '0'..='9' => starred.push('*'),
            other => starred.push(other),
        }
    }
    starred.replace("*..*", "*")
}

impl From<SitePattern> for String {
    fn from(pattern: SitePattern) -> Self {
        pattern.0
    }
}

impl std::fmt::Display for SitePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_a_range_and_a_star_are_sites() {
        for name in [
            "lm.17.attn",
            "lm.14..21.attn",
            "lm.0%..50%.attn",
            "lm.*.attn",
            "vision.0.resid",
            "projector.out",
            "connector.2d",
            "spatial.*.global.frames",
            "logits",
        ] {
            assert!(SitePattern::try_from(name.to_string()).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_mistyped_site_is_refused_with_the_nearest_name() {
        let error = SitePattern::try_from("lm.3.atn".to_string()).unwrap_err();
        assert!(error.contains("`lm.*.attn`"), "{error}");
        assert!(SitePattern::try_from("lm.3..attn".to_string()).is_err());
        assert!(SitePattern::try_from("connector.4d".to_string()).is_err());
    }
}
