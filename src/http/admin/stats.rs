//! `GET /api/admin/stats`: the whole system in figures, and how they went.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{NodeId, Reason, Timestamp};
use crate::enforcer::{KnownNode, Sample};
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::openapi::CallerRefusals;
use crate::http::problem::Problem;

/// The whole system, at most 2 s old. Totals are of the nodes that have reported in the last 24 h, since each started,
/// of more than 256 of those that reported last.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stats {
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// Live ones, exactly; at most 5 s old.
    sessions: u64,
    /// On the nodes that are alive.
    connections: u64,
    logins_total: u64,
    takeovers_total: u64,
    kicks_total: u64,
    /// Ended by idleness or at their absolute end, as far as a node ended them.
    expiries_total: u64,
    per_s: Rates,
    /// Of more than 64 nodes only those that reported last have points.
    nodes: Vec<NodeFigures>,
}

/// Over the last two samples of the nodes that are alive.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Rates {
    logins: f64,
    takeovers: f64,
}

/// One node's figures over time.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeFigures {
    #[schema(value_type = String)]
    node: NodeId,
    name: String,
    alive: bool,
    /// One sample every 10 s, for an hour, oldest first.
    recent: Vec<Point>,
    /// One every 5 min, for a day, oldest first.
    coarse: Vec<Point>,
}

/// The figures of one moment.
#[derive(Serialize, ToSchema)]
pub(crate) struct Point {
    #[schema(value_type = String, format = DateTime)]
    t: Timestamp,
    connections: u64,
    /// With a connection on the node.
    sessions: u64,
    /// Since the node started.
    logins: u64,
    /// Since the node started.
    takeovers: u64,
    /// Since the sample before; null for the first one.
    logins_per_s: Option<f64>,
    takeovers_per_s: Option<f64>,
    /// Of the takeovers in the 10 s before, from the store's decision to the socket; null where there was none.
    takeover_p50_us: Option<u32>,
    takeover_p99_us: Option<u32>,
}

/// Show the figures
///
/// Of the whole system and of each node, now and over time.
#[utoipa::path(
    get, path = "/api/admin/stats", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "The figures", body = Stats), CallerRefusals),
)]
pub(crate) async fn show_stats(State(app): State<App>, _: AuditCaller) -> Result<Json<Stats>, Problem> {
    let (census, figures_of) = tokio::try_join!(app.enforcer.active_sessions(), app.enforcer.figures())?;
    let (now, nodes) = &*figures_of;
    let ended = |reasons: &[Reason]| -> u64 {
        let of =
            |node: &KnownNode| reasons.iter().filter_map(|reason| node.report.ended.get(reason)).sum::<u64>();
        nodes.iter().map(of).sum()
    };
    let alive = || nodes.iter().filter(|node| node.is_alive);
    Ok(Json(Stats {
        now: *now,
        sessions: census.count,
        connections: alive().map(|node| node.report.figures.connections).sum(),
        logins_total: nodes.iter().map(|node| node.report.figures.logins).sum(),
        takeovers_total: ended(&[Reason::Takeover]),
        kicks_total: ended(&[Reason::Kicked]),
        expiries_total: ended(&[Reason::Idle, Reason::Expired]),
        per_s: alive().fold(Rates::default(), |sum, node| {
            let [.., before, last] = &node.recent[..] else { return sum };
            let (logins, takeovers) = rates(before, last);
            Rates { logins: sum.logins + logins, takeovers: sum.takeovers + takeovers }
        }),
        nodes: nodes.iter().map(figures).collect(),
    }))
}

fn figures(node: &KnownNode) -> NodeFigures {
    NodeFigures {
        node: node.node,
        name: node.report.name.clone(),
        alive: node.is_alive,
        recent: points(&node.recent),
        coarse: points(&node.coarse),
    }
}

fn points(samples: &[(Timestamp, Sample)]) -> Vec<Point> {
    let mut before = None;
    let point = |timed: &(Timestamp, Sample)| {
        let rates = before.replace(timed.clone()).map(|before| rates(&before, timed));
        let (t, sample) = timed;
        Point {
            t: *t,
            connections: sample.connections,
            sessions: sample.sessions,
            logins: sample.logins,
            takeovers: sample.takeovers,
            logins_per_s: rates.map(|(logins, _)| logins),
            takeovers_per_s: rates.map(|(_, takeovers)| takeovers),
            takeover_p50_us: sample.takeover_p50_us,
            takeover_p99_us: sample.takeover_p99_us,
        }
    };
    samples.iter().map(point).collect()
}

/// Logins and takeovers a second between two samples of one node. A clock that was set back makes no rate.
fn rates((from, before): &(Timestamp, Sample), (to, after): &(Timestamp, Sample)) -> (f64, f64) {
    let ms = to.millis_since(*from);
    #[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^52")]
    let rate = |a: u64, b: u64| if ms == 0 { 0.0 } else { b.saturating_sub(a) as f64 * 1000.0 / ms as f64 };
    (rate(before.logins, after.logins), rate(before.takeovers, after.takeovers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_between_two_samples() {
        let sample = |at, logins| {
            (Timestamp::from_millis(at), Sample { logins, takeovers: logins / 2, ..Sample::default() })
        };
        let points = points(&[sample(0, 10), sample(10_000, 30), sample(10_000, 40), sample(9_000, 50)]);
        let rates: Vec<_> = points.iter().map(|point| (point.logins_per_s, point.takeovers_per_s)).collect();
        assert_eq!(rates[..2], [(None, None), (Some(2.0), Some(1.0))]);
        assert_eq!(rates[2..], [(Some(0.0), Some(0.0)); 2], "no time, and time that went back");
    }
}
