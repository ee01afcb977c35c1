//! One run: people at work, a fault among them, an audit after it, and the judgement.

use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::deafness::Counts;
use super::fault::{Fault, Strike};
use super::history::{History, OnFull, Us};
use super::judge::{self, Kind, Terms, Verdict, Violation};
use super::person::{Person, Role};
use super::scribe::Clock;
use super::stage::{Probed, Stage, Topology};
use crate::support::lag::Lag;

const PEOPLE: usize = 9;
/// Before the fault.
const FIRST: Duration = Duration::from_millis(500);
/// After the nodes serve again.
const LAST: Duration = Duration::from_millis(400);
/// What an ended socket may take if all else is well: a renewal, and the second that the issue allows.
const OUT_WITHIN: Duration = Duration::from_secs(2);
/// By when all holds again after a failover: a renewal, and a second.
const HEALED_WITHIN: Duration = Duration::from_secs(2);
/// By when logins are answered again, from the death of a primary.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// And by when, from the moment when the store could be reached again: the longest pause between two attempts.
const FOUND_WITHIN: Duration = Duration::from_secs(2);
/// What was lost must still be lost after so long, or it was late.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);
/// A call that takes longer has no answer; the nodes themselves give up after 3 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// Longer than any fault here takes to be over.
const GIVE_UP: Duration = Duration::from_secs(30);

/// What repeats a run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub topology: Topology,
    pub on_full: OnFull,
    pub fault: Fault,
    pub seed: u64,
}

/// The policy of a seed's run: a third refuse newcomers.
pub fn on_full(seed: u64) -> OnFull {
    if seed.is_multiple_of(3) { OnFull::DenyNew } else { OnFull::KickOld }
}

pub struct Outcome {
    pub plan: Plan,
    pub logins: usize,
    pub two_live: Us,
    pub out: Us,
    /// From the moment when the store could be reached again until nothing acknowledged was contradicted any more.
    pub healed: Us,
    /// From the death, or from the end of what was lifted, until logins were answered again.
    pub back: Duration,
    /// How many elections of another primary came to nothing, and made [`Self::back`] longer.
    pub elections_lost: usize,
    /// How often the primary was changed by an election that the fault did not ask for.
    pub shifts: usize,
    pub violations: Vec<(String, Violation)>,
    /// Whether the machine was later than any bound allows for.
    pub too_busy: bool,
    pub took: Duration,
    /// Of those who suffered one, for whoever looks into it.
    pub histories: Vec<History>,
}

impl Outcome {
    /// How often acknowledged things were lost.
    pub fn lost(&self) -> usize {
        self.count(Kind::Lost)
    }

    /// How often a promise was broken, losses among them.
    pub fn broken(&self) -> usize {
        if self.is_void() { 0 } else { self.violations.len() }
    }

    /// How often something was not lost and not wrong, but too late.
    pub fn late(&self) -> usize {
        if self.is_void() { 0 } else { self.count(Kind::Late) }
    }

    /// Whether it says nothing: what was found may come of a machine that was too busy, for all of it is about time.
    /// What a login, a check or a socket must never be told, and what is lost for good, counts however busy the machine
    /// was.
    pub fn is_void(&self) -> bool {
        let found = &self.violations;
        self.too_busy && !found.is_empty() && self.count(Kind::Late) == found.len()
    }

    fn count(&self, kind: Kind) -> usize {
        self.violations.iter().filter(|(_, violation)| violation.kind == kind).count()
    }

