//! `summary.md`: the report's text, with the figures beside it as files.

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;

use super::{Report, page};
use crate::error::{Error, Result};

const TEMPLATE: &str = include_str!("summary.md");

/// The report as Markdown.
pub fn render(report: &Report) -> Result<String> {
    let failed = |problem| Error::data(format!("cannot lay out summary.md: {problem}"));
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).build().map_err(failed)?);
    environment
        .add_template("summary.md", TEMPLATE)
        .and_then(|()| environment.get_template("summary.md")?.render(page::context(report)))
        .map_err(failed)
}
