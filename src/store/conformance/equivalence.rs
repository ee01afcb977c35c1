//! Every engine decides as `domain::decide` does: generated users with generated sessions, then one login each.
//!
//! All cases run side by side in one store, so that the one wait that makes ghosts of the abandoned serves all. The
//! expected decision is taken from the state that the store itself lists just before the login.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::support::{Bench, Seated, full, held, ids, login, node, seated, user};
use crate::chance::Chance;
use crate::domain::{
    Decision, DeviceClass, DeviceId, Holder, OnFull, Reason, SeatLimits, SessionId, UserId, Victim, decide,
};
use crate::store::{Login, LoginOutcome};

const CASES: usize = 150;
/// Long enough that what is done after the wait is far from the edge on a slow machine.
const GHOST_AFTER_MS: u64 = 3_000;

/// A session before the login.
#[derive(Debug, Clone)]
struct Seat {
    class: DeviceClass,
    /// Connected to a node that renews, to one that has died, or to none.
    node: Option<u8>,
    /// Used after the wait.
    used: bool,
    /// Past its deadline by then.
    lapsed: bool,
}

/// The node that goes on renewing; any other has died.
const ALIVE: u8 = 1;

#[derive(Debug, Clone)]
struct Case {
    seats: Vec<Seat>,
    class: DeviceClass,
    /// Log in on the device of that seat.
    device: Option<prop::sample::Index>,
    limits: SeatLimits,
    on_full: OnFull,
    victim: Victim,
    picked: Vec<prop::sample::Index>,
}

fn class() -> impl Strategy<Value = DeviceClass> {
    prop::sample::select(vec![DeviceClass::Desktop, DeviceClass::Mobile, DeviceClass::Tv])
}

fn seat() -> impl Strategy<Value = Seat> {
    let node = prop::option::weighted(0.7, prop::sample::select(vec![ALIVE, 2]));
    (class(), node, any::<bool>(), prop::bool::weighted(0.1)).prop_map(|(class, node, used, lapsed)| Seat {
        class,
        node,
        used,
        lapsed,
    })
}

fn limits() -> impl Strategy<Value = SeatLimits> {
    let max = || prop::option::of(1_u32..5);
    (max(), max())
        .prop_filter("one of the two is set", |(a, b)| a.or(*b).is_some())
        .prop_map(|(of_class, in_all)| SeatLimits { of_class, in_all })
}

fn case() -> impl Strategy<Value = Case> {
    let on_full = prop::sample::select(vec![OnFull::KickOld, OnFull::DenyNew, OnFull::Choose]);
    let victim = prop::sample::select(vec![Victim::Oldest, Victim::Idle]);
    let device = prop::option::weighted(0.3, any::<prop::sample::Index>());
    let picked = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    (prop::collection::vec(seat(), 0..7), class(), device, limits(), on_full, victim, picked).prop_map(
        |(seats, class, device, limits, on_full, victim, picked)| Case {
            seats,
            class,
            device,
            limits,
            on_full,
            victim,
            picked,
        },
    )
}

pub(crate) async fn every_login_is_decided_as_the_rule_says(bench: &mut Bench) {
    // Printed by the harness when the test fails; put it here to see the same cases again.
    let seed: [u8; 32] = Chance::system().bytes();
    println!("seed: {seed:?}");
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let mut cases = Vec::new();
    for number in 0..CASES {
        let case = case().new_tree(&mut runner).unwrap().current();
        let user = user(&format!("case{number}"));
        let ids = prepare(bench, &user, &case).await;
        cases.push((user, case, ids));
    }
    let now = bench.now().await;
    bench.pass(now.plus_millis(GHOST_AFTER_MS)).await;
    for (user, case, ids) in &cases {
        judge(bench, user, case, ids).await;
    }
}

/// Seats the case's sessions; none ends another.
async fn prepare(bench: &Bench, user: &UserId, case: &Case) -> Vec<Login> {
    let mut logins = Vec::new();
    for (number, seat) in case.seats.iter().enumerate() {
        let mut request = login(user);
        request.limits = SeatLimits { of_class: None, in_all: Some(100) };
        request.device.id = DeviceId::parse(&format!("device{number}")).unwrap();
        request.device.class = seat.class;
        // Far enough ahead that it lapses only after the others were seated, and before the wait is over.
        request.ttl_ms = if seat.lapsed { GHOST_AFTER_MS / 2 } else { request.ttl_ms };
        bench.seat(&request).await;
        if let Some(number) = seat.node {
            bench.store.attach(request.id, held(node(number), 1, 1), GHOST_AFTER_MS).await.unwrap();
        }
        logins.push(request);
    }
    logins
}

async fn judge(bench: &Bench, user: &UserId, case: &Case, before: &[Login]) {
    let newcomer = newcomer(user, case, before);
    let partition = newcomer.id.partition();
    bench.store.renew(node(ALIVE), partition, &[], GHOST_AFTER_MS).await.unwrap();
    for (request, _) in before.iter().zip(&case.seats).filter(|(_, seat)| seat.used && !seat.lapsed) {
        bench.store.set_data(request.id, Some("1")).await.unwrap();
    }
    let listed = bench.store.sessions_of(user, GHOST_AFTER_MS).await.unwrap();
    let holders: Vec<_> = listed
        .iter()
        .map(|record| Holder {
            id: record.session.id,
            generation: record.session.generation,
            seen_at: record.session.seen_at,
            class: record.session.device.class,
            same_device: record.session.device.id == newcomer.device.id,
            present: record.connections > 0,
        })
        .collect();
    let expected = decide(&newcomer.question(bench.now().await), &holders);
    let outcome = bench.store.login(&newcomer).await.unwrap();
    let what = format!("{case:#?}\n{holders:#?}\n{outcome:?}");
    match expected {
        Decision::Full { holders } => {
            assert!(matches!(outcome, LoginOutcome::Full { .. }), "{what}");
            let newest_first: Vec<SessionId> = holders.into_iter().rev().collect();
            assert_eq!(ids(&full(outcome)), newest_first, "{what}");
            let after = bench.store.sessions_of(user, GHOST_AFTER_MS).await.unwrap();
            assert_eq!(after, listed, "{what}");
        }
        Decision::Seat { end } => {
            assert!(matches!(outcome, LoginOutcome::Seated { .. }), "{what}");
            let Seated { session, replaced } = seated(outcome);
            let ended: Vec<(SessionId, Reason)> =
                replaced.iter().map(|it| (it.session.id, it.end.as_ref().unwrap().reason)).collect();
            assert_eq!(ended, end, "{what}");
            let mut left = vec![session.session.id];
            left.extend(ids(&listed).into_iter().filter(|id| end.iter().all(|(ended, _)| ended != id)));
            assert_eq!(ids(&bench.sessions_of(user).await), left, "{what}");
        }
    }
}

fn newcomer(user: &UserId, case: &Case, before: &[Login]) -> Login {
    let mut newcomer = login(user);
    newcomer.limits = case.limits;
    newcomer.on_full = case.on_full;
    newcomer.victim = case.victim;
    newcomer.ghost_after_ms = GHOST_AFTER_MS;
    newcomer.device.class = case.class;
    if !before.is_empty() {
        newcomer.replace = case.picked.iter().map(|index| index.get(before).id).collect();
        if let Some(index) = &case.device {
            newcomer.device.id = index.get(before).device.id.clone();
        }
    }
    newcomer
}