    /// In a line, as soon as it is over.
    pub fn summary(&self) -> String {
        let Plan { topology, fault, seed, .. } = self.plan;
        let verdict = match self.broken() {
            0 if self.is_void() => "VOID, the machine was too busy".to_owned(),
            0 => "held".to_owned(),
            broken => format!("BROKEN {broken} times, {} of them lost, {} late", self.lost(), self.late()),
        };
        let (logins, back) = (self.logins, self.back.as_millis());
        let [two, out, healed] = [self.two_live, self.out, self.healed].map(|time| time.div_ceil(1000));
        let split = match self.elections_lost {
            0 => String::new(),
            lost => format!(" ({lost} elections of a primary came to nothing)"),
        };
        let others = match self.shifts {
            0 => String::new(),
            others => format!(", {others} more elections of a primary"),
        };
        let (fault, topology, took) = (fault.name(), topology.name(), self.took.as_secs_f64());
        format!(
            "{fault} on {topology}, seed {seed}: {verdict}; {logins} logins, two live for {two} ms, \
             out within {out} ms, healed after {healed} ms, logins back after {back} ms{split}{others}; \
             took {took:.1} s"
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { topology, fault, seed, .. } = self.plan;
        writeln!(f, "{}", self.summary())?;
        for (user, violation) in self.violations.iter().take(12) {
            let Violation { kind, at, what } = violation;
            writeln!(f, "  {kind:?} at {} ms, {user}: {what}", at / 1000)?;
        }
        let (fault, topology) = (fault.name(), topology.name());
        write!(f, "repeat it: scripts/faults --fault {fault} --topology {topology} --seed {seed} --runs 1")
    }
}

/// The fault, as it went by.
struct Struck {
    from: Us,
    /// When the store could be reached again: what is promised within a time of that counts from here, and not from when
    /// servers or nodes were whole.
    reachable: Us,
    /// When logins and sockets were served again by all nodes, if they were.
    served: Option<Us>,
    /// Until logins were answered again, if they were.
    back: Duration,
    /// And until they could be.
    over: Duration,
    logins: Probed,
    sockets: Probed,
    elections_lost: usize,
    /// How many were won before the fault, and when it was over.
    elections_won: (usize, usize),
    /// What the wires have swallowed meanwhile.
    swallowed: u32,
    /// What the nodes counted while all messages were lost.
    deafness: Option<Counts>,
}

pub async fn run(stage: &mut Stage, plan: Plan) -> Outcome {
    let (http, started) = (client(), Instant::now());
    let mut random = StdRng::seed_from_u64(plan.seed);
    stage.watch_closely(plan.fault.is_a_death()).await;
    let (clock, lag, stop) = (Clock::start(), Lag::watch(), CancellationToken::new());
    let people: Vec<_> = (0..PEOPLE)
        .map(|number| {
            let role = plan.role(number, &mut random);
            let person = Person::new(role, &stage.addresses, &http, clock);
            tokio::spawn(person.live(stop.clone()))
        })
        .collect();
    sleep(FIRST).await;
    let struck = strike(stage, plan, &http, clock, &mut random).await;
    sleep(LAST).await;
    stop.cancel();
    let people = join_all(people).await.into_iter().map(|person| person.expect("a person does not panic"));
    let mut people: Vec<Person> = people.collect();

    let mut shifts = Shifts::of(plan, &struck);
    let terms = loop {
        let terms = shifts.terms(plan, &struck, lag.allowance());
        sleep(Duration::from_micros(terms.holds_from().saturating_sub(clock.now()))).await;
        join_all(people.iter_mut().map(Person::log_in_once_more)).await;
        let audit = clock.now();
        ask_all(&mut people, lag.allowance()).await;
        if !shifts.has_another(stage, clock).await {
            break Terms { audit, ..terms };
        }
    };
    let mut outcome = Outcome::of(plan, struck.back);
    (outcome.elections_lost, outcome.shifts) = (struck.elections_lost, shifts.others);
    for person in people {
        let scribe = person.leave().await;
        scribe.look(|history| outcome.take(history, judge::judge(history, terms)));
    }
    outcome.judge_the_whole(&struck, lag.allowance());
    (outcome.too_busy, outcome.took) = (lag.is_beyond_allowance(), started.elapsed());
    outcome
}

/// Everybody asks about everything once more, and waits for who has yet to be told.
async fn ask_all(people: &mut [Person], lag: Duration) {
    let begun = Instant::now();
    join_all(people.iter_mut().map(Person::audit)).await;
    let last = begun + OUT_WITHIN + lag + Duration::from_millis(100);
    while people.iter().any(|person| person.scribe.look(judge::is_pending)) && Instant::now() < last {
        sleep(Duration::from_millis(10)).await;
    }
    // It is too late for that now, whatever the answer. It tells what is late from what is lost.
    while people.iter().any(|person| person.scribe.look(judge::is_unsettled))
        && begun.elapsed() < SETTLED_WITHIN
    {
        sleep(Duration::from_millis(200)).await;
        join_all(people.iter_mut().map(Person::audit)).await;
    }
}

async fn strike(
    stage: &mut Stage,
    plan: Plan,
    http: &reqwest::Client,
    clock: Clock,
    random: &mut StdRng,
) -> Struck {
    let (from, before) = (clock.now(), (stage.swallowed(), stage.elections_lost(), stage.elections_won()));
    let Strike { counted, reachable, deafness } = plan.fault.strike(stage, http, random).await;
    let (over, swallowed) = (reachable.duration_since(counted), stage.swallowed() - before.0);
    let elections_won = (before.2, stage.elections_won());
    let reachable = clock.at(reachable);
    let logins = stage.logs_in_within(GIVE_UP, http).await;
    let back = counted.elapsed();
    let sockets = stage.serves_within(GIVE_UP, http).await;
    let served = (logins.all_served && sockets.all_served).then(|| clock.now());
    // People go on meanwhile, and are judged as ever: an old primary that has not heard of its end must harm nobody.
    stage.settle().await;
    let elections_lost = stage.elections_lost() - before.1;
    Struck {
        from,
        reachable,
        served,
        back,
        over,
        logins,
        sockets,
        elections_lost,
        elections_won,
        swallowed,
        deafness,
    }
}

/// Changes of the primary beyond the one that the fault is about. A Sentinel that was late to greet the promoted server
/// takes it for dead and promotes the next: then the store forgets once more, and all that is promised of a failover counts
/// from there again.
struct Shifts {
    /// Elections won, that are known of.
    won: usize,
    /// When the last of them was over.
    reachable: Us,
    others: usize,
}

impl Shifts {
    const MOST: usize = 3;

