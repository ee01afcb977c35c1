//! What is remembered, for how long, and what goes when there is no room.

use tokio::time::advance;

use super::*;
use crate::domain::{Device, DeviceClass, DeviceId, Generation, Reason, Session, TokenHash, Tombstone};

fn user(name: &str) -> UserId {
    UserId::parse("user_id", name).unwrap()
}

fn record(user_name: &str, number: u8) -> Record {
    let user = user(user_name);
    let at = Timestamp::from_millis(1_790_000_000_000);
    let session = Session {
        id: SessionId::new(Partition::of(&user), at, [number; 8]),
        user,
        generation: Generation(u64::from(number)),
        token_hash: TokenHash([number; 32]),
        device: Device { id: DeviceId::of_cookie("d"), name: String::new(), class: DeviceClass::Tv },
        user_agent: String::new(),
        ip: None,
        roles: Vec::new(),
        created_at: at,
        seen_at: at,
        absolute_at: at.plus_millis(1_000_000),
        idle_ttl_ms: 1_000_000,
        presence: Vec::new(),
    };
    Record { session, end: None, data: None, connections: 0, nodes: Vec::new() }
}

fn ended(user: &str, number: u8) -> Record {
    let end = Tombstone { reason: Reason::Kicked, at: Timestamp::from_millis(1), by: None };
    Record { end: Some(end), ..record(user, number) }
}

fn journal(capacity: usize) -> Journal {
    Journal::with_capacity(capacity, capacity, Arc::new(Metrics::new()))
}

impl Journal {
    fn login(&self, number: u8) {
        self.seated(&record("ada", number), Timestamp::from_millis(1));
    }

    /// How many logins and ends it knows of ada.
    fn known(&self) -> (usize, usize) {
        let facts = self.facts(ada());
        (facts.logins.len(), facts.ends.len())
    }

    /// Goes on for some seconds, with an answer of the store each.
    async fn answered_for(&self, seconds: u64) {
        for _ in 0..seconds {
            advance(Duration::from_secs(1)).await;
            self.answered(ada());
        }
    }
}

fn ada() -> Partition {
    Partition::of(&user("ada"))
}

