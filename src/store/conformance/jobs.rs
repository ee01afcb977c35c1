//! Jobs and their leases.

use uuid::Uuid;

use super::events::act;
use super::support::{Bench, fresh_id, node, user};
use crate::domain::{Partition, Role, Timestamp};
use crate::store::{Job, JobList, JobState, JobTarget, Place};

/// A job to end the sessions of all members.
pub(crate) fn job(number: u128) -> Job {
    Job {
        id: Uuid::from_u128(number),
        target: JobTarget::Role(Role::parse("member").unwrap()),
        spare: Some(fresh_id(&user("admin"))),
        act: act(1),
        created_at: Timestamp::default(),
        until: Some(Timestamp::from_millis(1_790_000_000_000)),
        state: JobState::Running,
        at: None,
        seen: 0,
        ended: 0,
        total: 1_000,
        tries: 0,
        cause: None,
        finished_at: None,
        node: None,
    }
}

/// All that are kept, newest first; none is damaged.
async fn jobs(bench: &Bench) -> Vec<Job> {
    let JobList { jobs, damaged } = bench.view.jobs().await.unwrap();
    assert_eq!(damaged, 0);
    jobs
}

async fn begin(bench: &Bench, number: u128) -> Job {
    let job = job(number);
    let created_at = bench.view.begin_job(&job).await.unwrap().expect("there is room");
    Job { created_at, ..job }
}

pub(crate) async fn a_job_is_kept_taken_stepped_and_finished(bench: &mut Bench) {
    assert_eq!(bench.view.take_job(node(1)).await.unwrap(), None);
    let before = bench.now().await;
    let begun = begin(bench, 1).await;
    assert!(begun.created_at >= before);
    assert_eq!(jobs(bench).await, std::slice::from_ref(&begun));

    let mut mine = bench.view.take_job(node(1)).await.unwrap().expect("it is free");
    assert_eq!(mine, Job { node: Some(node(1)), ..begun });
    let user1 = user("user1");
    mine.at = Some(Place::behind(&user1, fresh_id(&user1)));
    (mine.seen, mine.ended) = (10, 4);
    assert!(bench.view.step_job(&mine).await.unwrap());
    assert_eq!(jobs(bench).await, std::slice::from_ref(&mine));

    mine.at = Some(Place { partition: Partition::FIRST, last: None });
    mine.state = JobState::Done;
    assert!(bench.view.step_job(&mine).await.unwrap());
    let done = jobs(bench).await.remove(0);
    assert!(done.finished_at.is_some_and(|at| at >= begun.created_at));
    assert_eq!(done, Job { finished_at: done.finished_at, node: None, ..mine });
    assert_eq!(bench.view.take_job(node(2)).await.unwrap(), None);
}

pub(crate) async fn a_leased_job_is_no_other_nodes_and_the_oldest_free_one_is_taken(bench: &mut Bench) {
    for number in 1..=2 {
        begin(bench, number).await;
        bench.tick().await;
    }
    let first = bench.view.take_job(node(1)).await.unwrap().unwrap();
    assert_eq!(first.id, Uuid::from_u128(1));
    let second = bench.view.take_job(node(2)).await.unwrap().unwrap();
    assert_eq!(second.id, Uuid::from_u128(2));
    let again = bench.view.take_job(node(1)).await.unwrap().unwrap();
    assert_eq!(again.id, first.id, "what it is at already");
    assert_eq!(bench.view.take_job(node(3)).await.unwrap(), None);
    assert!(!bench.view.step_job(&Job { node: Some(node(3)), ..first.clone() }).await.unwrap());
    assert!(bench.view.step_job(&first).await.unwrap());
}

/// A node that is thrown out of a job takes the next one, and comes back to it when the others had their turn.
pub(crate) async fn jobs_take_turns(bench: &mut Bench) {
    for number in 1..=3 {
        begin(bench, number).await;
        bench.tick().await;
    }
    let mut taken = Vec::new();
    for _ in 0..6 {
        taken.push(bench.view.take_job(node(1)).await.unwrap().unwrap().id.as_u128());
        bench.tick().await;
    }
    assert_eq!(taken, [1, 2, 3, 1, 2, 3]);
}

