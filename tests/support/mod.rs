//! What tests of the running binary stand on: nodes, a real Redis, clients, faults, and patience.
//!
//! Owns processes and temporary directories, and ends them when they are dropped. Refuses to know the program's
//! types: a black-box test sees what users see, JSON and close codes.

pub mod certificates;
pub mod chaos_proxy;
pub mod client;
pub mod faked_clock;
pub mod lag;
pub mod node;
pub mod patience;
pub mod prometheus;
pub mod redis_cluster;
pub mod redis_proxy;
pub mod redis_sentinel;
pub mod redis_server;
pub mod rig;
pub mod socket;
pub mod socket_io;

pub use client::{Answer, Client, Login};
pub use node::{Node, NodeOptions};
pub use patience::{eventually, within};
pub use rig::{Engine, Rig};
pub use socket::{Heard, Socket};

/// One test of a behaviour that both stores owe, as `embedded::NAME` and `redis::NAME`.
#[macro_export]
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::Engine::Embedded).await;
            })+
        }
        mod redis {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::Engine::Redis).await;
            })+
        }
    };
}

/// One test of a behaviour that is owed across nodes, on every topology of Redis.
#[macro_export]
macro_rules! on_every_redis {
    ($($name:ident),+ $(,)?) => {
        mod single {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::Engine::Redis).await;
            })+
        }
        mod sentinel {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::Engine::Sentinel).await;
            })+
        }
        mod cluster {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::Engine::Cluster).await;
            })+
        }
    };
}
