//! `hotseat hash-password` and `hash-key`: what goes into the configuration instead of a secret.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hotseat::chance::Chance;
use hotseat::password;
use sha2::{Digest as _, Sha256};

/// What a made key begins with, so that people and secret scanners know it for one.
const KEY_PREFIX: &str = "hsk_";
/// A key that is shorter could be guessed from its hash, which is a fast one.
const SAFE_KEY_CHARS: usize = 32;

/// Prints the PHC string of a password.
pub(crate) fn hash_password() -> anyhow::Result<ExitCode> {
    let password = if std::io::stdin().is_terminal() { ask()? } else { line_of_input()? };
    let hash = password::hash(&password, &Chance::system().bytes());
    let hash = hash.map_err(|problem| anyhow!("the password {problem}"))?;
    writeln!(std::io::stdout(), "{hash}")?;
    Ok(ExitCode::SUCCESS)
}

fn ask() -> anyhow::Result<String> {
    let password = rpassword::prompt_password("Password: ").context("no password was read")?;
    if rpassword::prompt_password("Once more: ").context("no password was read")? != password {
        bail!("the two are not the same");
    }
    Ok(password)
}

/// The first line of standard input without its end; longer than any password or key is cut, and refused later.
fn line_of_input() -> anyhow::Result<String> {
    const MOST: u64 = password::MAX_BYTES as u64 + 2;
    let mut line = String::new();
    std::io::stdin().lock().take(MOST).read_line(&mut line).context("standard input can't be read")?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Prints the SHA-256 of an API key, or makes a key and prints both.
pub(crate) fn hash_key(given: Option<String>) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let Some(given) = given else {
        let key = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(Chance::system().bytes::<32>()));
        writeln!(out, "key  {key}\nhash {}", sha256(&key)?)?;
        return Ok(ExitCode::SUCCESS);
    };
    let key = if given == "-" { line_of_input()? } else { given };
    if key.is_empty() {
        bail!("the key is empty; without one given, `hotseat hash-key` makes one");
    }
    if key.chars().count() < SAFE_KEY_CHARS {
        eprintln!("warning: a key of fewer than {SAFE_KEY_CHARS} characters may be guessed from its hash");
    }
    writeln!(out, "{}", sha256(&key)?)?;
    Ok(ExitCode::SUCCESS)
}

fn sha256(key: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(key.as_bytes()) {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}
