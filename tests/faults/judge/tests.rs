//! The judge bites: histories that must not be, each of one call or frame, and the honest ones that look like them.

use std::collections::BTreeSet;

use super::super::history::{
    Call, CheckSeen, EndSeen, Failure, Heard, History, How, ListSeen, LoginSeen, OnFull, SocketLife,
    Tombstone, Us, What,
};
use super::{Kind, Terms, judge};

/// Every test's calls take so long, and come so long after each other.
const MS: Us = 1_000;

/// Writes histories down.
struct Story {
    history: History,
    terms: Terms,
    now: Us,
}

impl Story {
    fn of(seats: usize) -> Self {
        let history = History {
            user: "anna".into(),
            seats,
            on_full: OnFull::KickOld,
            calls: Vec::new(),
            sockets: Vec::new(),
        };
        Self { history, terms: Terms { out_within: 2_000 * MS, ..Terms::default() }, now: 0 }
    }

    fn then(mut self, what: What) -> Self {
        self.history.calls.push(Call { began: self.now + MS, ended: self.now + 2 * MS, what });
        self.now += 3 * MS;
        self
    }

    fn login(self, id: &str, generation: u64, replaced: &[&str]) -> Self {
        self.login_of(id, id, generation, replaced)
    }

    fn login_of(self, device: &str, id: &str, generation: u64, replaced: &[&str]) -> Self {
        let saw = LoginSeen::Seated {
            id: id.into(),
            user: "anna".into(),
            generation,
            replaced: replaced.iter().map(ToString::to_string).collect(),
            confirmed: false,
        };
        self.then(What::Login { device: device.into(), saw })
    }

    fn failed_login(self, failure: Failure) -> Self {
        self.then(What::Login { device: "d".into(), saw: LoginSeen::Failed(failure) })
    }

    fn live(self, id: &str) -> Self {
        let saw = CheckSeen::Live { id: id.into(), user: "anna".into() };
        self.then(What::Check { session: id.into(), saw })
    }

    fn ended(self, id: &str, reason: &str, by: Option<&str>) -> Self {
        self.then(What::Check { session: id.into(), saw: CheckSeen::Ended(tombstone(reason, by)) })
    }

    fn unknown(self, id: &str) -> Self {
        self.then(What::Check { session: id.into(), saw: CheckSeen::Unknown })
    }

    fn kick(self, id: &str) -> Self {
        self.then(What::End { how: How::Kick(id.into()), saw: EndSeen::Done(None) })
    }

    fn list(self, ids: &[&str]) -> Self {
        let users = BTreeSet::from(["anna".to_owned()]);
        let ids = ids.iter().map(ToString::to_string).collect();
        self.then(What::List { saw: ListSeen::Sessions { ids, users } })
    }

    /// A socket opened now that hears these, each so many milliseconds after.
    fn socket(mut self, id: &str, heard: &[(Us, Heard)]) -> Self {
        let heard = heard.iter().map(|(after, heard)| (self.now + after * MS, heard.clone())).collect();
        self.history.sockets.push(SocketLife { session: id.into(), opened: self.now, heard });
        self
    }

    fn wait(mut self, ms: Us) -> Self {
        self.now += ms * MS;
        self
    }

    /// From here on is the audit.
    fn audit(mut self) -> Self {
        self.terms.audit = self.now;
        self
    }

    /// A fault from here on, until now.
    fn disturbed_from(mut self, from: Us, may_cut: bool) -> Self {
        self.terms.disturbed = Some((from, self.now));
        (self.terms.may_fail, self.terms.may_cut) = (true, may_cut);
        self
    }

    /// The store has forgotten since `from`; from now on all is well again.
    fn healed_since(mut self, from: Us) -> Self {
        self = self.disturbed_from(from, false);
        self.terms.healed = Some(self.now);
        self
    }

    #[track_caller]
    fn right(self) {
        let violations = judge(&self.history, self.terms).violations;
        assert!(violations.is_empty(), "{violations:#?}");
    }

    #[track_caller]
    fn broken(self, kind: Kind, words: &str) {
        let violations = judge(&self.history, self.terms).violations;
        let found = violations.iter().any(|found| found.kind == kind && found.what.contains(words));
        assert!(found, "nobody said {words:?}: {violations:#?}");
    }

    #[track_caller]
    fn wrong(self, words: &str) {
        self.broken(Kind::Wrong, words);
    }

    #[track_caller]
    fn late(self, words: &str) {
        self.broken(Kind::Late, words);
    }
}

fn tombstone(reason: &str, by: Option<&str>) -> Tombstone {
    Tombstone { reason: reason.into(), by: by.map(str::to_owned) }
}

fn welcome(id: &str) -> Heard {
    Heard::Welcome { id: id.into(), user: "anna".into() }
}