    fn of(plan: Plan, struck: &Struck) -> Self {
        let (before, won) = struck.elections_won;
        let others = if plan.fault.is_a_death() { 0 } else { won.saturating_sub(before) };
        Self { won, reachable: struck.reachable, others }
    }

    /// Whether there was another one, which is over now. At most [`Self::MOST`] are followed.
    async fn has_another(&mut self, stage: &Stage, clock: Clock) -> bool {
        let others = stage.elections_won().saturating_sub(self.won);
        if others == 0 || self.others + others > Self::MOST {
            return false;
        }
        stage.settle().await;
        *self = Self { won: stage.elections_won(), reachable: clock.now(), others: self.others + others };
        true
    }

    /// But for the audit.
    fn terms(&self, plan: Plan, struck: &Struck, lag: Duration) -> Terms {
        let healing = plan.fault.noticed_within() + HEALED_WITHIN + lag;
        let forgets = plan.fault.forgets(plan.topology) || self.others > 0;
        let healed = forgets.then(|| self.reachable + us(healing));
        let found = self.reachable + us(FOUND_WITHIN + lag);
        let served = if self.others > 0 { found } else { struck.served.map_or(found, |at| at.min(found)) };
        Terms {
            // What a healing store can't say for certain is answered with 503, too.
            disturbed: Some((struck.from, healed.map_or(served, |healed| healed.max(served)))),
            may_fail: plan.fault.may_fail() || self.others > 0,
            may_cut: plan.fault.may_cut(),
            healed,
            reachable: self.reachable,
            out_within: us(OUT_WITHIN + lag),
            audit: Us::MAX,
        }
    }
}

impl Plan {
    fn role(&self, number: usize, random: &mut StdRng) -> Role {
        Role {
            name: format!("u{number}-{}-{}", self.fault.name(), self.seed),
            seats: 1 + number % 3,
            on_full: self.on_full,
            seed: random.random(),
        }
    }
}

impl Outcome {
    /// Of a run of which nothing is known yet.
    pub fn of(plan: Plan, back: Duration) -> Self {
        let (violations, histories) = (Vec::new(), Vec::new());
        let (too_busy, took) = (false, Duration::ZERO);
        let (logins, two_live, out, healed, elections_lost, shifts) = (0, 0, 0, 0, 0, 0);
        Self {
            plan,
            logins,
            two_live,
            out,
            healed,
            back,
            elections_lost,
            shifts,
            violations,
            too_busy,
            took,
            histories,
        }
    }

