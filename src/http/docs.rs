//! `/api/openapi.json` and `/api/docs`: the API, described by the code that serves it. Nothing is loaded from
//! elsewhere: the page's files are in the binary, and its policy allows no other source.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use super::App;
use super::problem::Problem;

const DOCUMENT: &str = "/api/openapi.json";
/// The page styles itself by script and shows small pictures that are part of its style sheet.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The files only change with the binary, and they are large.
const AN_HOUR: HeaderValue = HeaderValue::from_static("max-age=3600");

pub(super) fn routes(document: &OpenApi) -> Router<App> {
    // Serializing a document that was just built from constants cannot fail.
    let text = Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    // Without a validator named, the page would ask one on the internet for its verdict.
    let config = Arc::new(Config::from(DOCUMENT).validator_url("none"));
    let file = move |path: String| std::future::ready(page(&path, Arc::clone(&config)));
    let index = file.clone();
    Router::new()
        .route(DOCUMENT, get(move || std::future::ready((json, text))))
        .route("/api/docs", get(|| std::future::ready(Redirect::permanent("/api/docs/"))))
        .route("/api/docs/", get(move || index(String::new())))
        .route("/api/docs/{*path}", get(move |Path(path): Path<String>| file(path)))
}

fn page(path: &str, config: Arc<Config<'static>>) -> Result<Response, Problem> {
    let file = utoipa_swagger_ui::serve(path, config).ok().flatten().ok_or(Problem::NotFound)?;
    let media_type = HeaderValue::try_from(file.content_type).map_err(|_| Problem::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, AN_HOUR),
    ];
    Ok((headers, file.bytes.into_owned()).into_response())
}
