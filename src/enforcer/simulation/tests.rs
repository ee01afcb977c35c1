//! Seeds by the hundred, and what the judge has to find.

use std::time::Instant;

use super::flaw::Flaw;
use super::plan::{Plan, Trouble};
use super::tally::Tally;
use super::verdict::{Verdict, run, run_traced};

/// Seeds of one shard. `HOTSEAT_SEEDS` sets another number; a thousand take a debug build some 60 s of one core.
const SEEDS: u64 = 130;

/// The environment is read where a test begins and nowhere else.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn explore(shard: u64) {
    let seeds = match number("HOTSEAT_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let count = number("HOTSEAT_SEEDS").unwrap_or(SEEDS);
            let first = shard / 2 * 1_000_000 + shard % 2 * count;
            first..first + count
        }
    };
    let start = Instant::now();
    let (mut judged, mut failed, mut tally) = (0, Vec::new(), Tally::default());
    for seed in seeds.clone() {
        let verdict = run(seed, Flaw::None);
        judged += verdict.judged;
        tally.add(&verdict.tally);
        if !verdict.violations.is_empty() {
            // The first one is told whole, of the others what is wrong.
            if failed.is_empty() {
                println!("seed {seed}: {}", story(seed, &run_traced(seed, Flaw::None)));
            }
            failed.push((seed, Plan::of(seed).trouble, verdict.violations));
        }
    }
    println!("{} seeds, {judged} answers judged, {:?}: {tally}", seeds.end - seeds.start, start.elapsed());
    let again = failed.first().map(|(seed, ..)| repeat(*seed, shard)).unwrap_or_default();
    assert!(failed.is_empty(), "{} failed: {failed:#?}\nthe first again: {again}", failed.len());
}

/// What a seed stands for, and what its store did in each millisecond.
fn story(seed: u64, verdict: &Verdict) -> String {
    let steps = verdict.trace.iter().map(|(ms, done)| {
        let done: Vec<_> = done.iter().map(String::as_str).collect();
        format!("{ms:>6} ms  {}\n", done.join(", "))
    });
    format!("{:#?}\n{}", Plan::of(seed), steps.collect::<String>())
}

/// The command that has the same history again.
fn repeat(seed: u64, shard: u64) -> String {
    format!(
        "HOTSEAT_SEED={seed} cargo test --lib every_guarantee_holds_in_simulated_histories_{shard} -- --nocapture"
    )
}

macro_rules! shards {
    ($($name:ident $shard:literal)*) => {
        $(
            #[test]
            fn $name() {
                explore($shard);
            }
        )*

        const SHARDS: &[u64] = &[$($shard),*];
    };
}

shards! {
    every_guarantee_holds_in_simulated_histories_0 0
    every_guarantee_holds_in_simulated_histories_1 1
    every_guarantee_holds_in_simulated_histories_2 2
    every_guarantee_holds_in_simulated_histories_3 3
    every_guarantee_holds_in_simulated_histories_4 4
    every_guarantee_holds_in_simulated_histories_5 5
    every_guarantee_holds_in_simulated_histories_6 6
    every_guarantee_holds_in_simulated_histories_7 7
    every_guarantee_holds_in_simulated_histories_8 8
    every_guarantee_holds_in_simulated_histories_9 9
    every_guarantee_holds_in_simulated_histories_10 10
    every_guarantee_holds_in_simulated_histories_11 11
    every_guarantee_holds_in_simulated_histories_12 12
    every_guarantee_holds_in_simulated_histories_13 13
    every_guarantee_holds_in_simulated_histories_14 14
    every_guarantee_holds_in_simulated_histories_15 15
}

/// The short form has thousands.
const _: () = assert!(SHARDS.len() as u64 * SEEDS >= 2_000);

/// Every kind of trouble comes in these six times; what never happens to a node proves nothing about it.
#[test]
fn every_fault_happens_in_the_first_seeds() {
    let mut tally = Tally::default();
    (0..42).for_each(|seed| tally.add(&run(seed, Flaw::None).tally));
    println!("{tally}");
    assert_eq!(tally.missing(), [], "{tally}");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..35 {
        let (first, second) = (run_traced(seed, Flaw::None), run_traced(seed, Flaw::None));
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

#[test]
fn the_judge_finds_an_ended_session_that_comes_back() {
    finds(Flaw::RestoringIgnoresEnds, &[Trouble::Failover, Trouble::Emptied], "which had ended");
}

#[test]
fn the_judge_finds_one_seat_too_many() {
    finds(Flaw::OneSeatTooMany, &[Trouble::Messages], "live sessions");
}

/// A failure is worth nothing that nobody can have again.
#[test]
fn a_failing_seed_tells_its_story_and_the_command_that_repeats_it() {
    let verdict = run_traced(3, Flaw::OneSeatTooMany);
    let story = story(3, &verdict);
    assert!(story.contains("trouble: ") && story.contains(" ms  ") && story.contains("login by "), "{story}");
    assert!(repeat(3, 5).starts_with("HOTSEAT_SEED=3 ") && repeat(3, 5).contains("histories_5"));
}
