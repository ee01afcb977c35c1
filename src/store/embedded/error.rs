//! Why a directory can't be a store: found at the start, before anything is changed.

use std::path::PathBuf;

use crate::store::StoreError;

/// Why a directory can't be used as a store. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error("{} is in use by another hotseat; an embedded store serves one node", dir.display())]
    InUse { dir: PathBuf },
    #[error("{} can't be used: {source}", dir.display())]
    Directory { dir: PathBuf, source: std::io::Error },
    #[error("{} is on a file system that SQLite's write-ahead log does not work on", dir.display())]
    NoWal { dir: PathBuf },
    #[error("{} holds a database that is not Hotseat's", dir.display())]
    Foreign { dir: PathBuf },
    #[error("{} was made with {name} = {found}; this version works with {wanted}", dir.display())]
    Mismatch { dir: PathBuf, name: &'static str, found: String, wanted: i64 },
    #[error("the database: {0}")]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Content(#[from] StoreError),
    #[error("the engine's thread could not be started: {0}")]
    Thread(std::io::Error),
}
