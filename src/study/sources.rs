//! Where the items come from: one dataset, or several one after the other.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// References of datasets, at least one. In a study file a string, or a list of strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources(Vec<String>);

impl Sources {
    /// None where the list is empty.
    pub fn new(references: Vec<String>) -> Option<Self> {
        (!references.is_empty()).then_some(Self(references))
    }

    pub fn references(&self) -> &[String] {
        &self.0
    }
}

impl From<&str> for Sources {
    fn from(reference: &str) -> Self {
        Self(vec![reference.to_owned()])
    }
}

impl std::fmt::Display for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl Serialize for Sources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [only] => only.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringOrList)
    }
}

struct StringOrList;

impl<'de> Visitor<'de> for StringOrList {
    type Value = Sources;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name or path of a dataset, or a list of them")
    }

    fn visit_str<E: Error>(self, reference: &str) -> Result<Sources, E> {
        Ok(reference.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Sources, A::Error> {
        let mut references = Vec::new();
        while let Some(reference) = list.next_element()? {
            references.push(reference);
        }
        Sources::new(references).ok_or_else(|| A::Error::invalid_length(0, &self))
    }
}

#[cfg(test)]
mod tests {
    use crate::study::DatasetChoice;

    #[test]
    fn a_string_or_a_list() {
        let read = |text: &str| toml::from_str::<DatasetChoice>(text);
        for (text, references) in [("\"a\"", vec!["a"]), ("[\"a\", \"b\"]", vec!["a", "b"])] {
            let choice = read(&format!("source = {text}")).unwrap();
            assert_eq!(choice.source.references(), references);
            assert_eq!(read(&toml::to_string(&choice).unwrap()).unwrap(), choice);
        }
        for wrong in ["3", "[]", "[3]"] {
            let error = read(&format!("source = {wrong}")).unwrap_err().to_string();
            assert!(error.contains("dataset") || error.contains("string"), "{error}");
        }
    }
}
