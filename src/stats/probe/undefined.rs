//! Why a number does not exist.

/// A probe that cannot be fitted, or a statistic that says nothing, with the reason a table prints in its place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Undefined {
    #[error("no rows")]
    NoRows,
    #[error("{labels} labels and {groups} groups for {rows} rows")]
    Lengths { rows: usize, labels: usize, groups: usize },
    #[error("label {label} where there are {classes} classes")]
    UnknownClass { label: usize, classes: usize },
    #[error("the training rows have one class only")]
    OneClass,
    #[error("the target does not vary")]
    ConstantTarget,
    #[error("no feature varies over the training rows")]
    ConstantFeatures,
    #[error("a feature is NaN or infinite in row {row}")]
    NonFinite { row: usize },
    #[error("{groups} images for {folds} folds; there must be at least as many images as folds, and two of each")]
    TooFewGroups { groups: usize, folds: usize },
    #[error("image {group} stands on both sides of a fold")]
    Straddles { group: usize },
    #[error("a fold without training or test rows")]
    EmptyFold,
    #[error("lambda {lambda}: it must be positive and finite, and there must be at least one")]
    Lambda { lambda: f64 },
    #[error(
        "the fit did not converge: gradient norm {gradient:.1e} at lambda {lambda:.0e}, {tolerance:.0e} is asked for"
    )]
    NotConverged { gradient: f64, lambda: f64, tolerance: f64 },
    #[error("the principal axes of the features could not be found")]
    NoAxes,
    #[error("no permutation of the labels differs from the labels")]
    NothingToPermute,
}
