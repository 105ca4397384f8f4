//! Ctrl-C: the first finishes the shard at hand, the second ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};

static PRESSED: AtomicBool = AtomicBool::new(false);

/// Set when Ctrl-C is pressed. From here on it no longer kills.
pub(super) fn on_ctrl_c() -> &'static AtomicBool {
    let handler = || {
        if PRESSED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nfinishing the shard at hand; press Ctrl-C again to stop at once");
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        tracing::warn!("Ctrl-C will kill at once: {error}");
    }
    &PRESSED
}
