//! Rows of the scaling frame: what the model answers when its attention to the image is scaled.

use polars::prelude::*;

use super::watch::Look;
use crate::error::{Error, Result};

/// One item under one scaling.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScalingRow {
    /// The intervention's name in the study; "recorded" where another program scaled.
    pub design: String,
    pub item: String,
    /// The cluster.
    pub image: String,
    /// "none", "raw", "temperature", "mass".
    pub operator: String,
    pub alpha: f64,
    /// "adaptvis" where the model computed as the released code does.
    pub compat: Option<String>,
    /// The option that is answered.
    pub answered: Option<String>,
    /// Greedy text, where it was asked for.
    pub text: Option<String>,
    /// The largest probability in the vocabulary at the first answer token.
    pub confidence: Option<f32>,
    /// Of each option.
    pub p: Option<Vec<f32>>,
    pub look: Option<Look>,
    pub map_layer: Option<i16>,
}

/// The `scaling` frame.
///
/// # Errors
/// None that rows of one run can cause.
pub fn frame(rows: &[ScalingRow]) -> Result<DataFrame> {
    let look = |of: fn(&Look) -> &Vec<f32>| rows.iter().map(move |row| row.look.as_ref().map(|look| of(look).clone()));
    let map = rows.iter().map(|row| row.look.as_ref().map(|look| look.map.clone()).filter(|map| !map.is_empty()));
    let columns = vec![
        column("design", rows, |row| row.design.clone()),
        column("item", rows, |row| row.item.clone()),
        column("image", rows, |row| row.image.clone()),
        column("operator", rows, |row| row.operator.clone()),
        column("alpha", rows, |row| row.alpha),
        column("compat", rows, |row| row.compat.clone()),
        column("answered", rows, |row| row.answered.clone()),
        column("text", rows, |row| row.text.clone()),
        column("confidence", rows, |row| row.confidence),
        lists("p", rows.iter().map(|row| row.p.clone())),
        lists("image_share", look(|look| &look.image_share)),
        lists("entropy", look(|look| &look.entropy)),
        column("map_layer", rows, |row| row.map_layer),
        lists("map", map),
    ];
    DataFrame::new(rows.len(), columns).map_err(|error| Error::data(format!("the scaling frame: {error}")))
}

fn column<V, P: ?Sized>(name: &str, rows: &[ScalingRow], of: impl Fn(&ScalingRow) -> V) -> Column
where
    Series: NamedFrom<Vec<V>, P>,
{
    Series::new(name.into(), rows.iter().map(of).collect::<Vec<V>>()).into_column()
}

fn lists(name: &str, lists: impl Iterator<Item = Option<Vec<f32>>>) -> Column {
    let mut builder = ListPrimitiveChunkedBuilder::<Float32Type>::new(name.into(), 0, 0, DataType::Float32);
    lists.for_each(|list| builder.append_opt_slice(list.as_deref()));
    builder.finish().into_column()
}