fn out(reason: &str, by: &str) -> Heard {
    Heard::Out(tombstone(reason, Some(by)))
}

/// a is taken over by b, and everybody is told so.
fn takeover() -> Story {
    Story::of(1).login("a", 1, &[]).login("b", 2, &["a"])
}

#[test]
fn a_takeover_as_it_should_be() {
    takeover().audit().ended("a", "takeover", Some("b")).live("b").list(&["b"]).right();
}

#[test]
fn an_ended_session_that_is_accepted() {
    takeover().live("a").wrong("accepted after its end");
    takeover().socket("a", &[(1, welcome("a"))]).wrong("accepted after its end");
    Story::of(1).login("a", 1, &[]).kick("a").live("a").wrong("accepted after its end");
    // Whoever was told once, by whatever route, is not live again.
    let told = Story::of(1).login("a", 1, &[]).failed_login(Failure::Unavailable).disturbed_from(0, false);
    told.ended("a", "takeover", Some("ghost")).live("a").wrong("accepted after its end");
}

#[test]
fn more_live_than_seats() {
    let both = Story::of(1).login("a", 1, &[]).login("b", 2, &[]);
    both.live("a").live("b").wrong("sessions were live on 1 seats");
    Story::of(1).login("a", 1, &[]).login("b", 2, &[]).audit().list(&["a", "b"]).wrong("hold 1 seats");
}

#[test]
fn nobody_left_after_a_race() {
    let zero = takeover().audit().ended("a", "takeover", Some("b")).ended("b", "takeover", Some("a"));
    zero.wrong("put out by nobody");
}

#[test]
fn the_older_one_wins() {
    Story::of(1).login("b", 2, &[]).login("a", 1, &["b"]).wrong("put out the newer b");
    // Carried out before it, and again at a store that has forgotten both, before it was answered.
    let again = |answered: Us| {
        let mut story = Story::of(1).login("b", 2, &[]).login("a", 1, &["b"]);
        story.history.calls[0].ended = answered;
        story.ended("a", "takeover", Some("b")).kick("b").ended("b", "kicked", None)
    };
    again(9 * MS).healed_since(MS).right();
    again(9 * MS).wrong("put out the newer b");
    again(4 * MS).healed_since(MS).wrong("put out the newer b");
    // The newer of two was put out, the oldest stays.
    Story::of(2).login("a", 1, &[]).login("b", 2, &[]).login("c", 3, &["b"]).wrong("the rule says");
}

#[test]
fn an_innocent_put_out() {
    Story::of(2).login("a", 1, &[]).login("b", 2, &["a"]).wrong("the rule says {}");
    Story::of(1).login("a", 1, &[]).ended("a", "kicked", None).wrong("put out by nobody");
    let socket = Story::of(1).login("a", 1, &[]);
    socket.socket("a", &[(1, welcome("a")), (2, Heard::Closed(4401))]).wrong("never to have been");
    let cut = Story::of(1).login("a", 1, &[]).socket("a", &[(1, welcome("a")), (2, Heard::Cut)]);
    cut.late("was lost");
}

#[test]
fn told_the_wrong_reason_or_by_the_wrong_one() {
    takeover().ended("a", "kicked", None).wrong("put out by nobody");
    takeover().ended("a", "takeover", Some("a")).wrong("put out by nobody");
    takeover().unknown("a").wrong("never to have been");
    // The same device is replaced, another taken over.
    let same = Story::of(1).login_of("d", "a", 1, &[]).login_of("d", "b", 2, &["a"]);
    same.ended("a", "takeover", Some("b")).wrong("put out by nobody");
}

#[test]
fn somebody_elses_session() {
    let saw = CheckSeen::Live { id: "a".into(), user: "bert".into() };
    let check = What::Check { session: "a".into(), saw };
    Story::of(1).login("a", 1, &[]).then(check).wrong("taken for a of bert");
    let saw = CheckSeen::Live { id: "z".into(), user: "anna".into() };
    let check = What::Check { session: "a".into(), saw };
    Story::of(1).login("a", 1, &[]).then(check).wrong("taken for z");
}

#[test]
fn a_generation_that_falls_or_is_given_twice() {
    Story::of(2).login("a", 2, &[]).login("b", 1, &[]).wrong("generation 1 was given");
    Story::of(2).login("a", 2, &[]).login("b", 2, &[]).wrong("generation 2 was given");
}

