//! Built-in accounts. Stub until the branch with the implementation lands.
#![allow(unused_variables, clippy::unused_async)]

use crate::config::Account;
use crate::domain::{Role, UserId};

pub struct Accounts;

/// What a password is worth.
#[derive(Debug)]
pub enum Verdict {
    Right { user: UserId, roles: Vec<Role> },
    Wrong,
    Busy,
}

impl Accounts {
    pub fn new(accounts: Vec<Account>) -> Self {
        Self
    }

    pub async fn verify(&self, username: &str, password: &str) -> Verdict {
        Verdict::Wrong
    }
}