#[tokio::test(start_paused = true)]
async fn a_login_is_kept_for_a_minute_and_an_end_for_two() {
    let journal = journal(CAPACITY_BYTES);
    journal.login(1);
    journal.ended(&ended("ada", 2));
    journal.marked(Mark { user: user("ada"), disabled: true, at: Timestamp::from_millis(1) });
    journal.answered_for(60).await;
    assert_eq!(journal.known(), (1, 1));
    // An answer is sure a while later.
    journal.answered_for(30).await;
    assert_eq!(journal.known(), (0, 1));
    journal.answered_for(60).await;
    assert_eq!((journal.known(), journal.facts(ada())), ((0, 0), Facts::default()));
    assert_eq!((journal.bytes.load(Ordering::Relaxed), journal.metrics.journal_facts.get()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_while_its_part_of_the_store_is_away() {
    let journal = journal(CAPACITY_BYTES);
    journal.login(1);
    journal.answered_for(1).await;
    advance(Duration::from_secs(3600)).await;
    assert!(journal.wants_answer(ada()));
    let elsewhere = Partition::all().find(|partition| *partition != ada()).unwrap();
    journal.answered(elsewhere);
    assert_eq!(journal.known(), (1, 0));
    // It answers again, and may yet turn out to be another server, which has forgotten.
    journal.answered_for(9).await;
    assert_eq!(journal.known(), (1, 0));
    journal.answered_for(15).await;
    assert_eq!(journal.known(), (0, 0));
    assert!(!journal.wants_answer(ada()));
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_while_it_waits_to_be_told_again_and_the_time_begins_anew_then() {
    let journal = journal(CAPACITY_BYTES);
    journal.login(1);
    journal.keep(ada());
    journal.answered_for(600).await;
    assert_eq!(journal.known(), (1, 0));
    journal.told_again(ada(), Instant::now());
    journal.release(ada());
    journal.answered_for(60).await;
    assert_eq!(journal.known(), (1, 0), "the store may forget it a second time");
    journal.answered_for(30).await;
    assert_eq!(journal.known(), (0, 0));
}

/// A node that renews every few minutes settles it later than its marks would be kept.
#[tokio::test(start_paused = true)]
async fn who_is_disabled_is_known_until_that_is_settled() {
    let journal = journal(CAPACITY_BYTES);
    let mark = |name, disabled| Mark { user: user(name), disabled, at: Timestamp::from_millis(7) };
    journal.marked(mark("ada", true));
    journal.keep(ada());
    journal.told_again(ada(), Instant::now());
    journal.release(ada());
    journal.answered_for(600).await;
    assert_eq!(journal.disablings(ada()), [mark("ada", true)]);
    journal.settled(ada());
    journal.answered_for(1).await;
    assert!(journal.disablings(ada()).is_empty());
    journal.marked(mark("ada", false));
    assert!(journal.disablings(ada()).is_empty(), "enabled");
}

#[tokio::test(start_paused = true)]
async fn a_login_whose_end_is_known_is_not_told_again() {
    let journal = journal(CAPACITY_BYTES);
    journal.login(1);
    journal.login(2);
    journal.ended(&Record { data: Some("[1]".into()), ..ended("ada", 1) });
    let facts = journal.facts(ada());
    assert_eq!(facts.logins.len(), 1);
    assert_eq!(facts.logins[0].image.id(), record("ada", 2).session.id);
    assert_eq!(facts.ends[0].record().unwrap(), ended("ada", 1), "without its data");
}

/// Each heal found again the ends that it had told, and each next one told them twice as often.
#[tokio::test(start_paused = true)]
async fn what_is_found_again_is_still_one_fact_and_a_fresh_one() {
    let journal = journal(CAPACITY_BYTES);
    let end = Tombstone { reason: Reason::Kicked, at: Timestamp::from_millis(7), by: None };
    let ended = Record { end: Some(end), ..record("ada", 2) };
    for _ in 0..3 {
        journal.login(1);
        journal.ended(&ended);
        advance(Duration::from_secs(1)).await;
    }
    let facts = journal.facts(ada());
    assert_eq!((facts.logins.len(), facts.ends.len(), journal.metrics.journal_facts.get()), (1, 1, 2));
    advance(LOGINS_KEPT - Duration::from_millis(1_500)).await;
    journal.answered(ada());
    advance(NOTICE_WITHIN).await;
    journal.answered(ada());
    assert_eq!(journal.facts(ada()).logins.len(), 1, "kept from when it was said last");
}

#[tokio::test(start_paused = true)]
async fn without_room_the_oldest_of_the_partition_go_and_are_counted() {
    let one = {
        let journal = journal(CAPACITY_BYTES);
        journal.login(1);
        journal.bytes.load(Ordering::Relaxed)
    };
    let journal = journal(3 * one);
    journal.seated(&record("eve", 9), Timestamp::from_millis(1));
    for number in 1..=4 {
        journal.login(number);
        advance(Duration::from_millis(1)).await;
    }
    let left: Vec<_> = journal.facts(ada()).logins.iter().map(|login| login.image.id()).collect();
    assert_eq!(left, [record("ada", 3).session.id, record("ada", 4).session.id]);
    assert_eq!(journal.facts(Partition::of(&user("eve"))).logins.len(), 1, "other partitions are left alone");
    assert_eq!((journal.metrics.journal_dropped.get(), journal.metrics.journal_facts.get()), (2, 3));
    journal.seated(&record("kim", 5), Timestamp::from_millis(1));
    assert_eq!(
        journal.metrics.journal_dropped.get(),
        3,
        "nor does a partition that has none push others out"
    );
    assert!(journal.bytes.load(Ordering::Relaxed) <= 3 * one);
}

/// A user that is a service filled the journal, and from then on nobody else's logins were noted at all.
#[tokio::test(start_paused = true)]
async fn one_partition_takes_no_more_than_its_share() {
    let one = {
        let journal = journal(CAPACITY_BYTES);
        journal.login(1);
        journal.bytes.load(Ordering::Relaxed)
    };
    let journal = Journal::with_capacity(8 * one, 2 * one, Arc::new(Metrics::new()));
    for number in 1..=4 {
        journal.login(number);
        // Said again it is still one.
        journal.login(number);
    }
    let left: Vec<_> = journal.facts(ada()).logins.iter().map(|login| login.image.id()).collect();
    assert_eq!(left, [record("ada", 3).session.id, record("ada", 4).session.id]);
    assert_eq!((journal.metrics.journal_dropped.get(), journal.metrics.journal_facts.get()), (2, 2));
    journal.seated(&record("eve", 9), Timestamp::from_millis(1));
    assert_eq!(journal.facts(Partition::of(&user("eve"))).logins.len(), 1);
    journal.answered_for(90).await;
    journal.answered(Partition::of(&user("eve")));
    journal.login(5);
    assert_eq!(journal.known(), (1, 0), "what has gone leaves room");
}

/// Whose first step was to look for a later word, and whose second to note theirs: both looked before either noted, and
/// the earlier word removed the later one.
#[test]
fn of_two_words_said_at_once_the_later_one_stays() {
    let journal = journal(CAPACITY_BYTES);
    let users: Vec<_> = (0..200).map(|number| user(&format!("user-{number}"))).collect();
    let said =
        |user: &UserId, ms| Mark { user: user.clone(), disabled: ms == 10, at: Timestamp::from_millis(ms) };
    let both = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for ms in [10, 20] {
            let (both, users, journal) = (&both, &users, &journal);
            scope.spawn(move || {
                for user in users {
                    both.wait();
                    journal.marked(said(user, ms));
                }
            });
        }
    });
    for user in &users {
        let marks = journal.facts(Partition::of(user)).marks;
        let about: Vec<_> = marks.iter().filter(|mark| mark.user == *user).collect();
        assert_eq!(about, [&said(user, 20)]);
    }
}

#[tokio::test(start_paused = true)]
async fn changed_data_are_those_of_the_login_that_is_told_again() {
    let journal = journal(CAPACITY_BYTES);
    journal.login(1);
    let changed = Record { data: Some("[1]".into()), ..record("ada", 1) };
    journal.changed(&changed);
    assert_eq!(journal.facts(ada()).logins[0].image.record().unwrap(), changed);
    journal.answered_for(90).await;
    assert_eq!(journal.bytes.load(Ordering::Relaxed), 0, "what was booked is booked off");
    assert_eq!(journal.part(ada()).unwrap().bytes, 0, "of the partition too");
}

#[tokio::test(start_paused = true)]
async fn for_a_store_that_never_forgets_nothing_is_kept() {
    let journal = Journal::off(Arc::new(Metrics::new()));
    journal.login(1);
    journal.ended(&ended("ada", 1));
    journal.answered(ada());
    assert_eq!((journal.known(), journal.wants_answer(ada())), ((0, 0), false));
}

/// Who disabled a user and who enabled it again were answered in the other order.
#[tokio::test(start_paused = true)]
async fn the_last_word_about_a_user_is_the_one_that_was_said_last() {
    let journal = journal(CAPACITY_BYTES);
    let said = |disabled, ms| Mark { user: user("ada"), disabled, at: Timestamp::from_millis(ms) };
    journal.marked(said(false, 2));
    journal.marked(said(true, 1));
    assert_eq!(journal.facts(ada()).marks, [said(false, 2)]);
    journal.marked(said(true, 3));
    assert_eq!(journal.facts(ada()).marks, [said(true, 3)]);
}

/// A renewal found another end of it in the store before the store was told of this one.
#[tokio::test(start_paused = true)]
async fn of_two_ends_the_earlier_one_is_told_again() {
    let journal = journal(CAPACITY_BYTES);
    let at = |ms| {
        let end = Tombstone { reason: Reason::Kicked, at: Timestamp::from_millis(ms), by: None };
        Record { end: Some(end), ..record("ada", 1) }
    };
    for ms in [5, 9, 3] {
        journal.ended(&at(ms));
        let ends = journal.facts(ada()).ends;
        assert_eq!(ends.iter().map(|end| end.ended_at().as_millis()).collect::<Vec<_>>(), [ms.min(5)]);
    }
}
