//! What a user should know about a dataset's items before believing a number.

/// One remark and the items that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub about: String,
    /// Their ids, in the order of the dataset.
    pub items: Vec<String>,
}

/// How many items a line of text names.
const NAMED: usize = 8;

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (count, more) = (self.items.len(), self.items.len().saturating_sub(NAMED));
        let named = self.items[..count - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let noun = if count == 1 { "item" } else { "items" };
        write!(f, "{}: {count} {noun} ({named}{more})", self.about)
    }
}

/// Remarks by what they say, in the order in which they first came up.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub(super) fn add(&mut self, about: &str, item: &str) {
        match self.0.iter_mut().find(|note| note.about == about) {
            Some(note) => note.items.push(item.to_string()),
            None => self.0.push(Note { about: about.to_string(), items: vec![item.to_string()] }),
        }
    }

    /// Those about the items that are kept.
    pub(super) fn about(self, kept: impl Fn(&str) -> bool) -> Vec<Note> {
        let keep = |mut note: Note| {
            note.items.retain(|item| kept(item));
            (!note.items.is_empty()).then_some(note)
        };
        self.0.into_iter().filter_map(keep).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_gathered_by_what_they_say() {
        let mut notes = Notes::default();
        notes.add("no box", "a");
        notes.add("swapped", "b");
        (0..10).for_each(|item| notes.add("no box", &item.to_string()));
        let notes = notes.about(|item| item != "b");
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].to_string(), "no box: 11 items (a, 0, 1, 2, 3, 4, 5, 6 and 3 more)");
        assert_eq!(Note { about: "x".into(), items: vec!["i".into()] }.to_string(), "x: 1 item (i)");
    }
}
