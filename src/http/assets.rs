//! `web/`: the SDK and the administrators' console for everybody, the demo page with `--demo`. Part of the binary in
//! a release; read from the source tree by a debug build. Nothing here is secret: the console is an empty page to
//! whoever may not make the calls that fill it.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use super::App;
use super::problem::Problem;

#[derive(RustEmbed)]
#[folder = "web/"]
#[allow_missing = true]
struct Web;

/// Everything from this node, nothing inline, no frame around it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
/// Kept, but asked for each time: a page and its modules are never of two versions.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// The SDK holds no secret, and pages of other origins import it as a module.
const ANYBODY: HeaderValue = HeaderValue::from_static("*");

pub(super) fn routes(demo: bool) -> Router<App> {
    let sdk = async |Path(path): Path<String>, headers: HeaderMap| -> Result<Response, Problem> {
        let mut response = file(&format!("sdk/{path}"), &headers)?;
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
        Ok(response)
    };
    let page = async |headers: HeaderMap| file("demo/index.html", &headers);
    let demo_file =
        async |Path(path): Path<String>, headers: HeaderMap| file(&format!("demo/{path}"), &headers);
    // One page whatever the path says: its script reads it, so that every view has an address of its own.
    let console = async |headers: HeaderMap| file("console/index.html", &headers);
    let console_file =
        async |Path(path): Path<String>, headers: HeaderMap| file(&format!("console/{path}"), &headers);
    let router = Router::new()
        .route("/sdk/{*path}", get(sdk))
        .route("/admin", get(console))
        .route("/admin/", get(console))
        .route("/admin/{*view}", get(console))
        .route("/console/{*path}", get(console_file));
    if demo { router.route("/", get(page)).route("/demo/{*path}", get(demo_file)) } else { router }
}

/// A file of `web/`, or that the browser's copy is still right.
fn file(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    // Plain names only: no way up, no hidden files.
    if path.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return Err(Problem::NotFound);
    }
    let file = Web::get(path).ok_or(Problem::NotFound)?;
    let hash = file.metadata.sha256_hash();
    let etag: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let etag = HeaderValue::try_from(format!("\"{etag}\"")).map_err(|_| Problem::NotFound)?;
    let media_type = HeaderValue::try_from(media_type(path)).map_err(|_| Problem::NotFound)?;
    let known = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, REVALIDATE),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    if is_known(headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, known).into_response());
    }
    Ok((known, [(header::CONTENT_TYPE, media_type)], file.data.into_owned()).into_response())
}

/// Whether `If-None-Match` (RFC 9110, 13.1.2) names this version.
fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|list| {
        list.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag == etag)
    })
}

/// The media type by the name's end. A type that is not here is not served as something that runs.
fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing;

    #[test]
    fn nothing_outside_of_web_is_served() {
        for path in
            ["sdk/../../Cargo.toml", "sdk//etc/passwd", "sdk/.hidden", "sdk/./a", "sdk/none.js", "sdk/"]
        {
            assert!(matches!(file(path, &HeaderMap::new()), Err(Problem::NotFound)), "{path}");
        }
    }

    #[test]
    fn a_copy_is_known_by_its_tag() {
        let etag = HeaderValue::from_static("\"a\"");
        for (sent, known) in
            [("\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            assert_eq!(is_known(&testing::headers(&[("if-none-match", sent)]), &etag), known, "{sent}");
        }
    }

    #[test]
    fn modules_are_served_as_scripts() {
        assert_eq!(media_type("sdk/hotseat.js"), "text/javascript; charset=utf-8");
        assert_eq!(media_type("sdk/hotseat.d.ts"), "text/plain; charset=utf-8");
    }
}
