//! The HTTP API: one endpoint a file, one table of refusals.
//!
//! Owns: who may call what (`credential`, `caller`, `origin`), how bodies, cookies and addresses are read, and
//! the paths of CONTRACT.md. Refuses to decide about sessions: that is the enforcer's. Invariants: nothing is
//! answered as allowed when the store can't be asked; every refusal is a [`problem::Problem`]; no token, password
//! or cookie reaches a log or another caller.

use std::ops::Deref;
use std::sync::Arc;

use crate::accounts::Accounts;
use crate::chance::Chance;
use crate::config::Config;
use crate::enforcer::Enforcer;
use crate::metrics::Metrics;

mod admin;
mod api;
mod assets;
mod auth;
mod body;
mod brake;
mod caller;
mod client_address;
mod cookies;
mod credential;
mod docs;
mod health;
mod json;
mod model;
mod openapi;
mod origin;
mod path;
mod problem;
mod problems;
mod query;
mod router;
mod seating;
mod server;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verify;
mod ws;

pub use model::SessionView;
pub use router::router;
pub use server::{Limits, serve};

use brake::Brake;
use cookies::Cookies;
use origin::OriginRule;

/// What handlers work with; a clone is one counter.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What a node hands to its HTTP layer.
pub struct Services {
    pub config: Arc<Config>,
    pub enforcer: Arc<Enforcer>,
    pub accounts: Arc<Accounts>,
    pub metrics: Arc<Metrics>,
    pub chance: Arc<Chance>,
}

/// What the configuration decides once for all requests.
struct Parts {
    services: Services,
    cookies: Cookies,
    origins: OriginRule,
    brake: Brake,
}

impl App {
    pub fn new(services: Services) -> Self {
        let cookies = Cookies::new(&services.config.http);
        let origins = OriginRule::new(&services.config.http);
        Self(Arc::new(Parts { services, cookies, origins, brake: Brake::default() }))
    }

    pub(crate) fn cookies(&self) -> Cookies {
        self.0.cookies
    }

    pub(crate) fn brake(&self) -> &Brake {
        &self.0.brake
    }

    /// Which pages may speak for a browser; the WebSocket handshake asks too.
    pub(crate) fn origins(&self) -> &OriginRule {
        &self.0.origins
    }
}

impl Deref for App {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0.services
    }
}
