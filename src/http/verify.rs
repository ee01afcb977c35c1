//! `/api/verify`: forward-auth. A gateway asks whether it may let a request through.
//!
//! 200 is "yes" and nothing else is: an unknown, ended or missing session is 401, a missing role 403, and when the
//! store can't be asked 503. The credentials are the client's own, passed on by the gateway, with any method. Its
//! Origin is not looked at: which pages may call the service behind the gateway is that service's to know.

use std::fmt::Write as _;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::AppendHeaders;

use super::App;
use super::caller::live_shared;
use super::credential::{Credential, credential};
use super::openapi::CallerRefusals;
use super::problem::Problem;
use crate::domain::Record;

type Headers = AppendHeaders<[(HeaderName, HeaderValue); 3]>;

const USER: HeaderName = HeaderName::from_static("x-hotseat-user");
const SESSION: HeaderName = HeaderName::from_static("x-hotseat-session");
const ROLES: HeaderName = HeaderName::from_static("x-hotseat-roles");

/// Let a request through, or not
///
/// For gateways: forward-auth, auth_request, ext_authz. Any method, and any path below this one. With `?role=`
/// the session must have that role; of several, one. `X-Hotseat-User` and each of `X-Hotseat-Roles` are
/// percent-encoded where they hold anything but visible ASCII, or a percent sign.
#[utoipa::path(
    get, path = "/api/verify", tag = "gateway", security(("token" = []), ("cookie" = [])),
    params(("role" = Option<Vec<String>>, Query, description = "A role that will do")),
    responses(
        (status = 200, description = "Let it through", headers(
            ("X-Hotseat-User", description = "The user"),
            ("X-Hotseat-Session", description = "The session's id"),
            ("X-Hotseat-Roles", description = "The roles, separated by commas"),
        )),
        CallerRefusals,
    ),
)]
pub(crate) async fn verify(State(app): State<App>, request: Request) -> Result<Headers, Problem> {
    // The headers as they are: an extractor would copy them, for each request that goes through the gateway.
    let (parts, _) = request.into_parts();
    let wanted = wanted_roles(parts.uri.query().unwrap_or_default())?;
    let Credential::Token(token, _) = credential(&app, &parts.headers)? else {
        return Err(Problem::Forbidden("an API key is no session"));
    };
    let record = live_shared(&app, &token).await?;
    let roles = &record.session.roles;
    if !wanted.is_empty() && !roles.iter().any(|role| wanted.iter().any(|name| name == role.as_str())) {
        return Err(Problem::Forbidden("the session lacks the role"));
    }
    Ok(describe(&record))
}

/// The values of `role` in the query. Whatever else a gateway sends along is none of ours.
fn wanted_roles(query: &str) -> Result<Vec<String>, Problem> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|_| {
        // Reading on without what can't be read could let through whom a role was meant to keep out.
        Problem::InvalidRequest {
            field: "role".to_owned(),
            problem: "must be percent-encoded UTF-8".to_owned(),
        }
    })?;
    Ok(pairs.into_iter().filter(|(name, _)| name == "role").map(|(_, role)| role).collect())
}

fn describe(record: &Record) -> Headers {
    let session = &record.session;
    let mut roles = String::new();
    for (index, role) in session.roles.iter().enumerate() {
        roles.push_str(if index == 0 { "" } else { "," });
        push_visible(&mut roles, role.as_str());
    }
    AppendHeaders([
        (USER, value(visible(session.user.as_str()))),
        (SESSION, value(session.id.to_string())),
        (ROLES, value(roles)),
    ])
}

fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_visible(&mut out, text);
    out
}

/// `text` with everything but visible ASCII percent-encoded (RFC 3986, 2.1): unambiguous, and nothing that a header
/// could be broken or split by.
fn push_visible(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn value(visible: String) -> HeaderValue {
    HeaderValue::try_from(visible).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Role;
    use crate::http::testing;

    #[test]
    fn a_header_holds_any_user_and_role() {
        for (text, header) in [
            ("user1", "user1"),
            ("ada@example.org", "ada@example.org"),
            ("Jürgen Müller", "J%C3%BCrgen%20M%C3%BCller"),
            ("100%", "100%25"),
            ("a\u{202e}b", "a%E2%80%AEb"),
        ] {
            assert_eq!(visible(text), header);
        }
        let mut record = testing::record("Jürgen");
        record.session.roles = ["admin", "ärzte"].map(|role| Role::parse(role).unwrap()).to_vec();
        let AppendHeaders(headers) = describe(&record);
        assert_eq!(headers[0].1, "J%C3%BCrgen");
        assert_eq!(headers[2].1, "admin,%C3%A4rzte");
    }

    #[test]
    fn roles_are_read_from_the_query() {
        assert_eq!(wanted_roles("role=pro&x=1&role=te%61m").unwrap(), ["pro", "team"]);
        assert!(wanted_roles("").unwrap().is_empty());
        assert_eq!(wanted_roles("role=").unwrap(), [""], "an empty role is one that nobody has");
    }
}
