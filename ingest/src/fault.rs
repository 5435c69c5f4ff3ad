//! Named fault points for the kill tests: `DAVY_FAULT=<name>:<n>` stops the process (SIGSTOP) at the nth pass, so
//! that an outside judge can kill it exactly there. Compiled in with feature `faults` only. I/O.

/// Marks a place where a test may want to kill us. Nothing at all without the feature.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub fn point(_name: &str) {}

/// Marks a place where a test may want to kill us.
#[cfg(feature = "faults")]
pub fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSES: AtomicU64 = AtomicU64::new(0);
    let wanted = WANTED.get_or_init(|| {
        let setting = std::env::var("DAVY_FAULT").ok()?;
        let (name, nth) = setting.rsplit_once(':')?;
        Some((name.to_owned(), nth.parse().ok()?))
    });
    let Some((wanted_name, nth)) = wanted else { return };
    if wanted_name == name && PASSES.fetch_add(1, Ordering::SeqCst).saturating_add(1) == *nth {
        eprintln!("fault point {name} reached for the {nth}th time: stopping");
        if let Err(e) = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP) {
            eprintln!("could not stop at the fault point: {e}");
        }
    }
}
