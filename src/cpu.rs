//! Time on a processor: what a measurement means on a machine that others use too.

/// How long this thread has been on a CPU, in ns, where the system says so.
pub fn on_cpu() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
