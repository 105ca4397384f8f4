//! The frames: what each column holds. Every reader and writer of the crate means this.
//!
#![doc = include_str!("../../docs/frames.md")]

use polars::prelude::*;

use super::asked::Spot;
use super::plan::{HiddenFrame, Plan};
use super::recorded::{AttentionRow, FrameMap, HiddenBlock, Recorded};
use super::shares::Shares;
use crate::dataset::{Familiarity, Object};
use crate::error::{Error, Result};
use crate::processor::{Patch, shown};
use crate::study::Precision;

/// One of the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    Items,
    Attention,
    /// Attention from frames to frames.
    CrossFrame,
    /// Of one site.
    Hidden(Spot),
}

impl Frame {
    /// The name of its file in the folder of frames, without ending: `items`, `hidden/lm.0.resid`.
    pub fn name(self) -> String {
        match self {
            Self::Items => "items".into(),
            Self::Attention => "attention".into(),
            Self::CrossFrame => "cross_frame".into(),
            Self::Hidden(spot) => format!("hidden/{spot}"),
        }
    }

    /// These items' rows.
    pub(super) fn rows(self, recorded: &[Recorded], plan: &Plan) -> Result<DataFrame> {
        match self {
            Self::Items => items(recorded, plan.objects),
            Self::Attention => attention(recorded, plan.objects),
            Self::CrossFrame => cross_frame(recorded),
            Self::Hidden(spot) => match plan.hidden_frame(spot) {
                Some(frame) => hidden(recorded, frame),
                None => Ok(DataFrame::empty()),
            },
        }
        .map_err(|error| Error::data(format!("the {} frame: {error}", self.name())))
    }
}

fn items(recorded: &[Recorded], objects: usize) -> PolarsResult<DataFrame> {
    let text = |name: &str, of: &dyn Fn(&Recorded) -> &str| Column::new(name.into(), each(recorded, of));
    let some_text = |name: &str, of: &dyn Fn(&Recorded) -> Option<String>| Column::new(name.into(), each(recorded, of));
    // What nobody has seen has no size, rather than one of 0.
    let known = |one: &&Recorded| one.geometry.is_known();
    let count = |name: &str, of: &dyn Fn(&Recorded) -> u32| {
        Column::new(name.into(), each(recorded, |one| Some(one).filter(known).map(of)))
    };
    let pixel = |name: &str, of: &dyn Fn(&Recorded) -> f64| {
        Column::new(name.into(), each(recorded, |one| Some(one).filter(known).map(of)))
    };
    let mut columns = vec![
        text("item", &|one| &one.item.id),
        text("dataset", &|one| &one.dataset),
        text("image", &|one| &one.item.image),
        count("image_width", &|one| one.geometry.image_width),
        count("image_height", &|one| one.geometry.image_height),
        text("question", &|one| &one.item.question),
        text_lists("options", recorded.iter().map(|one| one.item.options.as_slice())),
        Column::new("gold".into(), each(recorded, |one| one.item.right())),
        some_text("relation", &|one| one.item.relation.clone()),
        some_text("familiarity", &|one| one.item.familiarity.map(|familiarity| name_of(familiarity).into())),
        text("answer", &|one| &one.answer.text),
        some_text("generated", &|one| one.answer.generated.clone()),
        number_lists::<Float32Type>("p_options", recorded.iter().map(|one| one.answer.p_options.clone())),
        Column::new("confidence".into(), each(recorded, |one| one.answer.confidence)),
        Column::new("correct".into(), each(recorded, |one| one.answer.correct)),
        some_text("pair", &|one| one.item.pair.clone()),
        some_text("set", &|one| one.item.set.clone()),
        count("grid_rows", &|one| one.geometry.grid.rows as u32),
        count("grid_cols", &|one| one.geometry.grid.cols as u32),
        count("moments", &|one| one.moments as u32),
        pixel("seen_x1", &|one| one.geometry.seen.x1),
        pixel("seen_y1", &|one| one.geometry.seen.y1),
        pixel("seen_x2", &|one| one.geometry.seen.x2),
        pixel("seen_y2", &|one| one.geometry.seen.y2),
    ];
    for k in 0..objects {
        columns.extend(object_columns(recorded, k));
    }
    DataFrame::new(recorded.len(), columns)
}

