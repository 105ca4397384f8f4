//! Ctrl-C: while a recording runs, the first finishes the shard at hand; any other ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};

static RECORDING: AtomicBool = AtomicBool::new(false);
static PRESSED: AtomicBool = AtomicBool::new(false);

/// Runs a recording that stops after the shard at hand when the flag is set, which Ctrl-C does.
pub(super) fn stoppable<T>(recording: impl FnOnce(&AtomicBool) -> T) -> T {
    let handler = || {
        if !RECORDING.load(Ordering::Relaxed) || PRESSED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nfinishing the shard at hand; press Ctrl-C again to stop at once");
    };
    RECORDING.store(true, Ordering::Relaxed);
    if let Err(error) = ctrlc::set_handler(handler) {
        tracing::warn!("Ctrl-C will kill at once: {error}");
    }
    let done = recording(&PRESSED);
    RECORDING.store(false, Ordering::Relaxed);
    done
}

/// Whether Ctrl-C was pressed while the last shard was recorded, when there was nothing left to stop.
pub(super) fn was_pressed() -> bool {
    PRESSED.load(Ordering::Relaxed)
}
