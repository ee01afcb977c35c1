//! What an answer says about where its command belongs, or that nobody takes it just now.
//!
//! Invariant: none of the commands that were answered so was carried out. For a script that is so because it reads
//! before it writes (`lua/guard.lua`), and because what it writes after that is among its declared keys, was read,
//! or may be missing without harm (`tidy` in `lua/finish.lua`).

use redis::{ServerError, ServerErrorKind, Value};

use super::layout::Address;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Redirect {
    /// Another primary owns the slot; which one, if the answer says it.
    Moved(Option<Address>),
    /// The slot is on the move and the key is not here, so it is there, or nowhere.
    Ask(Option<Address>),
    /// The slot is on the move, and its keys are here and there.
    Later,
    /// This is a replica, by now.
    Demoted,
    /// The Cluster, or this slot, is not served.
    Down,
}

/// What a script is told that touches a key which a slot on the move has taken away (Redis 7: `script.c`).
const CAUGHT: &str = "Script attempted to access a non local key in a cluster node";
/// What it is told when the Cluster went down between two scripts.
const DOWN: [&str; 2] = [
    "Script attempted to execute a command while the cluster is down",
    "Script attempted to execute a write command while the cluster is down",
];

impl Redirect {
    /// `None`: the answer is one. `asked`: who gave it.
    pub(super) fn of(answer: &Value, asked: &Address) -> Option<Self> {
        let Value::ServerError(error) = answer else { return None };
        match error.kind() {
            Some(ServerErrorKind::Moved) => Some(Self::Moved(named(error, asked))),
            Some(ServerErrorKind::Ask) => Some(Self::Ask(named(error, asked))),
            Some(ServerErrorKind::TryAgain) => Some(Self::Later),
            Some(ServerErrorKind::ReadOnly) => Some(Self::Demoted),
            Some(ServerErrorKind::ClusterDown) => Some(Self::Down),
            Some(ServerErrorKind::ResponseError) => {
                let said = error.details()?;
                if said.starts_with(CAUGHT) {
                    return Some(Self::Later);
                }
                DOWN.iter().any(|down| said.starts_with(down)).then_some(Self::Down)
            }
            _ => None,
        }
    }
}

/// The address in `SLOT HOST:PORT`. A server that does not know how others are called leaves the host empty, which
/// means its own; one that knows only that it should have a name says `?`, which means nothing.
fn named(error: &ServerError, asked: &Address) -> Option<Address> {
    let (_, address) = error.details()?.split_once(' ')?;
    // An IPv6 address has no brackets here.
    let (host, port) = address.trim().rsplit_once(':')?;
    let host = match host {
        "" => asked.host.clone(),
        "?" => return None,
        host => host.to_owned(),
    };
    Some(Address { host, port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(line: &str) -> Option<Redirect> {
        let answer = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Redirect::of(&answer, &Address { host: "asked".to_owned(), port: 1 })
    }

    fn address(host: &str) -> Option<Address> {
        Some(Address { host: host.to_owned(), port: 7902 })
    }

    /// As Redis 7.0.15 said them.
    #[test]
    fn answers_of_a_slot_on_the_move_are_told_from_errors() {
        let moved = |host: &str| Some(Redirect::Moved(address(host)));
        assert_eq!(redirect("MOVED 16287 127.0.0.1:7902"), moved("127.0.0.1"));
        assert_eq!(redirect("MOVED 16287 ::1:7902"), moved("::1"));
        assert_eq!(redirect("MOVED 16287 :7902"), moved("asked"));
        assert_eq!(redirect("MOVED 16287 ?:7902"), Some(Redirect::Moved(None)));
        assert_eq!(redirect("ASK 16287 b.example:7902"), Some(Redirect::Ask(address("b.example"))));
        assert_eq!(
            redirect("TRYAGAIN Multiple keys request during rehashing of slot"),
            Some(Redirect::Later)
        );
        let caught = "ERR Script attempted to access a non local key in a cluster node script: \
                      5045931d1f1f54db1452d01a87c9a8d370624085, on @user_script:1.";
        assert_eq!(redirect(caught), Some(Redirect::Later));
        let demoted = "READONLY You can't write against a read only replica. script: 0, on @user_script:1.";
        assert_eq!(redirect(demoted), Some(Redirect::Demoted));
        for down in [
            "CLUSTERDOWN The cluster is down",
            "CLUSTERDOWN Hash slot not served",
            "ERR Script attempted to execute a write command while the cluster is down and readonly script: 0",
        ] {
            assert_eq!(redirect(down), Some(Redirect::Down), "{down}");
        }
        for error in
            ["ERR unknown command", "NOSCRIPT No matching script.", "OOM", "WRONGTYPE x", "CROSSSLOT"]
        {
            assert_eq!(redirect(error), None, "{error}");
        }
        assert_eq!(redirect("MOVED"), Some(Redirect::Moved(None)));
    }
}
