//! Reading a body: bounded in size and time.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header;

use super::problem::Problem;

/// The longest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024;
/// The longest that a client may take to send it: 16 KiB is nothing, even on a bad mobile network.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The whole body.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    let body = request.into_body();
    // A body announced as too long is refused before a byte of it is read.
    if axum::body::HttpBody::size_hint(&body).lower() > MAX_BODY_BYTES as u64 {
        return Err(Problem::PayloadTooLarge);
    }
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(Problem::PayloadTooLarge),
        Ok(Err(_)) => Err(Problem::MalformedBody("the body broke off".to_owned())),
        Err(_) => Err(Problem::RequestTimeout),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>())
}

/// The media type without its parameters, if it is text at all.
pub(crate) fn media_type(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim()).map(|name| {
        // The two names there are to know are compared without case.
        ["application/json", "application/x-www-form-urlencoded"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name))
            .unwrap_or(name)
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::FromRequest as _;

    use super::*;
    use crate::http::json::JsonBody;

    fn request(media_type: Option<&str>, body: Body) -> Request {
        let mut request = Request::new(body);
        if let Some(media_type) = media_type {
            request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        }
        request
    }

    async fn take(request: Request) -> Result<serde_json::Value, Problem> {
        JsonBody::from_request(request, &()).await.map(|JsonBody(value)| value)
    }

    #[tokio::test]
    async fn only_json_is_taken() {
        for wrong in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("")] {
            let refused = take(request(wrong, Body::from(r#"{"id": 1}"#))).await;
            assert!(matches!(refused, Err(Problem::UnsupportedMediaType(_))), "{wrong:?}: {refused:?}");
        }
        for right in ["application/json", "Application/JSON; charset=utf-8"] {
            take(request(Some(right), Body::from(r#"{"id": 1}"#))).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_body_above_16_kib_is_refused() {
        let body = |pad: usize| format!(r#"{{"id": 1, "raw": "{}"}}"#, "x".repeat(pad));
        let room = MAX_BODY_BYTES - body(0).len();
        take(request(Some("application/json"), Body::from(body(room)))).await.unwrap();
        let refused = take(request(Some("application/json"), Body::from(body(room + 1)))).await;
        assert!(matches!(refused, Err(Problem::PayloadTooLarge)), "{refused:?}");

        let chunks = vec![Ok::<_, std::io::Error>(body(room)), Ok("x".to_owned())];
        let streamed = Body::from_stream(futures_util::stream::iter(chunks));
        let refused = take(request(Some("application/json"), streamed)).await;
        assert!(matches!(refused, Err(Problem::PayloadTooLarge)), "{refused:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let refused = take(request(Some("application/json"), never)).await;
        assert!(matches!(refused, Err(Problem::RequestTimeout)), "{refused:?}");
    }
}
