//! `GET /api/admin/contested`: who is taken over most, which is how a shared account looks, and the evidence for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Device, FieldError, Reason, SessionId, Timestamp, UserId};
use crate::http::App;
use crate::http::caller::AuditCaller;
use crate::http::openapi::{CallerRefusals, QueryRefusals};
use crate::http::problem::Problem;
use crate::http::query::{Query, given, number};
use crate::store::{Event, EventFilter, EventKind, Period, StoreError};

/// Logins of one user that are looked at for evidence.
const LOGINS: usize = 100;
/// Takeovers that are shown of each user.
const PAIRS: usize = 5;
/// Users of whom evidence is shown, from the first on: it is a read of the log for each.
const WEIGHED: usize = 50;
/// Users whose evidence is read at once.
const CONCURRENT: usize = 8;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// `day` (default): since midnight UTC; `week`: since Monday.
    #[param(example = "day")]
    period: Option<String>,
    /// How many: 1 to 1,000, by default 50.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000)]
    top: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ContestedList {
    #[schema(example = "day")]
    period: &'static str,
    /// When the period began.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Most first; of equals the lower id.
    users: Vec<ContestedView>,
}

/// A contested account.
#[derive(Serialize, ToSchema)]
#[schema(as = Contested)]
pub(crate) struct ContestedView {
    #[schema(value_type = String)]
    user_id: UserId,
    /// Logins of the period that took it over.
    takeovers: u64,
    /// 1: most; users with as many share it.
    rank: u64,
    /// Null behind the first 50.
    evidence: Option<Evidence>,
}

/// What the last 100 logins of the period say about a user, as far as the log is kept.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Evidence {
    /// Different devices.
    devices: usize,
    /// Different addresses.
    addresses: usize,
    /// The last takeover.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
    /// The last 5 takeovers, newest first.
    #[schema(max_items = 5)]
    pairs: Vec<Pair>,
}

/// From whom to whom a seat went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pair {
    from: Side,
    to: Side,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Null where the login is no longer in the log.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct Side {
    device: Option<Device>,
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
}

/// List the most contested accounts
///
/// Who was taken over most today or this week, with the devices and addresses that it went between.
#[utoipa::path(
    get, path = "/api/admin/contested", tag = "admin", params(Wanted),
    security(("token" = []), ("cookie" = []), ("key" = [])),
    responses((status = 200, description = "The top", body = ContestedList), CallerRefusals, QueryRefusals),
)]
pub(crate) async fn list_contested(
    State(app): State<App>,
    _: AuditCaller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<ContestedList>, Problem> {
    let (period, word) = match given(wanted.period).as_deref() {
        None | Some("day") => (Period::Day, "day"),
        Some("week") => (Period::Week, "week"),
        Some(_) => return Err(FieldError::new("period", "must be day or week").into()),
    };
    let top = number("top", wanted.top.as_deref(), 1..=1000, 50)?;
    let contested = app.enforcer.contested(period, top).await?;
    let since = period.since(app.enforcer.now());
    let counts: Vec<u64> = contested.iter().map(|row| row.takeovers).collect();
    let users = stream::iter(contested.into_iter().enumerate())
        .map(async |(place, row)| {
            let evidence = match place {
                0..WEIGHED => Some(evidence_of(&app, &row.user, since).await?),
                _ => None,
            };
            let rank = counts.partition_point(|count| *count > row.takeovers) as u64 + 1;
            Ok::<_, StoreError>(ContestedView { user_id: row.user, takeovers: row.takeovers, rank, evidence })
        })
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    Ok(Json(ContestedList { period: word, since, users }))
}

async fn evidence_of(app: &App, user: &UserId, since: Timestamp) -> Result<Evidence, StoreError> {
    let filter = EventFilter {
        user: Some(user.clone()),
        kinds: vec![EventKind::Login],
        since: Some(since),
        ..EventFilter::default()
    };
    Ok(weigh(&app.enforcer.newest_events(&filter, LOGINS).await?))
}

/// What logins, newest first, say.
fn weigh(logins: &[Event]) -> Evidence {
    let side = |event: &Event| Side { device: event.device.clone(), ip: event.ip };
    let sides: BTreeMap<SessionId, Side> =
        logins.iter().filter_map(|event| Some((event.session?, side(event)))).collect();
    let mut evidence = Evidence {
        devices: logins
            .iter()
            .filter_map(|event| Some(event.device.as_ref()?.id.as_str()))
            .collect::<BTreeSet<_>>()
            .len(),
        addresses: logins.iter().filter_map(|event| event.ip).collect::<BTreeSet<_>>().len(),
        ..Evidence::default()
    };
    for event in logins {
        for (ended, _) in event.ended.iter().filter(|(_, reason)| *reason == Reason::Takeover) {
            evidence.last_at = evidence.last_at.max(Some(event.at));
            if evidence.pairs.len() < PAIRS {
                let from = sides.get(ended).cloned().unwrap_or_default();
                evidence.pairs.push(Pair { from, to: side(event), at: event.at });
            }
        }
    }
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    #[test]
    fn takeovers_are_told_from_whom_to_whom() {
        let ids: Vec<_> = (0..3_u8)
            .map(|at| {
                let first = testing::token("ann").session();
                SessionId::new(first.partition(), Timestamp::from_millis(at.into()), [at; 8])
            })
            .collect();
        let login = |at: usize, ended: &[(SessionId, Reason)]| {
            let mut event = Event::new(Timestamp::from_millis(at as u64), EventKind::Login, None);
            event.session = Some(ids[at]);
            event.ip = Some([192, 0, 2, u8::try_from(at % 2).unwrap()].into());
            event.device = Some(testing::record("ann").session.device);
            event.ended = ended.to_vec();
            event
        };
        let gone = testing::token("bob").session();
        let logins = [
            login(2, &[(ids[1], Reason::Takeover)]),
            login(1, &[(ids[0], Reason::Replaced)]),
            login(0, &[(gone, Reason::Takeover)]),
        ];
        let evidence = weigh(&logins);
        assert_eq!((evidence.devices, evidence.addresses, evidence.pairs.len()), (1, 2, 2));
        assert_eq!(evidence.last_at, Some(Timestamp::from_millis(2)));
        assert_eq!(evidence.pairs[0].from.ip, Some([192, 0, 2, 1].into()));
        assert_eq!((evidence.pairs[1].from.ip, evidence.pairs[1].to.ip), (None, Some([192, 0, 2, 0].into())));
    }
}
