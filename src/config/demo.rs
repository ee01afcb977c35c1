//! What `--demo` adds: accounts and a key that everybody knows.

use sha2::{Digest as _, Sha256};

use super::problem::Refusal;
use super::{Account, ApiKey, Config, Scope};
use crate::domain::{Role, UserId};
use crate::password;

/// Who can log in with `--demo`: username, password, role.
const ACCOUNTS: [(&str, &str, Option<&str>); 5] = [
    ("user1", "password1", None),
    ("user2", "password2", None),
    ("user3", "password3", None),
    ("admin", "admin", Some("admin")),
    ("auditor", "auditor", Some("auditor")),
];
const API_KEY: &str = "demo-key";
const API_KEY_NAME: &str = "demo";

/// Adds the accounts and the API key of the demo, hashed now, to what is configured.
pub(super) fn furnish(config: &mut Config) -> Result<(), Refusal> {
    if config.api_keys.iter().any(|key| key.name == API_KEY_NAME) {
        return Err(Refusal::new(format!(
            "brings an API key {API_KEY_NAME:?} of its own: call yours otherwise"
        )));
    }
    for (username, password, role) in ACCOUNTS {
        if config.accounts.iter().any(|account| account.username.as_str() == username) {
            return Err(Refusal::new(format!(
                "brings an account {username:?} of its own: call yours otherwise"
            )));
        }
        let account = account(username, password, role).map_err(Refusal::new)?;
        config.accounts.push(account);
    }
    let hash = Sha256::digest(API_KEY.as_bytes()).into();
    config.api_keys.push(ApiKey { name: API_KEY_NAME.to_owned(), hash, scopes: Scope::ALL.to_vec() });
    Ok(())
}

fn account(username: &str, password: &str, role: Option<&str>) -> Result<Account, String> {
    // The passwords stand in the README: a salt of chance would protect nothing.
    let digest: [u8; 32] = Sha256::digest(username.as_bytes()).into();
    let salt: &[u8; 16] = digest.first_chunk().ok_or("no salt")?;
    let role = role.map(Role::parse).transpose().map_err(|error| error.to_string())?;
    Ok(Account {
        username: UserId::parse("username", username).map_err(|error| error.to_string())?,
        password_hash: password::hash(password, salt)?,
        roles: role.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passwords_of_the_readme_open_the_demo() {
        let mut config = Config::default();
        furnish(&mut config).unwrap();
        for (account, (username, password, _)) in config.accounts.iter().zip(ACCOUNTS) {
            assert_eq!(account.username.as_str(), username);
            assert!(password::matches(password, &account.password_hash));
        }
        let admins = config.accounts.iter().filter(|account| !account.roles.is_empty());
        assert_eq!(admins.map(|account| account.username.as_str()).collect::<Vec<_>>(), ["admin", "auditor"]);
        assert_eq!(config.api_keys[0].scopes, Scope::ALL);
    }

    #[test]
    fn an_account_of_the_same_name_is_not_shadowed() {
        let mut config = Config::default();
        config.accounts.push(account("user1", "mine", None).unwrap());
        assert!(furnish(&mut config).unwrap_err().to_string().contains("\"user1\""));
    }
}
