//! Reading the text of `INFO`, and of `CLUSTER INFO`, which has the same form.

use std::collections::HashMap;

const OLDEST_MAJOR: u32 = 7;

/// Its fields by name.
pub(super) fn fields(info: &str) -> HashMap<&str, &str> {
    info.lines().filter_map(|line| line.split_once(':')).collect()
}

/// What is wrong with the version, if anything is.
pub(super) fn version_fault(info: &str) -> Option<String> {
    let version = *fields(info).get("redis_version")?;
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
