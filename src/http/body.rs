//! Reading a body: bounded in size and time, refused by field.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The longest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024;
/// The longest that a client may take to send it: 16 KiB is nothing, even on a bad mobile network.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body.
pub(crate) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if media_type(&request) != Some("application/json") {
            return Err(Problem::UnsupportedMediaType("send application/json"));
        }
        parse_json(&read(request).await?).map(Self)
    }
}

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

/// `bytes` as a `T`; what is wrong is told by its field.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        refusal(path, error.inner())
    })?;
    json.end().map_err(|error| refusal(String::new(), &error))?;
    Ok(value)
}

fn refusal(path: String, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        return Problem::MalformedBody(error.to_string());
    }
    let message = error.to_string();
    // serde names an unknown or missing field in the message only; its path is that of the object around it.
    let quoted = message.split('`').nth(1);
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    let parent = if path == "." { String::new() } else { path };
    let names_a_member = ["unknown field", "missing field", "duplicate field"];
    let field = match quoted {
        Some(member) if names_a_member.iter().any(|start| message.starts_with(start)) => {
            if parent.is_empty() || parent == member || parent.ends_with(&format!(".{member}")) {
                if parent.is_empty() { member.to_owned() } else { parent }
            } else {
                format!("{parent}.{member}")
            }
        }
        _ => parent,
    };
    Problem::InvalidRequest { field, problem: format!("is refused: {message}") }
}

/// For members that must be there though they may be null: `Option` alone takes an absent one for null.
pub(crate) fn present<'de, T: serde::Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        name: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Outer {
        id: u32,
        inner: Option<Inner>,
        list: Option<Vec<String>>,
        #[serde(default)]
        raw: Option<Box<RawValue>>,
    }

    fn field_of(text: &str) -> String {
        match parse_json::<Outer>(text.as_bytes()) {
            Err(Problem::InvalidRequest { field, .. }) => field,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_field() {
        for (text, field) in [
            (r#"{"id": "x"}"#, "id"),
            (r#"{"id": 1.5}"#, "id"),
            (r#"{"id": -1}"#, "id"),
            (r#"{"id": null}"#, "id"),
            (r#"{}"#, "id"),
            (r#"{"id": 1, "id": 2}"#, "id"),
            (r#"{"id": 1, "extra": 2}"#, "extra"),
            (r#"{"id": 1, "inner": {"name": 1}}"#, "inner.name"),
            (r#"{"id": 1, "inner": {"nome": "x"}}"#, "inner.nome"),
            (r#"{"id": 1, "inner": []}"#, "inner"),
            (r#"{"id": 1, "list": ["a", 2]}"#, "list[1]"),
            (r#"[]"#, ""),
            (r#""x""#, ""),
        ] {
            assert_eq!(field_of(text), field, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for text in ["", "{", r#"{"id": 1"#, r#"{"id": 1} x"#, "\u{feff}{}", "{'id': 1}", "\"\\ud800"] {
            let refused = parse_json::<Outer>(text.as_bytes());
            assert!(matches!(refused, Err(Problem::MalformedBody(_))), "{text}: {refused:?}");
        }
        let deep = format!(r#"{{"id": 1, "extra": {}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        assert!(parse_json::<Outer>(deep.as_bytes()).is_err());
    }

    #[test]
    fn raw_values_pass_as_they_are() {
        let outer: Outer = parse_json(br#"{"id": 1, "raw": {"a":  [1, 2]}}"#).unwrap();
        assert_eq!(outer.raw.unwrap().get(), r#"{"a":  [1, 2]}"#);
    }

    fn request(media_type: Option<&str>, body: Body) -> Request {
        let mut request = Request::new(body);
        if let Some(media_type) = media_type {
            request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        }
        request
    }

    async fn take(request: Request) -> Result<Outer, Problem> {
        JsonBody::<Outer>::from_request(request, &()).await.map(|JsonBody(outer)| outer)
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
