//! A run folder to `report.html` and `summary.md`.

pub fn write(_: &crate::study::RunFolder) -> crate::error::Result<()> {
    Ok(())
}
