//! Errors as the user sees them: what, where, what to do.

use std::fmt;
use std::io::IsTerminal;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::error::Error;

/// Prints an error to standard error, with the offending line where it is about a text.
pub(super) fn print(error: &Error) {
    if let Error::Interrupted { resume } = error {
        eprintln!("{error}\ngo on with:\n  {resume}");
        return;
    }
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).without_cause_chain().with_wrap_lines(false);
    let mut text = String::new();
    match handler.render_report(&mut text, &Shown::new(error)) {
        Ok(()) => eprint!("{text}"),
        Err(fmt::Error) => eprintln!("error: {error}"),
    }
}

/// Lets a reader that closes the pipe early, such as `head`, end the program without a panic's noise.
pub(super) fn be_quiet_about_closed_pipes() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("failed printing to stdout") && message.contains("Broken pipe") {
            std::process::exit(0);
        }
        loud(panic);
    }));
}

/// An error with what miette wants to know about it.
struct Shown<'a> {
    error: &'a Error,
    text: Option<NamedSource<String>>,
}

impl<'a> Shown<'a> {
    fn new(error: &'a Error) -> Self {
        let text = match error {
            Error::Text { path, text, .. } => Some(NamedSource::new(path.display().to_string(), text.clone())),
            _ => None,
        };
        Self { error, text }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.error, f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error, f)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.help().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_ref().map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        match self.error {
            Error::Text { span, .. } => Some(Box::new(std::iter::once(LabeledSpan::underline(span.clone())))),
            _ => None,
        }
    }
}