/// `object_{k + 1}` and what belongs to it.
fn object_columns(recorded: &[Recorded], k: usize) -> Vec<Column> {
    let name = format!("object_{}", k + 1);
    // Where the grid shows it: of a video, in all of its frames.
    let object = |one: &Recorded| -> Option<Object> {
        let object = one.item.objects.get(k)?;
        Some(Object::new(object.name.clone(), shown(object, &one.geometry, one.moments)))
    };
    let flat = |object: Object| object.boxes.iter().flat_map(|b| [b.x1, b.y1, b.x2, b.y2]).collect::<Vec<_>>();
    let visible: Vec<Option<f64>> = each(recorded, |one| {
        let object = object(one).filter(|object| !object.boxes.is_empty())?;
        Some(one.geometry.visible_union(&object.boxes))
    });
    let outside: Vec<Option<bool>> = visible.iter().map(|share| share.map(|share| share < 1.0)).collect();
    let metres: Vec<Option<f64>> = each(recorded, |one| one.item.objects.get(k)?.metres);
    // Known of few datasets.
    let away = metres.iter().any(Option::is_some).then(|| Column::new(format!("{name}_metres").into(), metres));
    let columns = [
        Column::new(name.as_str().into(), each(recorded, |one| object(one).map(|object| object.name))),
        number_lists::<Float64Type>(
            &format!("{name}_boxes"),
            recorded.iter().map(|one| Some(object(one).map_or(Vec::new(), flat))),
        ),
        Column::new(format!("{name}_visible").into(), visible),
        Column::new(format!("{name}_outside").into(), outside),
    ];
    columns.into_iter().chain(away).collect()
}

fn attention(recorded: &[Recorded], objects: usize) -> PolarsResult<DataFrame> {
    let rows: Vec<(&str, &AttentionRow)> =
        recorded.iter().flat_map(|one| one.attention.iter().map(|row| (one.item.id.as_str(), row))).collect();
    let share =
        |name: &str, of: &dyn Fn(&Shares) -> f32| Column::new(name.into(), each(&rows, |(_, row)| of(&row.shares)));
    let some_share = |name: &str, of: &dyn Fn(&Shares) -> Option<f32>| {
        Column::new(name.into(), each(&rows, |(_, row)| of(&row.shares)))
    };
    let mut columns = vec![
        Column::new("item".into(), each(&rows, |(item, _)| *item)),
        Column::new("layer".into(), each(&rows, |(_, row)| row.layer)),
        Column::new("head".into(), each(&rows, |(_, row)| row.head)),
        Column::new("query".into(), vec!["last"; rows.len()]),
        share("bos", &|shares| shares.bos),
        share("image", &|shares| shares.image),
        share("text", &|shares| shares.text),
        share("last", &|shares| shares.last),
        some_share("background", &|shares| shares.background),
    ];
    for k in 0..objects {
        columns.push(some_share(&format!("object_{}", k + 1), &|shares| shares.objects.get(k).copied().flatten()));
    }
    columns.push(some_share("objects", &|shares| shares.union));
    columns.push(vectors("row", rows.iter().map(|(_, row)| row.patches.as_slice()))?);
    DataFrame::new(rows.len(), columns)
}

fn cross_frame(recorded: &[Recorded]) -> PolarsResult<DataFrame> {
    let maps: Vec<(&str, &FrameMap)> =
        recorded.iter().flat_map(|one| one.cross_frame.iter().map(|map| (one.item.id.as_str(), map))).collect();
    // Item, map, query frame, key frame.
    let cells = || {
        maps.iter().flat_map(|(item, map)| {
            (0..map.frames * map.frames).map(move |cell| (*item, *map, cell / map.frames, cell % map.frames))
        })
    };
    let number = |name: &str, of: &dyn Fn(&FrameMap, usize, usize) -> i16| {
        Column::new(name.into(), cells().map(|(_, map, query, key)| of(map, query, key)).collect::<Vec<i16>>())
    };
    let columns = vec![
        Column::new("item".into(), cells().map(|(item, ..)| item).collect::<Vec<_>>()),
        number("layer", &|map, _, _| map.layer),
        number("head", &|map, _, _| map.head),
        number("query_frame", &|_, query, _| query as i16),
        number("key_frame", &|_, _, key| key as i16),
        Column::new("share".into(), maps.iter().flat_map(|(_, map)| map.shares.iter().copied()).collect::<Vec<f32>>()),
    ];
    DataFrame::new(cells().count(), columns)
}

