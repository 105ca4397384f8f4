//! The exact command, quoted for a shell.

/// This program's command line; its first word is the program's plain name.
pub(super) fn command_line() -> String {
    quoted(std::env::args().skip(1))
}

/// The command that goes on where this one was interrupted.
pub(super) fn with_resume(command: &str) -> String {
    if command.split(' ').any(|word| word == "--resume") { command.into() } else { format!("{command} --resume") }
}

fn quoted(words: impl Iterator<Item = String>) -> String {
    let words = words.map(|word| quote(&word));
    std::iter::once("vlmscope".to_string()).chain(words).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_spaces_and_quotes_survive_a_shell() {
        let words = ["run", "my study.toml", "--out=runs/a", "it's", ""].map(String::from);
        let command = quoted(words.into_iter());
        assert_eq!(command, r"vlmscope run 'my study.toml' --out=runs/a 'it'\''s' ''");
        assert_eq!(with_resume(&with_resume("vlmscope run a.toml")), "vlmscope run a.toml --resume");
    }
}
