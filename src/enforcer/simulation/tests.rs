//! Seeds by the hundred, and what the judge has to find.

use std::time::Instant;

use super::flaw::Flaw;
use super::plan::{Plan, Trouble};
use super::verdict::run;

/// Seeds of one shard. `HOTSEAT_SEEDS` sets another number.
const SEEDS: u64 = 300;

/// The environment is read where a test begins and nowhere else.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn explore(shard: u64) {
    if let Some(seed) = number("HOTSEAT_SEED") {
        let verdict = run(seed, Flaw::None);
        println!("{:#?}\n{:#?}", Plan::of(seed), verdict.trace);
        assert!(verdict.violations.is_empty(), "seed {seed}: {:#?}", verdict.violations);
        return;
    }
    let seeds = number("HOTSEAT_SEEDS").unwrap_or(SEEDS);
    let start = Instant::now();
    let (mut judged, mut failed) = (0, Vec::new());
    for seed in shard * 1_000_000..shard * 1_000_000 + seeds {
        let verdict = run(seed, Flaw::None);
        judged += verdict.judged;
        if !verdict.violations.is_empty() {
            println!("seed {seed} {:?}: {}", Plan::of(seed).trouble, verdict.violations[0]);
            failed.push((seed, Plan::of(seed).trouble, verdict.violations));
        }
    }
    println!("{seeds} seeds, {judged} answers judged, {:?}", start.elapsed());
    assert!(failed.is_empty(), "{} of {seeds} failed; HOTSEAT_SEED repeats one: {failed:#?}", failed.len());
}

macro_rules! shards {
    ($($name:ident $shard:literal)*) => { $(
        #[test]
        fn $name() {
            explore($shard);
        }
    )* };
}

shards! {
    every_guarantee_holds_in_simulated_histories_0 0
    every_guarantee_holds_in_simulated_histories_1 1
    every_guarantee_holds_in_simulated_histories_2 2
    every_guarantee_holds_in_simulated_histories_3 3
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..35 {
        let (first, second) = (run(seed, Flaw::None), run(seed, Flaw::None));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.judged, second.judged, "seed {seed}");
    }
}

/// The judge has to find a flaw in some of the first seeds of the kinds of trouble that bring it out.
fn finds(flaw: Flaw, troubles: &[Trouble], complaint: &str) {
    let seeds = (0..400).filter(|seed| troubles.contains(&Plan::of(*seed).trouble));
    let found = seeds
        .map(|seed| run(seed, flaw).violations)
        .find(|violations| violations.iter().any(|violation| violation.contains(complaint)));
    assert!(found.is_some(), "{flaw:?} was not found");
}

#[test]
fn the_judge_finds_a_client_that_stays_in_an_ended_session() {
    finds(Flaw::NobodyHearsOfEnds, &[Trouble::Messages], "its client was told None later");
}

#[test]
fn the_judge_finds_a_check_that_accepts_the_ended() {
    finds(Flaw::ChecksAcceptTheEnded, &[Trouble::Messages], "which had ended");
}

#[test]
fn the_judge_finds_a_reason_that_changes() {
    finds(Flaw::ReasonsChange, &[Trouble::Messages], "it was not over");
}

#[test]
fn the_judge_finds_an_innocent_put_out() {
    finds(Flaw::MessagesNameTheInnocent, &[Trouble::Messages], "nobody wanted that");
}

#[test]
fn the_judge_finds_a_failover_that_nobody_noticed() {
    finds(Flaw::FailoversGoUnnoticed, &[Trouble::Failover, Trouble::Emptied], "was never heard of");
}

#[test]
fn the_judge_finds_an_older_session_that_takes_a_newer_ones_seat() {
    finds(Flaw::RestoringIgnoresGenerations, &[Trouble::Failover, Trouble::Emptied], "by an older one");
}

#[test]
fn the_judge_finds_connections_that_are_counted_wrong() {
    finds(Flaw::PresenceIsNotNoted, &[Trouble::Messages], "and the store says");
}
