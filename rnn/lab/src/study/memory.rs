//! Whether something fits into memory, asked before it is tried.

use rnn::model::ModelError;

/// Layers that are counted one by one.
pub(super) const LAYERS: usize = 16;

/// Refuses what needs more bytes than are free.
///
/// # Errors
/// [`ModelError::Range`], with the number of bytes.
pub(super) fn fits(bytes: f64) -> Result<(), ModelError> {
    // Twice what was counted, so that the rest of the machine lives on.
    if 2.0 * bytes <= free() {
        return Ok(());
    }
    Err(ModelError::Range {
        what: "the memory that this check takes",
        found: format!("about {:.0} GB", (bytes / 1e9).max(1.0)),
        need: "at most half of what is free: take fewer hidden units, layers, steps or sequences",
    })
}

/// The bytes that are free: as Linux tells, or else 16 GB.
fn free() -> f64 {
    let told = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok()
    });
    told.map_or(16e9, |kilobytes| 1024.0 * kilobytes)
}