    fn take(&mut self, history: &History, verdict: Verdict) {
        self.logins += verdict.logins;
        self.two_live = self.two_live.max(verdict.two_live);
        self.out = self.out.max(verdict.out);
        self.healed = self.healed.max(verdict.healed);
        if !verdict.violations.is_empty() {
            self.histories.push(history.clone());
        }
        let of_whom = |found| (history.user.clone(), found);
        self.violations.extend(verdict.violations.into_iter().map(of_whom));
    }

    /// What no single user sees.
    fn judge_the_whole(&mut self, struck: &Struck, lag: Duration) {
        let limit = self.back_within(struck.over) + lag;
        if struck.served.is_none() || self.back > limit {
            let (back, by) = (self.back, &struck.logins.held_up_by);
            self.found(Kind::Late, format!("logins were back after {back:?}, not within {limit:?}: {by}"));
        }
        let socket_limit = struck.reachable + us(FOUND_WITHIN + lag);
        if let Some(served) = struck.served
            && served > socket_limit
        {
            let late = (served - socket_limit) / 1000;
            self.found(
                Kind::Late,
                format!("sockets were served {late} ms late: {}", struck.sockets.held_up_by),
            );
        }
        let swallows = matches!(self.plan.fault, Fault::MessagesLost | Fault::RepliesLost);
        if swallows && struck.swallowed == 0 {
            self.wrong("nothing was swallowed: nothing is proved".to_owned());
        }
        if let Some(Counts { heard, found }) = struck.deafness
            && (heard > 0 || found == 0)
        {
            self.wrong(format!("deaf nodes heard {heard} messages, and renewals found {found} ends"));
        }
        if self.logins < PEOPLE {
            self.wrong(format!("only {} logins: nothing is proved", self.logins));
        }
    }

    /// After the death of a primary five seconds, whatever Sentinels or a Cluster need to agree; but where an election
    /// came to nothing, which they themselves must say, what they needed for the next is theirs. Such runs are counted.
    fn back_within(&self, over: Duration) -> Duration {
        if !self.plan.fault.is_a_death() {
            FOUND_WITHIN
        } else if self.elections_lost > 0 {
            BACK_WITHIN.max(over + FOUND_WITHIN)
        } else {
            BACK_WITHIN
        }
    }

    pub fn wrong(&mut self, what: String) {
        self.found(Kind::Wrong, what);
    }

    fn found(&mut self, kind: Kind, what: String) {
        self.violations.push((String::new(), Violation { kind, at: 0, what }));
    }
}

pub fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().timeout(CALL_TIMEOUT).no_proxy().user_agent("hotseat-faults");
    builder.build().expect("a client without TLS can be built")
}

fn us(duration: Duration) -> Us {
    Us::try_from(duration.as_micros()).unwrap_or(Us::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(too_busy: bool, kinds: &[Kind]) -> Outcome {
        let fault = Fault::MessagesLost;
        let plan = Plan { topology: Topology::Single, on_full: OnFull::KickOld, fault, seed: 1 };
        let mut outcome = Outcome::of(plan, Duration::ZERO);
        outcome.too_busy = too_busy;
        kinds.iter().for_each(|kind| outcome.found(*kind, String::new()));
        outcome
    }

    #[test]
    fn what_came_late_on_a_machine_that_was_too_busy_is_void_and_what_must_never_be_is_not() {
        let void = found(true, &[Kind::Late, Kind::Late]);
        assert!(void.is_void() && void.broken() == 0);
        let counts = [(false, Kind::Late), (true, Kind::Wrong), (true, Kind::Lost)];
        for counts in counts.map(|(too_busy, kind)| found(too_busy, &[Kind::Late, kind])) {
            assert!(!counts.is_void() && counts.broken() == 2);
        }
        let held = found(true, &[]);
        assert!(!held.is_void(), "nothing came late, however busy it was");
    }

    #[test]
    fn only_an_election_that_came_to_nothing_makes_more_of_five_seconds() {
        let mut outcome = found(false, &[]);
        outcome.plan.fault = Fault::PrimaryKilled;
        let slow = Duration::from_secs(9);
        assert_eq!(outcome.back_within(slow), BACK_WITHIN);
        outcome.elections_lost = 1;
        assert_eq!(outcome.back_within(slow), slow + FOUND_WITHIN);
        assert_eq!(outcome.back_within(Duration::from_secs(1)), BACK_WITHIN);
    }
}
