//! Each WebSocket: what it was told, how it was closed, and whether it was out in time.

use super::super::history::{Heard, LoginSeen, SocketLife, Tombstone, Us, What};
use super::facts::Facts;
use super::{Kind, Verdict, Violation, late};

/// How long this process may take to read what a node has written.
const HEARD_WITHIN: Us = 500_000;

/// What a socket has heard so far.
struct Before {
    opened: Us,
    welcomed: bool,
    /// The reason for which it is out.
    out: Option<String>,
}

impl Before {
    fn take(&mut self, heard: &Heard) {
        match heard {
            Heard::Welcome { .. } => self.welcomed = true,
            Heard::Out(Tombstone { reason, .. }) => self.out = Some(reason.clone()),
            _ => {}
        }
    }
}

impl Facts<'_> {
    pub fn judge_socket(&self, socket: &SocketLife, found: &mut Vec<Violation>) {
        let mut before = Before { opened: socket.opened, welcomed: false, out: None };
        for (at, heard) in &socket.heard {
            match heard {
                Heard::Welcome { id, user } => {
                    self.judge_identity(*at, &socket.session, id, user, found);
                    self.judge_acceptance(socket.opened, *at, &socket.session, found);
                }
                Heard::Out(told) => self.judge_tombstone(&socket.session, told, *at, found),
                _ => {}
            }
            if is_unknown(heard) && before.out.is_none() {
                let what = format!("{} is said never to have been, to its socket", socket.session);
                found.push(self.contradiction(before.opened, *at, &socket.session, what));
            } else if let Some((kind, fault)) = self.fault_of(*at, heard, &before) {
                let what = format!("a socket of {} {fault}: {heard:?}", socket.session);
                found.push(Violation { kind, at: *at, what });
            }
            before.take(heard);
        }
    }

    /// What is wrong with hearing this after that.
    fn fault_of(&self, at: Us, heard: &Heard, before: &Before) -> Option<(Kind, &'static str)> {
        let told = |excused: bool, fault| (!excused).then_some((Kind::Wrong, fault));
        // Somebody gave up waiting.
        let tired = |excused: bool, fault| (!excused).then_some((Kind::Late, fault));
        let refusal = self.terms.may_fail && self.is_disturbed(before.opened, at);
        let loss = self.terms.may_cut && self.is_disturbed(at, at);
        match heard {
            Heard::Left => None,
            Heard::Closed(code) if before.out.is_some() => {
                told(before.out.as_deref().and_then(code_of) == Some(*code), "was closed as something else")
            }
            Heard::Cut if before.out.is_some() => told(loss, "was out and then cut"),
            _ if before.out.is_some() => told(false, "heard something after it was out"),
            Heard::Out(_) => None,
            Heard::Welcome { .. } => told(!before.welcomed, "was welcomed twice"),
            Heard::Error(code) if code == "store-unavailable" => tired(refusal, "was refused"),
            Heard::Refused(0 | 503) | Heard::Cut | Heard::Closed(1012 | 1013) if !before.welcomed => {
                tired(refusal, "was refused")
            }
            Heard::Restarting | Heard::Cut | Heard::Closed(1012 | 1013 | 4408) => tired(loss, "was lost"),
            Heard::Refused(_) | Heard::Closed(_) | Heard::Error(_) | Heard::Odd(_) => told(false, "heard"),
        }
    }

    /// `confirmed` means that every socket that the login ended has been told.
    pub fn judge_confirmations(&self, found: &mut Vec<Violation>) {
        for call in &self.history.calls {
            let What::Login { saw: LoginSeen::Seated { replaced, confirmed: true, .. }, .. } = &call.what
            else {
                continue;
            };
            let ended = self.history.sockets.iter().filter(|socket| replaced.contains(&socket.session));
            let held = ended.filter(|socket| {
                let welcomed = socket.welcomed().is_some_and(|welcomed| welcomed < call.began);
                welcomed && socket.over().is_none_or(|over| over > call.began)
            });
            for socket in held {
                // One that was lost meanwhile, with its node, has nobody to tell.
                let told = socket.out().map(|(at, _)| at).or(socket.over());
                if told.is_none_or(|told| told > call.ended + HEARD_WITHIN) {
                    let what =
                        format!("confirmed, and a socket of {} was told at {told:?} us", socket.session);
                    found.push(late(call.ended, what));
                }
            }
        }
    }

    /// Guarantee 2: a socket of a session that is over is told so in time.
    pub fn judge_way_out(&self, socket: &SocketLife, verdict: &mut Verdict) {
        let (Some(welcomed), Some(over)) = (socket.welcomed(), self.over.get(&socket.session)) else {
            return;
        };
        let open_until = socket.over().unwrap_or(Us::MAX);
        let out = socket.out().map(|(at, _)| at);
        if open_until <= *over && out.is_none() {
            return;
        }
        // What was told on this socket itself may be what the end is known by.
        let since = welcomed.max(*over);
        let deadline = self.deadline(since);
        let last = out.unwrap_or(open_until);
        if last > deadline {
            let how = if last == Us::MAX {
                "never".to_owned()
            } else {
                format!("{} ms late", (last - deadline) / 1000)
            };
            verdict.violations.push(late(deadline, format!("a socket of {} was out {how}", socket.session)));
        } else if let Some(out) = out {
            let took = out.saturating_sub(since);
            verdict.out = verdict.out.max(took);
            let told =
                socket.out().is_some_and(|(_, told)| matches!(told.reason.as_str(), "takeover" | "replaced"));
            if told {
                verdict.two_live = verdict.two_live.max(took);
            }
        }
    }

    /// Where a fault leaves every call answered, renewals come through too, and it excuses no socket.
    fn deadline(&self, since: Us) -> Us {
        let until = self.terms.healed.or(self.terms.disturbed.map(|(_, to)| to));
        let affected = self.terms.may_fail && self.is_disturbed(since, since + self.terms.out_within);
        until.filter(|_| affected).map_or(since, |until| since.max(until)) + self.terms.out_within
    }
}

/// Whether it says that there is no such token.
fn is_unknown(heard: &Heard) -> bool {
    matches!(heard, Heard::Closed(4401)) || matches!(heard, Heard::Error(code) if code == "invalid-token")
}

/// The close code of each reason, by the contract.
fn code_of(reason: &str) -> Option<u16> {
    Some(match reason {
        "takeover" => 4409,
        "replaced" => 4412,
        "kicked" | "disabled" => 4403,
        "expired" | "idle" => 4410,
        "logout" => 4440,
        _ => return None,
    })
}
