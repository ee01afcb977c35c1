//! The HTTP calls of one user's clients, each written into its history as it was answered.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::device::{Ticket, tombstone};
use super::history::{CheckSeen, EndSeen, Failure, How, Id, ListSeen, LoginSeen, What};
use super::scribe::Scribe;
use crate::support::client::DEMO_KEY;

/// Stands in every login and in nothing else that nodes send to the store: what a wire knows logins by.
pub const MARK: &str = "a-device-of-the-workload";

pub struct Caller {
    http: Client,
    user: String,
    seats: usize,
    scribe: Scribe,
}

/// An answer: status, the problem's word, headers of a check, body.
struct Answer {
    status: StatusCode,
    user: String,
    session: String,
    body: Value,
}

impl Answer {
    fn is_problem(&self, word: &str) -> bool {
        self.body["type"].as_str().and_then(|kind| kind.rsplit('/').next()) == Some(word)
    }

    fn odd(&self) -> Failure {
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Failure::Unavailable,
            status => Failure::Odd(format!("{status} {}", self.body)),
        }
    }
}

impl Caller {
    pub fn new(http: Client, user: String, seats: usize, scribe: Scribe) -> Self {
        Self { http, user, seats, scribe }
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    pub async fn log_in(&self, node: SocketAddr, device: &str, confirm: bool) -> Option<Ticket> {
        let began = self.scribe.now();
        let body = json!({
            "user_id": self.user, "roles": [format!("seats-{}", self.seats)], "confirm": confirm,
            "device": {"id": device, "name": MARK, "class": "desktop"},
        });
        let request = self.request(Method::POST, node, "/api/sessions", DEMO_KEY).json(&body);
        let (mut ticket, answer) = (None, send(request).await);
        let saw = match answer {
            Ok(answer) if answer.status == StatusCode::CREATED => {
                let session = &answer.body["session"];
                let seated = Ticket { session: text(&session["id"]), token: text(&answer.body["token"]) };
                ticket = Some(seated.clone());
                LoginSeen::Seated {
                    id: seated.session,
                    user: text(&session["user_id"]),
                    generation: session["generation"].as_u64().unwrap_or_default(),
                    replaced: ids(&answer.body["replaced"]),
                    confirmed: answer.body["takeover"] == "confirmed",
                }
            }
            Ok(answer) if answer.is_problem("seats-full") => LoginSeen::Full(ids(&answer.body["sessions"])),
            Ok(answer) if answer.is_problem("user-disabled") => LoginSeen::Disabled,
            Ok(answer) => LoginSeen::Failed(answer.odd()),
            Err(failure) => LoginSeen::Failed(failure),
        };
        self.scribe.call(began, What::Login { device: device.to_owned(), saw });
        ticket
    }

    /// Ends sessions; `ticket` is whose logout it is.
    pub async fn end(&self, node: SocketAddr, how: How, ticket: &Ticket) {
        let began = self.scribe.now();
        let user = &self.user;
        let request = match &how {
            How::Kick(id) => self.request(Method::DELETE, node, &format!("/api/sessions/{id}"), DEMO_KEY),
            How::KickAll => {
                self.request(Method::DELETE, node, &format!("/api/users/{user}/sessions"), DEMO_KEY)
            }
            How::Disable => {
                self.request(Method::PUT, node, &format!("/api/admin/users/{user}/disabled"), DEMO_KEY)
            }
            How::Logout(_) => self.request(Method::POST, node, "/api/auth/logout", &ticket.token),
        };
        let saw = match send(request).await {
            Ok(answer) if answer.status == StatusCode::NO_CONTENT => EndSeen::Done(None),
            Ok(answer) if answer.status == StatusCode::OK => EndSeen::Done(Some(ids(&answer.body["ended"]))),
            Ok(answer) if answer.is_problem("session-ended") => EndSeen::Ended(tombstone(&answer.body)),
            Ok(answer) if answer.is_problem("not-found") || answer.is_problem("invalid-token") => {
                EndSeen::Unknown
            }
            Ok(answer) => EndSeen::Failed(answer.odd()),
            Err(failure) => EndSeen::Failed(failure),
        };
        self.scribe.call(began, What::End { how, saw });
    }

    pub async fn enable(&self, node: SocketAddr) {
        let began = self.scribe.now();
        let path = format!("/api/admin/users/{}/disabled", self.user);
        let saw = match send(self.request(Method::DELETE, node, &path, DEMO_KEY)).await {
            Ok(answer) if answer.status == StatusCode::NO_CONTENT => EndSeen::Done(None),
            Ok(answer) => EndSeen::Failed(answer.odd()),
            Err(failure) => EndSeen::Failed(failure),
        };
        self.scribe.call(began, What::Enable { saw });
    }

    pub async fn check(&self, node: SocketAddr, ticket: &Ticket) {
        let began = self.scribe.now();
        let saw = match send(self.request(Method::GET, node, "/api/verify", &ticket.token)).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                CheckSeen::Live { id: answer.session, user: answer.user }
            }
            Ok(answer) if answer.is_problem("session-ended") => CheckSeen::Ended(tombstone(&answer.body)),
            Ok(answer) if answer.is_problem("invalid-token") => CheckSeen::Unknown,
            Ok(answer) => CheckSeen::Failed(answer.odd()),
            Err(failure) => CheckSeen::Failed(failure),
        };
        self.scribe.call(began, What::Check { session: ticket.session.clone(), saw });
    }

    pub async fn list(&self, node: SocketAddr) {
        let began = self.scribe.now();
        let path = format!("/api/users/{}/sessions", self.user);
        let saw = match send(self.request(Method::GET, node, &path, DEMO_KEY)).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                let sessions = answer.body["sessions"].as_array().cloned().unwrap_or_default();
                let users: BTreeSet<_> = sessions.iter().map(|session| text(&session["user_id"])).collect();
                ListSeen::Sessions { ids: ids(&answer.body["sessions"]), users }
            }
            Ok(answer) => ListSeen::Failed(answer.odd()),
            Err(failure) => ListSeen::Failed(failure),
        };
        self.scribe.call(began, What::List { saw });
    }

    fn request(&self, method: Method, node: SocketAddr, path: &str, credential: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{node}{path}")).bearer_auth(credential)
    }
}

async fn send(request: RequestBuilder) -> Result<Answer, Failure> {
    let failed =
        |error: reqwest::Error| if error.is_connect() { Failure::NotSent } else { Failure::NoAnswer };
    let response = request.send().await.map_err(failed)?;
    let header = |name: &str| {
        let value = response.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (user, session, status) = (header("x-hotseat-user"), header("x-hotseat-session"), response.status());
    let body = response.bytes().await.map_err(failed)?;
    Ok(Answer { status, user, session, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn ids(sessions: &Value) -> Vec<Id> {
    sessions.as_array().into_iter().flatten().map(|session| text(&session["id"])).collect()
}
