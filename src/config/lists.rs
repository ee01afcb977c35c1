//! The keys that hold lists. A refusal names the row (`accounts[1].password_hash`), never a secret.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Value;

use super::problem::Refusal;
use super::{Account, ApiKey, Scope};
use crate::domain::{FieldError, LimitRule, Role, UserId};
use crate::password;

/// The longest name of an API key, in characters; it appears in logs and events.
const NAME_CHARS: usize = 64;

/// What `parse` makes of each row that is a text.
pub(super) fn texts<T>(rows: &[Value], parse: fn(&str) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    each(rows, |row| parse(row.as_str().ok_or_else(|| Refusal::new("must be text in quotes"))?))
}

pub(super) fn limits(rows: &[Value]) -> Result<Vec<LimitRule>, Refusal> {
    if rows.is_empty() {
        // It could be read as "no limit".
        return Err(Refusal::new("must have at least one rule, such as { max = 1 }"));
    }
    each(rows, |row| {
        let rule: LimitRule = table(row, "{ role = \"pro\", class = \"*\", max = 3 }")?;
        rule.validate().map_err(|error| field("limits", &error))?;
        Ok(rule)
    })
}

pub(super) fn api_keys(rows: &[Value]) -> Result<Vec<ApiKey>, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        name: String,
        hash: String,
        scopes: Vec<Scope>,
    }
    each(rows, |row| {
        let row: Row = table(row, "{ name, hash, scopes }")?;
        let length = row.name.chars().count();
        if !(1..=NAME_CHARS).contains(&length) || row.name.chars().any(char::is_control) {
            return Err(Refusal::new("must have 1 to 64 characters, none of control").under(".name"));
        }
        let hash = sha256(&row.hash).ok_or_else(|| {
            Refusal::new("must be the 64 hexadecimal digits that `hotseat hash-key` prints").under(".hash")
        })?;
        if row.scopes.is_empty() {
            return Err(
                Refusal::new("must name at least one of sessions, introspect, admin, audit").under(".scopes")
            );
        }
        Ok(ApiKey { name: row.name, hash, scopes: row.scopes })
    })
}

pub(super) fn accounts(rows: &[Value]) -> Result<Vec<Account>, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        username: String,
        password_hash: String,
        #[serde(default)]
        roles: Vec<String>,
    }
    each(rows, |row| {
        let row: Row = table(row, "{ username, password_hash, roles }")?;
        let username = UserId::of_newcomer("username", &row.username).map_err(|error| field("", &error))?;
        password::check(&row.password_hash).map_err(|problem| {
            Refusal::new(format!("must be what `hotseat hash-password` prints: {problem}"))
                .under(".password_hash")
        })?;
        if row.roles.len() > Role::MAX_COUNT {
            return Err(Refusal::new("must have at most 16 roles").under(".roles"));
        }
        let roles = row.roles.iter().map(|role| Role::parse(role)).collect::<Result<_, _>>();
        let roles = roles.map_err(|error| field("", &error))?;
        Ok(Account { username, password_hash: row.password_hash, roles })
    })
}

fn each<T>(rows: &[Value], parse: impl Fn(&Value) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    let rows = rows.iter().enumerate();
    rows.map(|(index, row)| parse(row).map_err(|refusal| refusal.under(&format!("[{index}]")))).collect()
}

fn table<T: DeserializeOwned>(row: &Value, example: &str) -> Result<T, Refusal> {
    if !row.is_table() {
        return Err(Refusal::new(format!("must be a table such as {example}")));
    }
    row.clone().try_into().map_err(|error: toml::de::Error| {
        // The library puts the field on a second line.
        Refusal::new(format!("must be like {example}: {}", error.to_string().trim_end().replace('\n', " ")))
    })
}

/// A refusal of the domain below the key `key`: its field path begins with the key, or is relative to the row.
fn field(key: &str, error: &FieldError) -> Refusal {
    let path = error.field.strip_prefix(key).unwrap_or(error.field).trim_start_matches('.');
    Refusal::new(error.problem.clone()).under(&format!(".{path}"))
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The refusal of the rows in a TOML or JSON list.
    fn refusal<T: std::fmt::Debug>(parse: fn(&[Value]) -> Result<T, Refusal>, json: &str) -> String {
        let rows: Vec<Value> = serde_json::from_str(json).unwrap();
        parse(&rows).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_limit_is_refused_by_row_and_field() {
        assert!(refusal(limits, "[]").contains("at least one rule"));
        assert!(refusal(limits, r#"[{"max": 1}, {"max": 0}]"#).starts_with("[1].max must be 1 to 100"));
        assert!(refusal(limits, r#"[{"class": "fridge", "max": 1}]"#).starts_with("[0].class must be"));
        assert!(refusal(limits, r#"[{"mx": 1}]"#).contains("unknown field `mx`"));
        assert!(refusal(limits, r#"[{"max": "3"}]"#).contains("`max`"));
        assert!(refusal(limits, "[3]").starts_with("[0] must be a table such as"));
    }

    #[test]
    fn a_wrong_api_key_is_refused_by_field() {
        let hash = "ab".repeat(32);
        assert!(refusal(api_keys, r#"[{"name": "a"}]"#).contains("missing field `hash`"));
        for (row, place) in [
            (format!(r#"{{"name": "", "hash": "{hash}", "scopes": ["admin"]}}"#), "[0].name"),
            (r#"{"name": "a", "hash": "plain-key", "scopes": ["admin"]}"#.to_owned(), "[0].hash"),
            (format!(r#"{{"name": "a", "hash": "{}", "scopes": []}}"#, "é".repeat(32)), "[0].hash"),
            (format!(r#"{{"name": "a", "hash": "{hash}", "scopes": []}}"#), "[0].scopes"),
            (format!(r#"{{"name": "a", "hash": "{hash}", "scopes": ["root"]}}"#), "[0] must be like"),
        ] {
            let refusal = refusal(api_keys, &format!("[{row}]"));
            assert!(refusal.starts_with(place), "{refusal}");
            assert!(!refusal.contains("plain-key"), "{refusal}");
        }
    }

    #[test]
    fn an_account_with_a_plain_password_is_refused_and_not_repeated() {
        let refusal = refusal(accounts, r#"[{"username": "ann", "password_hash": "hunter2"}]"#);
        assert!(
            refusal.starts_with("[0].password_hash must be what `hotseat hash-password` prints"),
            "{refusal}"
        );
        assert!(!refusal.contains("hunter2"));
    }

    #[test]
    fn an_account_needs_a_username_and_clean_roles() {
        let hash = password::hash("x", &[7; 16]).unwrap();
        for (username, roles, place) in [
            ("", "[]", "[0].username"),
            ("a\\u0000b", "[]", "[0].username"),
            ("a", r#"["a b"]"#, "[0].roles"),
        ] {
            let row =
                format!(r#"[{{"username": "{username}", "password_hash": "{hash}", "roles": {roles}}}]"#);
            let refusal = refusal(accounts, &row);
            assert!(refusal.starts_with(place), "{refusal}");
        }
    }
}
