//! A user of the workload: logs in, races against itself, is kicked, comes back, and looks at what became of it.
//!
//! Steps come one after the other, chosen by the seed; within a step calls may run at once. All users run at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::device::{self, Ticket};
use super::history::{How, Id, OnFull};
use super::scribe::{Clock, Scribe};

/// The most sockets of one session. It may have 16 connections, and while a node is cut off or paused the one that was
/// lost on it counts beside the one that came after it; so whoever hears of too many hears what is wrong.
const SOCKETS: usize = 8;

pub struct Person {
    pub scribe: Scribe,
    caller: Caller,
    nodes: Vec<SocketAddr>,
    random: StdRng,
    /// Every session that it was given, oldest first, with the device that it is on.
    tickets: Vec<(Ticket, String)>,
    sockets: JoinSet<()>,
    /// How many of them there were of each session.
    held: BTreeMap<Id, usize>,
    /// Ends the sockets.
    leave: CancellationToken,
    devices: usize,
}

/// Whom a person is to be.
pub struct Role {
    pub name: String,
    pub seats: usize,
    pub on_full: OnFull,
    pub seed: u64,
}

impl Person {
    pub fn new(role: Role, nodes: &[SocketAddr], http: &reqwest::Client, clock: Clock) -> Self {
        let scribe = Scribe::new(clock, role.name.clone(), role.seats, role.on_full);
        Self {
            caller: Caller::new(http.clone(), role.name, role.seats, scribe.clone()),
            scribe,
            nodes: nodes.to_vec(),
            random: StdRng::seed_from_u64(role.seed),
            tickets: Vec::new(),
            sockets: JoinSet::new(),
            held: BTreeMap::new(),
            leave: CancellationToken::new(),
            devices: 0,
        }
    }

    /// Lives until it is told to stop; finishes the step that it is at.
    pub async fn live(mut self, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            self.step().await;
            let pause = Duration::from_millis(self.random.random_range(5..60));
            let _ = stop.run_until_cancelled(sleep(pause)).await;
        }
        self
    }

    async fn step(&mut self) {
        if self.tickets.is_empty() {
            return self.log_in().await;
        }
        match self.random.random_range(0..100) {
            0..35 => self.log_in().await,
            35..45 => self.race().await,
            45..60 => self.connect(),
            60..68 => self.kick().await,
            68..72 => self.kick_all().await,
            72..80 => self.log_out().await,
            80..83 => self.disable_and_enable().await,
            _ => self.look_around().await,
        }
    }

    fn node(&mut self) -> SocketAddr {
        *self.nodes.choose(&mut self.random).expect("nodes")
    }

    /// A device that has been used before, now and then, whose own session is then replaced.
    fn device(&mut self) -> String {
        if self.random.random_ratio(1, 5)
            && let Some((_, device)) = self.tickets.choose(&mut self.random)
        {
            return device.clone();
        }
        self.devices += 1;
        format!("{}-device-{}", self.caller.user(), self.devices)
    }

    async fn log_in(&mut self) {
        let (node, device, confirm) = (self.node(), self.device(), self.random.random_ratio(1, 6));
        let ticket = self.caller.log_in(node, &device, confirm).await;
        self.take(ticket, device);
        // Most people come with a socket.
        if self.random.random_ratio(4, 5) {
            self.connect();
        }
    }

    /// Several devices at once, at all nodes.
    async fn race(&mut self) {
        let logins = self.random.random_range(2..=5);
        let mut entries: Vec<_> = (0..logins).map(|_| (self.node(), self.device())).collect();
        // A device that is in it twice would replace itself, or be refused, by the order of its own two logins.
        entries.sort_by(|one, other| one.1.cmp(&other.1));
        entries.dedup_by(|one, other| one.1 == other.1);
        let calls = entries.iter().map(|(node, device)| self.caller.log_in(*node, device, false));
        for (ticket, (_, device)) in join_all(calls).await.into_iter().zip(&entries) {
            self.take(ticket, device.clone());
        }
        self.connect();
        self.look_around().await;
    }

    fn take(&mut self, ticket: Option<Ticket>, device: String) {
        if let Some(ticket) = ticket {
            self.tickets.push((ticket, device));
        }
    }

    /// A socket for one of the newest sessions, which may have ended already.
    fn connect(&mut self) {
        let newest = self.tickets.len().saturating_sub(3);
        let Some((ticket, _)) = self.tickets[newest..].choose(&mut self.random).cloned() else { return };
        let first = self.random.random_range(0..self.nodes.len());
        let held = self.held.entry(ticket.session.clone()).or_default();
        if *held == SOCKETS {
            return;
        }
        *held += 1;
        let (nodes, scribe, leave) = (self.nodes.clone(), self.scribe.clone(), self.leave.clone());
        self.sockets.spawn(device::stay(ticket, nodes, first, scribe, leave));
    }

    async fn kick(&mut self) {
        let node = self.node();
        let newest = self.tickets.len().saturating_sub(3);
        let Some((ticket, _)) = self.tickets[newest..].choose(&mut self.random).cloned() else { return };
        self.caller.end(node, How::Kick(ticket.session.clone()), &ticket).await;
        self.check(&[ticket]).await;
    }

    async fn kick_all(&mut self) {
        let node = self.node();
        let Some((ticket, _)) = self.tickets.last().cloned() else { return };
        self.caller.end(node, How::KickAll, &ticket).await;
        self.look_around().await;
    }

    async fn log_out(&mut self) {
        let node = self.node();
        let Some((ticket, _)) = self.tickets.last().cloned() else { return };
        self.caller.end(node, How::Logout(ticket.session.clone()), &ticket).await;
        self.check(&[ticket]).await;
    }

    async fn disable_and_enable(&mut self) {
        let (here, there, elsewhere) = (self.node(), self.node(), self.node());
        let Some((ticket, _)) = self.tickets.last().cloned() else { return };
        self.caller.end(here, How::Disable, &ticket).await;
        let device = self.device();
        let ticket = self.caller.log_in(there, &device, false).await;
        self.take(ticket, device);
        self.caller.enable(elsewhere).await;
    }

    /// Asks about the newest sessions, live or ended.
    async fn look_around(&mut self) {
        let newest = self.tickets.len().saturating_sub(6);
        let tickets: Vec<_> = self.tickets[newest..].iter().map(|(ticket, _)| ticket.clone()).collect();
        self.check(&tickets).await;
    }

    async fn check(&mut self, tickets: &[Ticket]) {
        let nodes: Vec<_> = tickets.iter().map(|_| self.node()).collect();
        let calls = tickets.iter().zip(nodes).map(|(ticket, node)| self.caller.check(node, ticket));
        join_all(calls).await;
    }

    /// Makes sure that the last word is an answered one: enabled, every session asked about, the list read.
    pub async fn audit(&mut self) {
        let tickets: Vec<_> = self.tickets.iter().map(|(ticket, _)| ticket.clone()).collect();
        self.check(&tickets).await;
        let node = self.node();
        self.caller.list(node).await;
    }

    /// One more login after everything, which must be answered as ever.
    pub async fn log_in_once_more(&mut self) {
        let (node, device) = (self.node(), self.device());
        let ticket = self.caller.log_in(node, &device, false).await;
        self.take(ticket, device);
    }

    /// Closes what is still open.
    pub async fn leave(mut self) -> Scribe {
        self.leave.cancel();
        while self.sockets.join_next().await.is_some() {}
        self.scribe
    }
}
