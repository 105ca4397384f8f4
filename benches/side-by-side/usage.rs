//! What a process has used.

/// Processor seconds of all of this process's threads so far, in user and in kernel mode.
#[cfg(unix)]
pub fn cpu_seconds() -> f64 {
    // SAFETY: `getrusage` writes a plain struct that is ours.
    #[allow(unsafe_code)]
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + 1e-6 * time.tv_usec as f64;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

#[cfg(not(unix))]
pub fn cpu_seconds() -> f64 {
    f64::NAN
}

/// A line of `/proc/self/status`, in bytes: `VmHWM`, the most memory held so far; `VmRSS`, what is held now. 0 where there is
/// no such file.
pub fn memory(line: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = text.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(':')?.trim().strip_suffix(" kB"));
    found.and_then(|number| number.trim().parse::<u64>().ok()).map_or(0, |kilobytes| 1024 * kilobytes)
}
