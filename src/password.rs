//! Argon2id: how passwords are hashed and compared.
//!
//! Owns the parameters and the form of a stored hash (PHC string). Blocking and costly by design: nothing here may
//! be called on an executor thread; [`crate::accounts`] sees to that. Chance comes in as a parameter.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

/// The longest password, in bytes: far beyond what people type, and nothing to hash for an attacker's fun.
pub const MAX_BYTES: usize = 1024;

/// The first choice of the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a stored hash may ask for. A larger one is a slip that would stall logins: as many as there are cores run at
/// a time.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;
const MOST_LANES: u32 = 64;

/// A PHC string of `password`.
///
/// # Errors
/// The sentence "the password …", for one that is empty or too long.
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<String, String> {
    if password.is_empty() || password.len() > MAX_BYTES {
        return Err(format!("must have 1 to {MAX_BYTES} bytes"));
    }
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| error.to_string())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(password.as_bytes(), salt);
    Ok(hash.map_err(|error| format!("could not be hashed: {error}"))?.to_string())
}

/// Whether `password` is the one of `hash`, by the parameters that stand in it. A hash that [`check`] refuses
/// matches nothing.
pub(crate) fn matches(password: &str, hash: &str) -> bool {
    password.len() <= MAX_BYTES && Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

/// Refuses what is not a complete PHC string of Argon2id with bearable parameters. The answer does not repeat it.
pub(crate) fn check(hash: &str) -> Result<(), String> {
    let hash = PasswordHash::new(hash).map_err(|_| "it is not a PHC string")?;
    if hash.algorithm.as_str() != "argon2id" {
        return Err("it is not of argon2id".to_owned());
    }
    if hash.version != Some(Version::V0x13.into()) {
        return Err("it is not of version 19".to_owned());
    }
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err("its salt or its hash is missing".to_owned());
    }
    let params = Params::try_from(&hash).map_err(|_| "its parameters are not those of argon2id")?;
    if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
        return Err(format!("it asks for more than m={MOST_MEMORY_KIB},t={MOST_PASSES},p={MOST_LANES}"));
    }
    Ok(())
}

/// A hash that no password is known for and that costs as much to compare as `model`, or as a new one.
///
/// It stands in for the hash of an unknown username, so that the time of an answer does not tell who has an account.
pub(crate) fn decoy(model: Option<&str>) -> Option<String> {
    let model = model.and_then(|hash| PasswordHash::new(hash).ok());
    let params = match model {
        Some(model) => model.params,
        None => ParamsString::try_from(&Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?).ok()?,
    };
    let decoy = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params,
        salt: Some(Salt::new(&[0; 16]).ok()?),
        hash: Some(Output::new(&[0; 32]).ok()?),
    };
    Some(decoy.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test vector of the reference implementation (phc-winner-argon2, src/test.c): "password", m=2^8.
    const CHEAP: &str =
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    #[test]
    fn a_new_hash_has_the_owasp_parameters_and_matches_its_password_only() {
        let hash = hash("correct horse", &[7; 16]).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        check(&hash).unwrap();
        assert!(matches("correct horse", &hash));
        assert!(!matches("correct horsE", &hash));
        assert!(!matches("", &hash));
    }

    #[test]
    fn the_parameters_in_a_stored_hash_are_honoured() {
        check(CHEAP).unwrap();
        assert!(matches("password", CHEAP));
    }

    #[test]
    fn other_hashes_are_refused() {
        for wrong in [
            "",
            "hunter2",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_bounded_before_it_is_hashed() {
        assert!(hash("", &[7; 16]).is_err());
        assert!(hash(&"x".repeat(MAX_BYTES + 1), &[7; 16]).is_err());
    }

    #[test]
    fn a_decoy_costs_what_its_model_costs_and_matches_nothing() {
        let decoy = decoy(Some(CHEAP)).unwrap();
        check(&decoy).unwrap();
        assert!(decoy.contains("m=256,t=2,p=1"), "{decoy}");
        assert!(!matches("password", &decoy) && !matches("", &decoy));
        assert!(super::decoy(None).unwrap().contains("m=19456,t=2,p=1"));
    }
}
