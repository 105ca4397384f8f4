//! `report.html`: one file that needs nothing beside it, no script, and prints well.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use minijinja::{Environment, Value, context};

use super::{Report, page};
use crate::error::{Error, Result};
use crate::figure::font::{self, FAMILY, Weight};

const TEMPLATE: &str = include_str!("report.html");

/// The report as HTML; `pictures` holds the PNG of each drawing that has one.
pub fn render(report: &Report, pictures: &[Option<Vec<u8>>]) -> Result<String> {
    let encoded = pictures.iter().map(|picture| picture.as_ref().map(|bytes| BASE64.encode(bytes)));
    let faces = [(Weight::Regular, "400"), (Weight::Bold, "600 700")].map(|(weight, range)| {
        context! { family => FAMILY, weight => range, data => BASE64.encode(font::file(weight)) }
    });
    let pictures: Vec<Value> = encoded.map(Value::from).collect();
    let page = context! { faces => faces.to_vec(), pictures, ..page::context(report) };
    let mut environment = Environment::new();
    environment
        .add_template("report.html", TEMPLATE)
        .and_then(|()| environment.get_template("report.html")?.render(page))
        .map_err(|problem| Error::data(format!("cannot lay out report.html: {problem}")))
}