/// Whoever is at a job that can't go on lets go of it; how far it had come stays.
pub(crate) async fn a_job_that_rests_is_nobodys_until_its_pause_is_over(bench: &mut Bench) {
    for (number, pause_ms) in [(1, 600_000), (2, 1)] {
        begin(bench, number).await;
        let mut mine = bench.view.take_job(node(1)).await.unwrap().unwrap();
        assert_eq!(mine.id, Uuid::from_u128(number));
        (mine.ended, mine.tries, mine.cause) = (4, 1, Some("a part is away".to_owned()));
        assert!(bench.view.put_off_job(&mine, pause_ms).await.unwrap());
        assert!(!bench.view.step_job(&mine).await.unwrap(), "it is not its any more");
        assert_eq!(jobs(bench).await[0], Job { node: None, ..mine });
    }
    bench.pass(bench.now().await.plus_millis(1)).await;
    let taken = bench.view.take_job(node(1)).await.unwrap().unwrap();
    assert_eq!((taken.id, taken.tries, taken.ended), (Uuid::from_u128(2), 1, 4));
    assert_eq!(bench.view.take_job(node(2)).await.unwrap(), None, "the first rests");
    let (cancelled, is_mine) = bench.view.cancel_job(Uuid::from_u128(1)).await.unwrap().unwrap();
    assert_eq!((cancelled.state, is_mine), (JobState::Cancelled, true));
}

pub(crate) async fn a_job_that_has_failed_is_over_and_says_why(bench: &mut Bench) {
    begin(bench, 1).await;
    let mine = bench.view.take_job(node(1)).await.unwrap().unwrap();
    let cause = Some("the store's answer makes no sense".to_owned());
    let failed = Job { state: JobState::Failed, tries: Job::MAX_TRIES, cause, ..mine };
    assert!(bench.view.put_off_job(&failed, 10).await.unwrap());
    let kept = jobs(bench).await.remove(0);
    assert!(kept.finished_at.is_some());
    assert_eq!(kept, Job { finished_at: kept.finished_at, node: None, ..failed });
    bench.pass(bench.now().await.plus_millis(20)).await;
    assert_eq!(bench.view.take_job(node(2)).await.unwrap(), None);
    let again = bench.view.cancel_job(kept.id).await.unwrap();
    assert_eq!(again, Some((kept, false)), "it stays as it is");
}

pub(crate) async fn a_cancelled_job_is_stepped_no_more(bench: &mut Bench) {
    begin(bench, 1).await;
    let mine = bench.view.take_job(node(1)).await.unwrap().unwrap();
    let (cancelled, is_mine) = bench.view.cancel_job(mine.id).await.unwrap().unwrap();
    assert!(is_mine);
    assert_eq!((cancelled.state, cancelled.node), (JobState::Cancelled, None));
    assert!(cancelled.finished_at.is_some());
    assert!(!bench.view.step_job(&mine).await.unwrap());
    assert_eq!(bench.view.cancel_job(mine.id).await.unwrap(), Some((cancelled.clone(), false)), "again");
    assert_eq!(jobs(bench).await, [cancelled]);
    assert_eq!(bench.view.cancel_job(Uuid::from_u128(9)).await.unwrap(), None);
}

pub(crate) async fn beginning_a_job_again_changes_nothing(bench: &mut Bench) {
    let begun = begin(bench, 1).await;
    bench.view.take_job(node(1)).await.unwrap().unwrap();
    bench.tick().await;
    assert_eq!(bench.view.begin_job(&job(1)).await.unwrap(), Some(begun.created_at));
    assert_eq!(jobs(bench).await[0].node, Some(node(1)));
}

pub(crate) async fn a_job_more_takes_the_place_of_the_oldest_finished_one_or_is_refused(bench: &mut Bench) {
    for number in 0..Job::MAX_COUNT as u128 {
        begin(bench, number).await;
    }
    let one_more = Job::MAX_COUNT as u128;
    assert_eq!(bench.view.begin_job(&job(one_more)).await.unwrap(), None, "all of them run");
    for number in [7, 3] {
        bench.view.cancel_job(Uuid::from_u128(number)).await.unwrap();
        bench.tick().await;
    }
    begin(bench, one_more).await;
    let jobs = jobs(bench).await;
    assert_eq!(jobs.len(), Job::MAX_COUNT);
    let has = |number| jobs.iter().any(|job| job.id == Uuid::from_u128(number));
    assert_eq!((has(7), has(3), has(one_more)), (false, true, true));
    assert!(jobs.is_sorted_by(|newer, older| newer.created_at >= older.created_at));
}
