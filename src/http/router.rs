//! Which path is whose, and what goes around all of them.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::any;
use tower::util::MapResponseLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_axum::router::OpenApiRouter;

use super::problem::Problem;
use super::{App, admin, api, assets, auth, docs, health, openapi, origin, problems, verify, ws};
use crate::config::HttpConfig;

/// How long a browser may remember what a preflight allowed.
const PREFLIGHT_MAX_AGE: std::time::Duration = std::time::Duration::from_secs(3600);

/// What an answer says unless it says otherwise: it is no page, and nobody keeps it.
const DEFAULTS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// All of the HTTP API.
pub fn router(app: App) -> Router {
    let (guarded, calls) = OpenApiRouter::new()
        .merge(auth::routes())
        .merge(api::routes())
        .merge(admin::routes())
        .split_for_parts();
    // Set before the layers, or it would take the place of what the CORS layer answers to a preflight.
    let mut guarded = guarded
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), origin::guard));
    if let Some(cors) = cors(&app.config.http) {
        guarded = guarded.layer(cors);
    }
    // Forward-auth stays outside: the CORS layer answers every OPTIONS with 200, which a gateway would take for a
    // yes, and the Origin is that of the service behind the gateway.
    let gateway = Router::new()
        .route("/api/verify", any(verify::verify))
        .route("/api/verify/", any(verify::verify))
        .route("/api/verify/{*rest}", any(verify::verify));
    let (probes, mut document) =
        OpenApiRouter::with_openapi(openapi::head()).merge(health::routes()).split_for_parts();
    document.merge(calls);
    let router = probes
        .merge(ws::routes())
        .merge(docs::routes(&document))
        .merge(problems::routes())
        .merge(assets::routes(app.config.demo))
        .method_not_allowed_fallback(method_not_allowed)
        .merge(guarded)
        .merge(gateway)
        .fallback(async || Problem::NotFound)
        .layer(MapResponseLayer::new(complete));
    // Nobody pays for what nobody reads: a layer that looks at the request as well costs some allocations a call.
    let router = if tracing::enabled!(tracing::Level::DEBUG) { router.layer(from_fn(log)) } else { router };
    router.with_state(app)
}

async fn method_not_allowed() -> Problem {
    Problem::MethodNotAllowed
}

/// CORS for the configured origins, with their cookies. Where none is configured, no other origin is allowed.
fn cors(config: &HttpConfig) -> Option<CorsLayer> {
    let origins: Vec<_> =
        config.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_credentials(true)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
            .expose_headers([header::RETRY_AFTER, header::WWW_AUTHENTICATE])
            .max_age(PREFLIGHT_MAX_AGE)
    })
}

/// Adds what every answer says.
fn complete(mut response: Response) -> Response {
    for (name, value) in DEFAULTS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Logs the call by its route: a path or a query may hold what logs must not.
async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let start = tokio::time::Instant::now();
    let response = next.run(request).await;
    let status = response.status();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let route = route.as_ref().map_or("none", MatchedPath::as_str);
        let took_us = start.elapsed().as_micros();
        tracing::debug!(%method, route, status = status.as_u16(), took_us, "call");
    }
    response
}
