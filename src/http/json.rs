//! JSON bodies: objects by their exact members, refused by field.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::{FromRequest, Request};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_path_to_error::Track;

use super::body::{media_type, read};
use super::problem::Problem;

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

/// A JSON body that may be left out.
pub(crate) struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = media_type(&request) == Some("application/json");
        let bytes = read(request).await?;
        match (bytes.is_empty(), is_json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => parse_json(&bytes).map(Self),
            (false, false) => Err(Problem::UnsupportedMediaType("send application/json")),
        }
    }
}

/// `bytes` as a `T`; what is wrong is told by its field.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut track = Track::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::Deserializer::new(&mut json, &mut track)
        .deserialize_map(Object(PhantomData))
        .map_err(|error| refusal(track.path().to_string(), &error))?;
    json.end().map_err(|error| refusal(String::new(), &error))?;
    Ok(value)
}

fn refusal(path: String, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    if !error.is_data() {
        return Problem::MalformedBody(message);
    }
    let (what, _) = message.rsplit_once(" at line ").unwrap_or((&message, ""));
    let around = if path == "." { String::new() } else { path };
    // Where a member is missing or there twice, the path ends at the object that has it.
    let member = ["missing field `", "duplicate field `"]
        .into_iter()
        .find_map(|start| Some(what.strip_prefix(start)?.split_once('`')?.0));
    let field = match member {
        Some(member) if around.is_empty() => member.to_owned(),
        Some(member) => format!("{around}.{member}"),
        None => around,
    };
    Problem::InvalidRequest { field, problem: format!("is refused: {what}") }
}

/// Takes an object and nothing else. By itself serde takes a list for a struct as well, by position.
struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

/// As [`Object`], or null.
struct OptionalObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OptionalObject<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_none<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_map(Object(PhantomData)).map(Some)
    }
}

/// For members that are objects and may be absent or null.
pub(crate) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_option(OptionalObject(PhantomData))
}

/// For members that must be there though they may be null: `Option` alone takes an absent one for null.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    T::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Inner {
        name: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Outer {
        id: u32,
        #[serde(default, deserialize_with = "object")]
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
            (r#"{"id": 1, "inner": ["name"]}"#, "inner"),
            (r#"{"id": 1, "inner": "name"}"#, "inner"),
            (r#"{"id": 1, "inner": {"name": "a", "name": "b"}}"#, "inner.name"),
            (r#"[]"#, ""),
            (r#"[1, null, null, null]"#, ""),
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

    #[test]
    fn an_optional_object_may_be_null_or_absent() {
        for text in [r#"{"id": 1}"#, r#"{"id": 1, "inner": null}"#] {
            assert!(parse_json::<Outer>(text.as_bytes()).unwrap().inner.is_none());
        }
        assert!(parse_json::<Outer>(br#"{"id": 1, "inner": {}}"#).unwrap().inner.is_some());
    }

    #[test]
    fn what_is_said_names_nothing_of_the_code() {
        let Err(Problem::InvalidRequest { problem, .. }) = parse_json::<Outer>(b"[]") else { panic!() };
        assert_eq!(problem, "is refused: invalid type: sequence, expected an object");
    }
}
