//! Measures the memory of this process.

use base::progress::Memory;

/// Returns the memory in use now; that of the GPU is unknown.
pub(crate) fn memory() -> Memory {
    Memory { resident: resident().unwrap_or(0), gpu: None }
}

/// Returns the resident bytes that the kernel reports.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_some() {
        assert!(memory().resident > 1 << 20);
    }
}