fn hidden(recorded: &[Recorded], frame: &HiddenFrame) -> PolarsResult<DataFrame> {
    let blocks = recorded.iter().flat_map(|one| one.hidden.iter().map(|block| (one.item.id.as_str(), block)));
    let blocks: Vec<(&str, &HiddenBlock)> = blocks.filter(|(_, block)| block.spot == frame.spot).collect();
    let rows = || blocks.iter().flat_map(|(item, block)| block.rows.iter().map(move |row| (*item, *block, row)));
    let cell = |name: &str, of: fn(Patch) -> usize| {
        let cells: Vec<Option<i16>> = rows().map(|(.., (_, cell))| cell.map(|cell| of(cell) as i16)).collect();
        Column::new(name.into(), cells)
    };
    let columns = vec![
        Column::new("item".into(), rows().map(|(item, ..)| item).collect::<Vec<_>>()),
        Column::new("variant".into(), rows().map(|(_, block, _)| block.variant.to_string()).collect::<Vec<_>>()),
        Column::new("group".into(), rows().map(|(.., (group, _))| group.to_string()).collect::<Vec<_>>()),
        cell("cell_row", |cell| cell.row),
        cell("cell_col", |cell| cell.col),
        states(frame, blocks.iter().flat_map(|(_, block)| &block.vectors).copied().collect())?,
    ];
    DataFrame::new(rows().count(), columns)
}

/// The column of the vectors, `[rows * width]`.
fn states(frame: &HiddenFrame, numbers: Vec<f32>) -> PolarsResult<Column> {
    let dtype = match frame.dtype {
        Precision::F32 => DataType::Float32,
        Precision::F16 => DataType::Float16,
    };
    if numbers.is_empty() {
        return Ok(Column::new_empty("vector".into(), &DataType::Array(Box::new(dtype), frame.width)));
    }
    let shape = [ReshapeDimension::Infer, ReshapeDimension::new(frame.width as i64)];
    Ok(Series::new("vector".into(), numbers).cast(&dtype)?.reshape_array(&shape)?.into_column())
}

fn name_of(familiarity: Familiarity) -> &'static str {
    match familiarity {
        Familiarity::Familiar => "familiar",
        Familiarity::Unfamiliar => "unfamiliar",
    }
}

fn each<'a, T, V>(rows: &'a [T], of: impl Fn(&'a T) -> V) -> Vec<V> {
    rows.iter().map(of).collect()
}

fn text_lists<'a>(name: &str, lists: impl Iterator<Item = &'a [String]>) -> Column {
    let mut builder = ListStringChunkedBuilder::new(name.into(), 0, 0);
    for list in lists {
        builder.append_values_iter(list.iter().map(String::as_str));
    }
    builder.finish().into_column()
}

fn number_lists<T: PolarsNumericType>(name: &str, lists: impl Iterator<Item = Option<Vec<T::Native>>>) -> Column {
    let mut builder = ListPrimitiveChunkedBuilder::<T>::new(name.into(), 0, 0, T::get_static_dtype());
    for list in lists {
        builder.append_opt_slice(list.as_deref());
    }
    builder.finish().into_column()
}

/// A fixed-size array column; all vectors must be equally long.
fn vectors<'a>(name: &str, vectors: impl Iterator<Item = &'a [f32]> + Clone) -> PolarsResult<Column> {
    let width = vectors.clone().next().map_or(0, <[f32]>::len);
    if let Some(other) = vectors.clone().find(|vector| vector.len() != width) {
        polars_bail!(ShapeMismatch: "`{name}` has vectors of {width} and of {} numbers; they must be equally long", other.len());
    }
    let flat: Vec<f32> = vectors.flatten().copied().collect();
    Column::new(name.into(), flat).reshape_array(&[ReshapeDimension::Infer, ReshapeDimension::new(width as i64)])
}
