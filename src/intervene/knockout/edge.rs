//! Edges of attention: from the positions that are read to those that read them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::intervene::{Prompt, Region};
use crate::model::Site;

/// `image->last`: what the last position reads of the image. A [`Region`] on either side, or `other_text`, the question and
/// the template without the objects' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Edge {
    /// Keys: the positions that are read.
    pub from: End,
    /// Queries: the positions that read.
    pub to: End,
}

/// One side of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    Region(Region),
    OtherText,
}

/// Which keys each query of one prompt must not see: pairs of query and key, by query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked(Vec<(usize, Vec<usize>)>);

impl Edge {
    /// What the edge blocks in a prompt; nothing where the prompt lacks either side. Keys behind a query, which a causal
    /// decoder hides anyway, are left out.
    pub fn blocked(self, prompt: &Prompt, pair: [usize; 2], seed: u64) -> Blocked {
        Blocked::new(&self.to.at(prompt, pair, seed), &self.from.at(prompt, pair, seed))
    }
}

impl End {
    /// Its positions in a prompt, ascending.
    pub fn at(self, prompt: &Prompt, pair: [usize; 2], seed: u64) -> Vec<usize> {
        // Attention runs over the whole prompt, as the residual stream does.
        let site = Site::LmResid(0);
        match self {
            Self::Region(region) => region.at(site, prompt, pair, seed),
            Self::OtherText => {
                let words: Vec<usize> = prompt.layout.words.iter().flatten().copied().collect();
                prompt.layout.text.iter().copied().filter(|at| !words.contains(at)).collect()
            }
        }
    }
}

impl Blocked {
    /// Every one of `queries` is kept from every one of `keys` at its own position or before.
    pub fn new(queries: &[usize], keys: &[usize]) -> Self {
        let row = |&query: &usize| (query, keys.iter().copied().filter(|&key| key <= query).collect::<Vec<_>>());
        Self(queries.iter().map(row).filter(|(_, keys)| !keys.is_empty()).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The queries that lose something, ascending.
    pub fn queries(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|(query, _)| *query)
    }

    /// The keys that a query must not see.
    pub fn keys(&self, query: usize) -> &[usize] {
        self.0.iter().find(|(known, _)| *known == query).map_or(&[], |(_, keys)| keys)
    }

    /// All keys that some query loses, ascending, each once.
    pub fn all_keys(&self) -> Vec<usize> {
        let mut keys: Vec<usize> = self.0.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// # Errors
    /// A query that would see nothing at all: its attention would be undefined.
    pub fn check(&self) -> Result<()> {
        match self.0.iter().find(|(query, keys)| keys.len() > *query) {
            None => Ok(()),
            Some((query, _)) => Err(Error::usage(format!(
                "blocking every position that position {query} can see leaves its attention undefined"
            ))
            .with_help("leave it the first position or its own: name smaller groups on the left of the arrow")),
        }
    }
}

impl TryFrom<String> for Edge {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        let Some((from, to)) = name.split_once("->") else {
            return Err(format!("`{name}` is not an edge; expected two groups as in `image->last`"));
        };
        let end = |name: &str| match name.trim() {
            "other_text" => Ok(End::OtherText),
            name => Region::try_from(name.to_string()).map(End::Region),
        };
        Ok(Self { from: end(from)?, to: end(to)? })
    }
}

impl From<Edge> for String {
    fn from(edge: Edge) -> Self {
        edge.to_string()
    }
}

impl std::fmt::Display for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}->{}", self.from, self.to)
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Region(region) => region.fmt(f),
            Self::OtherText => f.write_str("other_text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["image->last", "object->word", "other_text->last", "object_1->object_2", "last->last"] {
            assert_eq!(Edge::try_from(name.to_string()).unwrap().to_string(), name);
        }
        assert!(Edge::try_from("image".to_string()).unwrap_err().contains("`image->last`"));
        assert!(Edge::try_from("imge->last".to_string()).unwrap_err().contains("`image`"));
    }

    #[test]
    fn only_what_a_query_could_see_is_blocked() {
        let blocked = Blocked::new(&[1, 4], &[2, 3, 4, 5]);
        assert_eq!(blocked.queries().collect::<Vec<_>>(), [4]);
        assert_eq!((blocked.keys(4), blocked.keys(1)), (&[2, 3, 4][..], &[][..]));
        assert_eq!(blocked.all_keys(), [2, 3, 4]);
        assert!(blocked.check().is_ok());
        assert!(Blocked::new(&[7], &[]).is_empty());
    }

    #[test]
    fn a_row_that_would_be_empty_is_an_error() {
        let error = Blocked::new(&[3, 2], &[0, 1, 2]).check().unwrap_err();
        assert!(error.to_string().contains("position 2") && error.exit_code() == 2, "{error}");
    }
}