#[test]
fn a_socket_that_stays_or_closes_as_something_else() {
    let stays = Story::of(1).login("a", 1, &[]).socket("a", &[(1, welcome("a"))]).wait(5);
    stays.login("b", 2, &["a"]).late("was out never");
    let late = [(1, welcome("a")), (2_100, out("takeover", "b")), (2_101, Heard::Closed(4409))];
    let late = Story::of(1).login("a", 1, &[]).socket("a", &late).wait(5).login("b", 2, &["a"]);
    late.late("ms late");
    let code = [(1, welcome("a")), (10, out("takeover", "b")), (11, Heard::Closed(4403))];
    let code = Story::of(1).login("a", 1, &[]).socket("a", &code).wait(2).login("b", 2, &["a"]);
    code.wrong("closed as something else");
    let more = [(1, welcome("a")), (10, out("takeover", "b")), (11, Heard::Restarting)];
    let more = Story::of(1).login("a", 1, &[]).socket("a", &more).wait(2).login("b", 2, &["a"]);
    more.wrong("after it was out");
}

/// Messages lost for a while are no excuse: the renewals that find an end go on all the while.
#[test]
fn a_fault_that_leaves_every_call_answered_excuses_no_socket() {
    let heard = [(1, welcome("a")), (2_500, out("takeover", "b")), (2_501, Heard::Closed(4409))];
    let story = || {
        let story = Story::of(1).login("a", 1, &[]).socket("a", &heard).wait(5);
        story.login("b", 2, &["a"]).wait(1_000).disturbed_from(0, false).audit()
    };
    let asked = |story: Story| story.ended("a", "takeover", Some("b")).live("b");
    asked(story()).right();
    let mut answered = story();
    answered.terms.may_fail = false;
    asked(answered).late("ms late");
}

#[test]
fn a_confirmed_takeover_whose_socket_was_not_told() {
    let saw = LoginSeen::Seated {
        id: "b".into(),
        user: "anna".into(),
        generation: 2,
        replaced: vec!["a".into()],
        confirmed: true,
    };
    let heard = [(1, welcome("a")), (1_500, out("takeover", "b")), (1_501, Heard::Closed(4409))];
    let story = |heard: &[(Us, Heard)]| Story::of(1).login("a", 1, &[]).socket("a", heard).wait(5);
    let login = || What::Login { device: "b".into(), saw: saw.clone() };
    story(&heard).then(login()).late("confirmed");
    // One that goes away with its node at that moment has nobody to tell.
    let gone = [(1, welcome("a")), (7, Heard::Restarting), (8, Heard::Closed(1012))];
    let story = story(&gone).then(login()).disturbed_from(0, true).audit();
    story.ended("a", "takeover", Some("b")).live("b").right();
}

#[test]
fn an_error_without_a_fault() {
    Story::of(1).failed_login(Failure::Unavailable).late("Unavailable");
    Story::of(1)
        .wait(10)
        .disturbed_from(0, false)
        .wait(10)
        .failed_login(Failure::Unavailable)
        .late("Unavailable");
    let odd = Story::of(1).failed_login(Failure::Odd("500".into())).disturbed_from(0, false);
    odd.wrong("500");
    let within = Story::of(1).failed_login(Failure::Unavailable).disturbed_from(0, false);
    within.right();
}

#[test]
fn a_login_without_an_answer_may_have_put_somebody_out_but_only_one() {
    let story = || Story::of(1).login("a", 1, &[]).failed_login(Failure::NoAnswer).disturbed_from(0, false);
    story().audit().ended("a", "takeover", Some("ghost")).list(&["ghost"]).right();
    story().audit().live("a").list(&["a"]).right();
    story().audit().ended("a", "takeover", Some("ghost")).list(&["another"]).wrong("1 logins went without");
    story().audit().ended("a", "kicked", None).wrong("put out by nobody");
}

#[test]
fn a_login_that_was_given_up_and_is_carried_out_later() {
    let story = Story::of(1).login("a", 1, &[]).failed_login(Failure::Unavailable).disturbed_from(0, false);
    let late = story.wait(4_000).live("a");
    late.ended("a", "takeover", Some("ghost")).wrong("put out by nobody");
    // Its connection was lost, and the server that hung had three seconds for it.
    let story = Story::of(1).login("a", 1, &[]).failed_login(Failure::Unavailable).disturbed_from(0, false);
    story.live("a").ended("a", "takeover", Some("ghost")).right();
}

#[test]
fn a_disabled_user_who_is_refused_too_long() {
    let disable = || What::End { how: How::Disable, saw: EndSeen::Done(Some(vec!["a".into()])) };
    let refused = || What::Login { device: "d".into(), saw: LoginSeen::Disabled };
    let enable = || What::Enable { saw: EndSeen::Done(None) };
    let story = || Story::of(1).login("a", 1, &[]).then(disable());
    story().then(refused()).audit().ended("a", "disabled", None).right();
    story().then(enable()).then(refused()).wrong("is disabled");
    Story::of(1).then(refused()).wrong("is disabled");
    // A promoted replica may have forgotten the enabling, until it is told again and not longer.
    let forgotten = story().then(enable()).then(refused()).healed_since(7 * MS);
    forgotten.audit().ended("a", "disabled", None).right();
    let healed = story().then(enable()).wait(100).healed_since(7 * MS).wait(10);
    healed.then(refused()).wrong("is disabled");
}

