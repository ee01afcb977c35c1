//! The OpenAPI document: what is the same for many calls. The rest stands at each handler.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi as _, ToSchema};

/// A refusal (RFC 9457). Further members stand at the top level: `reason`, `at`, `by` of `session-ended`,
/// `sessions` and `on_full` of `seats-full`, `field` of `invalid-request`, `ended` of `not-found`.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
struct ProblemView {
    /// Ends in the stable word of the problem.
    #[schema(example = "/problems/seats-full")]
    r#type: String,
    title: String,
    status: u16,
    #[schema(nullable = false)]
    detail: Option<String>,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Hotseat",
        description = "One account, N seats: a newer login takes the seat, the older device is told and is out. \
            The WebSocket at `/ws` is described in docs/protocol.md.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "auth", description = "Calls of whoever holds, or wants, a session of their own"),
        (name = "sessions", description = "Calls of a login API of one's own, with an API key"),
        (name = "gateway", description = "What a token is worth, for other services"),
        (name = "admin", description = "Calls of an administrator"),
        (name = "node", description = "The state of this node"),
    ),
    paths(super::verify::verify),
    components(schemas(ProblemView)),
    modifiers(&Credentials),
)]
struct Head;

/// The document before the paths of the routers are merged into it.
pub(super) fn head() -> OpenApi {
    Head::openapi()
}

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = |what| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what)).build();
            SecurityScheme::Http(scheme)
        };
        let cookie = ApiKeyValue::with_description(
            "hotseat",
            "The session's token. Named __Host-hotseat when public_url is HTTPS.",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", bearer("The session's token: hs1.…"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme("key", bearer("An API key with the scope that the call needs"));
    }
}

/// A group of refusals as responses of an operation, by status and the words that it stands for.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $($status:literal $words:literal),+;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$((stringify!($status).to_owned(), refusal($words))),+])
            }
        }
    )+};
}

refusals! {
    /// Of a call with a body.
    BodyRefusals:
        400 "`malformed-body`",
        408 "`request-timeout`",
        413 "`payload-too-large`",
        415 "`unsupported-media-type`",
        422 "`invalid-request` with `field`";
    /// Of a call that asks the store.
    StoreRefusals: 503 "`store-unavailable`, `overloaded`, with Retry-After";
    /// Of a password.
    LoginRefusals:
        401 "`invalid-credentials`",
        403 "`user-disabled`, `origin-not-allowed`",
        409 "`seats-full` with `sessions` and `on_full`",
        429 "`rate-limited` with Retry-After";
    /// Of a login of an API key.
    SeatRefusals: 409 "`seats-full` with `sessions` and `on_full`";
    /// Of a call for a session, an API key or an administrator.
    CallerRefusals:
        401 "`credentials-required`, `invalid-token`, `session-ended` with `reason`, `at`, `by`",
        403 "`forbidden`, `origin-not-allowed`, `user-disabled`",
        429 "`rate-limited`, if calls of API keys are limited",
        503 "`store-unavailable`, `overloaded`, with Retry-After";
    /// Of a call for something by its id.
    IdRefusals: 404 "`not-found`", 422 "`invalid-request` with `field`";
    /// Of a call for a user by its id.
    UserRefusals: 422 "`invalid-request` with `field`";
    /// Of a call with a query.
    QueryRefusals: 422 "`invalid-request` with `field`";
    /// Of a probe.
    ReadyRefusals: 503 "`not-ready` with `detail`";
}

fn refusal(words: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(words).content("application/problem+json", content).build().into()
}
