//! `GET /api/admin/nodes`: who serves, and how each is doing.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{NodeId, Timestamp};
use crate::enforcer::KnownNode;
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::openapi::CallerRefusals;
use crate::http::problem::Problem;

#[derive(Serialize, ToSchema)]
pub(crate) struct NodeList {
    /// That have reported in the last 24 h, by name; of more than 256 those that reported last.
    nodes: Vec<NodeView>,
}

/// A node, as it last said of itself.
#[derive(Serialize, ToSchema)]
#[schema(as = Node)]
pub(crate) struct NodeView {
    /// New at every start; 16 hexadecimal digits.
    #[schema(value_type = String)]
    node: NodeId,
    /// Where it listens.
    name: String,
    version: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    uptime_s: u64,
    connections: u64,
    /// With a connection on it.
    sessions: u64,
    /// When the store last took a renewal, or the probe that each interval makes.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_renewal_at: Option<Timestamp>,
    /// Whether the store's messages arrive.
    is_hearing: bool,
    /// For how long the store has not answered it.
    store_silence_s: f64,
    draining: bool,
    /// It keeps connections out, because the store is away.
    fenced: bool,
    /// When it last reported, which it does every 10 s.
    #[schema(value_type = String, format = DateTime)]
    reported_at: Timestamp,
    /// Whether it has reported in the last 30 s.
    alive: bool,
}

impl From<KnownNode> for NodeView {
    fn from(known: KnownNode) -> Self {
        let report = known.report;
        Self {
            node: known.node,
            name: report.name,
            version: report.version,
            started_at: report.started_at,
            uptime_s: report.uptime_s,
            connections: report.figures.connections,
            sessions: report.figures.sessions,
            last_renewal_at: report.last_renewal_at,
            is_hearing: report.is_hearing,
            store_silence_s: report.store_silence_s,
            draining: report.draining,
            fenced: report.fenced,
            reported_at: known.at,
            alive: known.is_alive,
        }
    }
}

/// List the nodes
#[utoipa::path(
    get, path = "/api/admin/nodes", tag = "admin",
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "The nodes", body = NodeList), CallerRefusals),
)]
pub(crate) async fn list_nodes(State(app): State<App>, _: AuditCaller) -> Result<Json<NodeList>, Problem> {
    let nodes = app.enforcer.nodes().await?;
    Ok(Json(NodeList { nodes: nodes.into_iter().map(NodeView::from).collect() }))
}
