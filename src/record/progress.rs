//! The progress bar of a recording: items, items a second, time left, bytes. Hidden where nobody watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const TEMPLATE: &str = "{bar:32} {pos}/{len} items  {per_sec}  {eta} left  {msg}";

/// A progress bar on standard error.
#[derive(Clone, Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Shown if standard error is a terminal.
    pub fn on_terminal() -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style))
    }

    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Begins with `done` of `items` already there.
    pub(crate) fn start(&self, items: usize, done: usize) {
        self.0.set_length(items as u64);
        self.0.set_position(done as u64);
        // The speed is that of this run, not of what an earlier one left.
        self.0.reset_eta();
    }

    pub(crate) fn advance(&self, items: usize) {
        self.0.inc(items as u64);
    }

    pub(crate) fn note(&self, text: String) {
        self.0.set_message(text);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