#[test]
fn whoever_was_forgotten_while_the_user_was_disabled_ends_by_that() {
    let disable = || What::End { how: How::Disable, saw: EndSeen::Done(Some(Vec::new())) };
    let story = || Story::of(1).login("a", 1, &[]).then(disable());
    let told = |story: Story| story.audit().ended("a", "disabled", None);
    told(story().healed_since(0)).right();
    told(story()).wrong("put out by nobody");
}

#[test]
fn whoever_came_while_the_store_had_forgotten_that_the_user_is_disabled_ends_by_that() {
    let disable = || What::End { how: How::Disable, saw: EndSeen::Done(Some(Vec::new())) };
    let enable = |saw: EndSeen| What::Enable { saw };
    let told = |story: Story| story.audit().ended("a", "disabled", None);
    let came = |story: Story| story.login("a", 1, &[]).healed_since(3 * MS);
    told(came(Story::of(1).then(disable()))).right();
    let unsure = enable(EndSeen::Failed(Failure::Unavailable));
    told(came(Story::of(1).then(disable()).then(unsure))).right();
    // But not if it was let in again, nor where nothing was forgotten.
    let enabled = enable(EndSeen::Done(None));
    told(came(Story::of(1).then(disable()).then(enabled))).wrong("put out by nobody");
    told(Story::of(1).then(disable()).login("a", 1, &[])).wrong("put out by nobody");
}

#[test]
fn whoever_was_taken_over_and_then_disabled_may_be_told_either_until_all_is_told_again() {
    let disable = || What::End { how: How::Disable, saw: EndSeen::Done(Some(vec!["b".into()])) };
    let forgotten = || takeover().then(disable()).wait(10).disturbed_from(10 * MS, false);
    let told = |story: Story| story.ended("b", "disabled", None);
    let healing = forgotten().ended("a", "disabled", None).healed_since(10 * MS).audit();
    told(healing.ended("a", "takeover", Some("b"))).right();
    let healed = forgotten().healed_since(10 * MS).wait(10).audit();
    told(healed.ended("a", "disabled", None)).wrong("put out by nobody");
}

#[test]
fn refused_although_a_seat_is_free() {
    let refused = |ids: &[&str]| {
        let ids = ids.iter().map(ToString::to_string).collect();
        What::Login { device: "d".into(), saw: LoginSeen::Full(ids) }
    };
    takeover().then(refused(&["b"])).wrong("although the oldest goes");
    let mut deny = Story::of(2);
    deny.history.on_full = OnFull::DenyNew;
    deny.login("a", 1, &[]).then(refused(&["a"])).wrong("1 seats were taken");
}

#[test]
fn after_a_failover_what_was_acknowledged_holds_again() {
    let failover = |story: Story| story.wait(100).healed_since(7 * MS).audit();
    failover(takeover()).ended("a", "takeover", Some("b")).live("b").list(&["b"]).right();
    failover(takeover()).live("a").broken(Kind::Lost, "accepted after its end");
    failover(takeover())
        .ended("a", "takeover", Some("b"))
        .unknown("b")
        .broken(Kind::Lost, "never to have been");
    // Before it was healed, the promoted replica may have said anything.
    let before = takeover().live("a").unknown("b").wait(100).healed_since(7 * MS).audit();
    before.ended("a", "takeover", Some("b")).live("b").right();
}

#[test]
fn what_a_failover_has_lost_for_good_is_no_matter_of_time_and_what_came_back_late_is_one() {
    let failover = |story: Story| story.wait(100).healed_since(7 * MS).audit();
    let back = failover(takeover()).unknown("b").live("b").live("a").ended("a", "takeover", Some("b"));
    back.late("never to have been");
    let gone = failover(takeover()).live("b").unknown("b").ended("a", "takeover", Some("b"));
    gone.broken(Kind::Lost, "never to have been");
}

#[test]
fn how_long_a_failover_took_to_heal_is_the_last_contradiction_that_it_excuses() {
    let story = takeover().wait(100).unknown("b").wait(50).live("b").healed_since(7 * MS).audit();
    let mut story = story.ended("a", "takeover", Some("b")).live("b");
    story.terms.reachable = 30 * MS;
    let verdict = judge(&story.history, story.terms);
    assert!(verdict.violations.is_empty(), "{:#?}", verdict.violations);
    assert_eq!(verdict.healed, (6 + 100 + 1 - 30) * MS);
}

#[test]
fn whoever_is_not_asked_about_is_missed() {
    takeover().audit().live("b").wrong("can't be accounted for");
    takeover().audit().ended("a", "takeover", Some("b")).live("b").list(&[]).wrong("differ");
}
