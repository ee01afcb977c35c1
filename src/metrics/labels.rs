//! What counts are told apart by: the labels, and the values that they take. Invariant: each value is one of a few
//! words of ours; nothing that anybody sends becomes a label.

use prometheus_client::encoding::EncodeLabelSet;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ResultLabel {
    pub(super) result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabel {
    pub(super) kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReasonLabel {
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabel {
    pub(super) call: &'static str,
    pub(super) result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallNameLabel {
    pub(super) call: &'static str,
}

/// What can become of a login.
pub(super) const LOGINS: [&str; 7] =
    ["seated", "full", "disabled", "unavailable", "wrong", "braked", "overloaded"];
/// What a brake can refuse.
pub(super) const BRAKES: [&str; 2] = ["login", "api_key"];
/// How a node can leave a job.
pub(super) const JOBS: [&str; 5] = ["done", "stopped", "left", "put_off", "failed"];
/// What can become of a session that is told again.
pub(super) const RESTORED: [&str; 4] = ["live", "ended", "yielded", "too_old"];
/// How a renewal can end.
pub(super) const RENEWALS: [&str; 2] = ["ok", "failed"];
/// What can be damaged of the log and the jobs.
pub(super) const DAMAGED: [&str; 2] = ["event", "job"];
