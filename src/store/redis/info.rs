//! Reading the text of `INFO`, and of `CLUSTER INFO`, which has the same form.

use std::collections::HashMap;

const OLDEST_MAJOR: u32 = 7;

/// Its fields by name.
pub(super) fn fields(info: &str) -> HashMap<&str, &str> {
    info.lines().filter_map(|line| line.split_once(':')).collect()
}

/// What is wrong with the program that answers, if anything is.
pub(super) fn version_fault(info: &str) -> Option<String> {
    let fields = fields(info);
    // The scripts print generations with C's `long`.
    if fields.get("arch_bits").is_some_and(|bits| *bits == "32") {
        return Some("is a Redis of 32 bits; one of 64 is needed".to_owned());
    }
    let version = *fields.get("redis_version")?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (major < OLDEST_MAJOR).then(|| format!("is Redis {version}; 7.0 or newer is needed"))
}

/// Which process this is and in which of its histories. Both ids, because a primary that was demoted and promoted
/// again is the same process, and has forgotten what its replica did not know.
pub(super) fn run_of(info: &str) -> String {
    let info = fields(info);
    let id = |name: &str| info.get(name).copied().unwrap_or_default();
    format!("{}/{}", id("run_id"), id("master_replid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_of_32_bits_and_one_too_old_are_refused() {
        assert_eq!(version_fault("redis_version:7.0.15\r\narch_bits:64\r\n"), None);
        assert!(version_fault("redis_version:7.0.15\r\narch_bits:32\r\n").is_some());
        assert!(version_fault("redis_version:6.2.1\r\narch_bits:64\r\n").is_some());
        assert_eq!(version_fault(""), None, "who does not say is taken at its word");
    }
}
