//! A Cluster whose primaries have clocks of their own, hours apart, that are set while it serves: no order of logins
//! changes, nor when a slot moves from a primary that is ahead to one that is behind.

use futures_util::future::join_all;
use serde_json::json;

use crate::clocks::{HOUR_S, assert_seats_change_hands};
use crate::support::faked_clock::FakedClock;
use crate::support::rig::{sign_in, whoami};
use crate::support::{Client, Engine, Login, Node, Rig, Socket, eventually};

const PRIMARIES: usize = 3;

struct Story {
    rig: Rig,
    clocks: [FakedClock; PRIMARIES],
}

impl Story {
    async fn begin() -> Self {
        let mut rig = Rig::new(Engine::Cluster).await;
        let clocks = [(); PRIMARIES].map(|()| FakedClock::new());
        for (index, clock) in clocks.iter().enumerate() {
            rig.cluster().restart_with(index, clock.variables()).await;
            rig.cluster().wait_until_whole().await;
        }
        Self { rig, clocks }
    }

    /// Sets the clocks wrong by so many hours, one after the other: whose clock jumps takes the others for dead until
    /// their next word, and two who do so at once would make it a verdict.
    async fn set(&mut self, ahead_h: [i64; PRIMARIES]) {
        let cluster = self.rig.cluster();
        for (clock, ahead_h) in self.clocks.iter().zip(ahead_h) {
            clock.set(ahead_h * HOUR_S);
            cluster.wait_until_whole().await;
        }
        let times = ahead_h.iter().enumerate().map(async |(index, ahead_h)| {
            let time = cluster.server(index).query(&redis::cmd("TIME")).await;
            let (seconds, _micros): (i64, i64) = time.expect("a time");
            seconds - ahead_h * HOUR_S
        });
        let times = join_all(times).await;
        assert!(times.iter().all(|time| (time - times[0]).abs() < 60), "the clocks were not set: {times:?}");
    }

    /// Moves every slot that somebody hears at the primary `from`; answers how many.
    async fn move_all(&mut self, from: usize, to: usize) -> usize {
        let cluster = self.rig.cluster();
        let slots = cluster.slots_heard(from).await;
        for slot in &slots {
            cluster.move_slot(*slot, to).await;
        }
        slots.len()
    }
}

async fn both_ready(nodes: [&Node; 2]) {
    for node in nodes {
        eventually("the node is ready", async || {
            (Client::stranger(node).get("/readyz").await.status == 200).then_some(())
        })
        .await;
    }
}

/// The newer login has the seat, and the older one is told so.
async fn assert_took_over(node: &Node, new: &Login, old: &Login) {
    let generation = |login: &Login| login.body["session"]["generation"].as_u64();
    assert!(generation(new) > generation(old), "{} after {}", new.body, old.body);
    let problem = whoami(node, &old.token).await.expect_problem(401, "session-ended");
    assert_eq!((&problem["reason"], &problem["by"]["session_id"]), (&json!("takeover"), &json!(new.id)));
}

#[tokio::test]
async fn the_order_of_logins_survives_primaries_whose_clocks_are_hours_apart_and_are_set() {
    let mut story = Story::begin().await;
    let (one, two) = tokio::join!(story.rig.node(), story.rig.node());
    let users: Vec<_> = (0..9).map(|user| format!("user-{user}")).collect();
    let bystander = sign_in(&one, "berta").await;
    let mut bystanding = Socket::live(&two, &bystander.token).await;
    let mut holders: Vec<Login> = join_all(users.iter().map(|user| sign_in(&one, user))).await;
    // Every clock goes forward, back, and far back.
    for ahead_h in [[0, 1, -1], [1, -1, 0], [-1, 0, 2], [2, 1, -1]] {
        story.set(ahead_h).await;
        both_ready([&one, &two]).await;
        // The first of them is one more login than is compared there: it has to be above the last of the round before.
        let firsts = join_all(users.iter().map(|user| sign_in(&two, user))).await;
        for (first, holder) in firsts.iter().zip(&holders) {
            assert_took_over(&one, first, holder).await;
        }
        holders = join_all(users.iter().map(|user| assert_seats_change_hands([&one, &two], user, 4))).await;
        for (holder, first) in holders.iter().zip(&firsts) {
            let generation = |login: &Login| login.body["session"]["generation"].as_u64();
            assert!(generation(holder) > generation(first), "{} after {}", holder.body, first.body);
        }
        bystanding.assert_served().await;
        whoami(&one, &bystander.token).await.expect(200);
        println!("clocks at {ahead_h:+?} h: {} logins in order", users.len() * 5);
    }
}

#[tokio::test]
async fn the_order_of_logins_survives_slots_that_move_to_a_primary_hours_behind() {
    let mut story = Story::begin().await;
    story.set([1, -1, 0]).await;
    let (one, two) = tokio::join!(story.rig.node(), story.rig.node());
    let users: Vec<_> = (0..12).map(|user| format!("user-{user}")).collect();
    let mut holders = Vec::new();
    for user in &users {
        let login = sign_in(&one, user).await;
        holders.push((Socket::live(&one, &login.token).await, login));
    }
    // Two hours back, one forward, and two back again.
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        let moved = story.move_all(from, to).await;
        assert!(moved > 1, "nobody's slot was at {from}");
        both_ready([&one, &two]).await;
        for (user, (socket, holder)) in users.iter().zip(&mut holders) {
            let newer = sign_in(&two, user).await;
            assert_took_over(&one, &newer, holder).await;
            socket.expect_out("takeover", 4409).await;
            (*socket, *holder) = (Socket::live(&one, &newer.token).await, newer);
        }
        println!("{moved} slots moved from {from} to {to}: {} logins in order", users.len());
    }
}
