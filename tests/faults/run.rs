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
use super::lag::Lag;
use super::person::{Person, Role};
use super::scribe::Clock;
use super::stage::{Stage, Topology};

const PEOPLE: usize = 9;
/// Before the fault.
const FIRST: Duration = Duration::from_millis(500);
/// After the nodes serve again.
const LAST: Duration = Duration::from_millis(400);
/// What an ended socket may take if all else is well: a renewal, and the second that the issue allows.
const OUT_WITHIN: Duration = Duration::from_secs(2);
/// By when all holds again after a failover: a renewal, and a second.
const HEALED_WITHIN: Duration = Duration::from_secs(2);
/// By when logins are answered again, from the death of a primary, or from the end of what was lifted.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// And by when, from the moment when another primary was there.
const FOUND_WITHIN: Duration = Duration::from_secs(2);
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
    /// From the death, or from the end of what was lifted, until logins were answered again.
    pub back: Duration,
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
        self.violations.iter().filter(|(_, violation)| violation.kind == Kind::Lost).count()
    }

    /// How often a promise was broken, losses among them.
    pub fn broken(&self) -> usize {
        if self.is_void() { 0 } else { self.violations.len() }
    }

    /// Whether it says nothing: what was found may come of a machine that was too busy, for all of it is about time.
    /// What a login, a check or a socket must never be told counts however busy the machine was.
    pub fn is_void(&self) -> bool {
        let is_of_time = |violation: &Violation| matches!(violation.kind, Kind::Late | Kind::Lost);
        let found = &self.violations;
        self.too_busy && !found.is_empty() && found.iter().all(|(_, violation)| is_of_time(violation))
    }

    /// In a line, as soon as it is over.
    pub fn summary(&self) -> String {
        let Plan { topology, fault, seed, .. } = self.plan;
        let verdict = match self.broken() {
            0 if self.is_void() => "VOID, the machine was too busy".to_owned(),
            0 => "held".to_owned(),
            broken => format!("BROKEN {broken} times, {} of them lost", self.lost()),
        };
        let (logins, out, back) = (self.logins, self.out.div_ceil(1000), self.back.as_millis());
        let (fault, topology, took) = (fault.name(), topology.name(), self.took.as_secs_f64());
        format!(
            "{fault} on {topology}, seed {seed}: {verdict}; {logins} logins, out within {out} ms, \
             logins back after {back} ms; took {took:.1} s"
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
    /// When everything was served again, if it was.
    to: Us,
    served: bool,
    /// Until logins were answered again.
    back: Duration,
    /// And until they could be.
    over: Duration,
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

    let healing = plan.fault.noticed_within() + HEALED_WITHIN + lag.allowance();
    let healed = plan.fault.forgets(plan.topology).then(|| struck.to + us(healing));
    sleep(Duration::from_micros(healed.unwrap_or(struck.to).saturating_sub(clock.now()))).await;
    join_all(people.iter_mut().map(Person::log_in_once_more)).await;
    let audit = clock.now();
    join_all(people.iter_mut().map(Person::audit)).await;
    let last = Instant::now() + OUT_WITHIN + lag.allowance() + Duration::from_millis(100);
    while people.iter().any(|person| person.scribe.look(judge::is_pending)) && Instant::now() < last {
        sleep(Duration::from_millis(10)).await;
    }

    let terms = Terms {
        // What a healing store can't say for certain is answered with 503, too.
        disturbed: Some((struck.from, healed.unwrap_or(struck.to))),
        may_fail: plan.fault.may_fail(),
        may_cut: plan.fault.may_cut(),
        healed,
        out_within: us(OUT_WITHIN + lag.allowance()),
        audit,
    };
    let mut outcome = Outcome::of(plan, struck.back);
    for person in people {
        let scribe = person.leave().await;
        scribe.look(|history| outcome.take(history, judge::judge(history, terms)));
    }
    outcome.judge_the_whole(&struck, lag.allowance());
    (outcome.too_busy, outcome.took) = (lag.is_beyond_allowance(), started.elapsed());
    outcome
}

async fn strike(
    stage: &mut Stage,
    plan: Plan,
    http: &reqwest::Client,
    clock: Clock,
    random: &mut StdRng,
) -> Struck {
    let (from, before) = (clock.now(), stage.swallowed());
    let Strike { counted, deafness } = plan.fault.strike(stage, http, random).await;
    let (over, swallowed) = (counted.elapsed(), stage.swallowed() - before);
    let logs_in = stage.logs_in_within(GIVE_UP, http).await.is_some();
    let back = counted.elapsed();
    stage.settle().await;
    let served = logs_in && stage.serves_within(GIVE_UP, http).await.is_some();
    Struck { from, to: clock.now(), served, back, over, swallowed, deafness }
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
        Self { plan, logins: 0, two_live: 0, out: 0, back, violations, too_busy, took, histories }
    }

    fn take(&mut self, history: &History, verdict: Verdict) {
        self.logins += verdict.logins;
        self.two_live = self.two_live.max(verdict.two_live);
        self.out = self.out.max(verdict.out);
        if !verdict.violations.is_empty() {
            self.histories.push(history.clone());
        }
        let of_whom = |found| (history.user.clone(), found);
        self.violations.extend(verdict.violations.into_iter().map(of_whom));
    }

    /// What no single user sees.
    fn judge_the_whole(&mut self, struck: &Struck, lag: Duration) {
        // What Sentinels or a Cluster take to agree, which may be long if their first vote is split, is theirs.
        let limit = BACK_WITHIN.max(struck.over + FOUND_WITHIN) + lag;
        if !struck.served || self.back > limit {
            self.found(Kind::Late, format!("logins were back after {:?}, not within {limit:?}", self.back));
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
        let void = found(true, &[Kind::Late, Kind::Lost]);
        assert!(void.is_void() && void.broken() == 0);
        for counts in [found(false, &[Kind::Late, Kind::Lost]), found(true, &[Kind::Late, Kind::Wrong])] {
            assert!(!counts.is_void() && counts.broken() == 2);
        }
        let held = found(true, &[]);
        assert!(!held.is_void(), "nothing came late, however busy it was");
    }
}
