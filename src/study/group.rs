//! A group of positions whose hidden states are averaged into one vector.

use serde::{Deserialize, Serialize};

/// Positions of a prompt that are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Group {
    /// The last position of the prompt.
    Last,
    /// Every image position, equally.
    Image,
    /// The image positions of the k-th object (from 1), weighted by the share of the patch that its boxes cover.
    Object(usize),
    /// The question's words and the template: neither image nor BOS nor last.
    Text,
}

impl TryFrom<String> for Group {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let numbered = name.strip_prefix("object_").and_then(|number| number.parse::<usize>().ok()).filter(|&k| k > 0);
        match (name.as_str(), numbered) {
            ("last", _) => Ok(Self::Last),
            ("image", _) => Ok(Self::Image),
            ("text", _) => Ok(Self::Text),
            (_, Some(k)) => Ok(Self::Object(k)),
            _ => Err(format!(
                "`{name}` is not a group of positions\n{}",
                crate::error::suggestion(&name, ["last", "image", "text", "object_1", "object_2"])
            )),
        }
    }
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.to_string()
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Image => f.write_str("image"),
            Self::Text => f.write_str("text"),
            Self::Object(k) => write!(f, "object_{k}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_objects_count_from_one() {
        for name in ["last", "image", "text", "object_1", "object_12"] {
            assert_eq!(Group::try_from(name.to_string()).unwrap().to_string(), name);
        }
        assert!(Group::try_from("object_0".to_string()).is_err());
        assert!(Group::try_from("objekt_1".to_string()).unwrap_err().contains("object_1"));
    }
}
