//! How many connections this process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::commands::client::Failure;

/// Standard streams, the runtime's own, and room to spare.
const OTHERS: u64 = 64;

/// Sees to it that so many connections can be open, or says what is in the way.
pub(super) fn allow(connections: usize) -> Result<(), Failure> {
    let needed = connections as u64 + OTHERS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit is none.
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if maximum.is_none_or(|maximum| maximum >= needed)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).is_ok()
    {
        return Ok(());
    }
    let most = maximum.or(current).unwrap_or_default();
    Err(Failure::Wrong(format!(
        "this takes {needed} file descriptors and a process may have {most} here: raise the limit (ulimit -Hn), or \
         take fewer --connections or --workers"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_is_told_before_anything_begins() {
        assert!(allow(1).is_ok());
        let Err(Failure::Wrong(why)) = allow(usize::try_from(i64::MAX).unwrap()) else {
            // Only where there is no limit at all.
            assert!(getrlimit(Resource::Nofile).maximum.is_none());
            return;
        };
        assert!(why.contains("file descriptors"), "{why}");
    }
}
