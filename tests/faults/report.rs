//! The fault table: a row for each fault on each topology, as text for a terminal or as Markdown.
//!
//! Of some times both the median and the worst are told. Runs that were void, because the machine was too busy to tell, are counted apart and in no other column.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::history::Us;
use super::run::Outcome;
use super::stage::Topology;

const COLUMNS: usize = 13;

const HEADINGS: [&str; COLUMNS] = [
    "fault",
    "topology",
    "runs",
    "logins",
    "two live (ms)",
    "out (ms)",
    "healed after (ms)",
    "back after (ms)",
    "lost",
    "wrong",
    "late",
    "elections lost, and back after (ms)",
    "void",
];

/// Of how many runs one may be void. More, and the machine is no place to judge times on.
const RUNS_PER_VOID: usize = 20;

/// What became of all runs of one fault on one topology.
#[derive(Default)]
struct Row {
    runs: usize,
    logins: usize,
    two_live: Us,
    out: Us,
    healed_ms: Vec<u128>,
    back_ms: Vec<u128>,
    lost: usize,
    wrong: usize,
    late: usize,
    /// Of the runs in which an election of a primary came to nothing, which are in none of `back_ms`.
    split_ms: Vec<u128>,
    void: usize,
}

#[derive(Default)]
pub struct Report {
    rows: BTreeMap<(Fault, Topology), Row>,
}

impl Report {
    pub fn take(&mut self, outcome: &Outcome) {
        let row = self.rows.entry((outcome.plan.fault, outcome.plan.topology)).or_default();
        if outcome.is_void() {
            row.void += 1;
            return;
        }
        row.runs += 1;
        row.logins += outcome.logins;
        row.two_live = row.two_live.max(outcome.two_live);
        row.out = row.out.max(outcome.out);
        row.healed_ms.push(outcome.healed.div_ceil(1000).into());
        let back_ms = if outcome.elections_lost == 0 { &mut row.back_ms } else { &mut row.split_ms };
        back_ms.push(outcome.back.as_millis());
        row.lost += outcome.lost();
        row.late += outcome.late();
        row.wrong += outcome.broken() - outcome.lost() - outcome.late();
    }

    /// Those that were judged.
    pub fn runs(&self) -> usize {
        self.rows.values().map(|row| row.runs).sum()
    }

    pub fn void(&self) -> usize {
        self.rows.values().map(|row| row.void).sum()
    }

    /// Whether something was proved, and nothing was broken.
    pub fn is_clean(&self) -> bool {
        self.runs() > 0 && self.violations() == 0 && self.void() * RUNS_PER_VOID <= self.runs() + self.void()
    }

    /// Violations of every kind.
    pub fn violations(&self) -> usize {
        self.rows.values().map(|row| row.lost + row.wrong + row.late).sum()
    }

    pub fn text(&self) -> String {
        let lines = self.cells();
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let padded = |line: &[String; COLUMNS]| {
            let cells = line.iter().enumerate().map(|(column, cell)| {
                let width = width(column);
                if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            cells.collect::<Vec<_>>().join("  ")
        };
        lines.iter().map(padded).collect::<Vec<_>>().join("\n")
    }

    pub fn markdown(&self) -> String {
        let lines = self.cells();
        let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let mut table = vec![row(&lines[0]), "| --- | --- |".to_owned() + &" ---: |".repeat(COLUMNS - 2)];
        table.extend(lines[1..].iter().map(|line| row(line)));
        table.join("\n")
    }

    fn cells(&self) -> Vec<[String; COLUMNS]> {
        let rows = self.rows.iter().map(|((fault, topology), row)| {
            [
                fault.name().to_owned(),
                topology.name().to_owned(),
                row.runs.to_string(),
                row.logins.to_string(),
                (row.two_live.div_ceil(1000)).to_string(),
                (row.out.div_ceil(1000)).to_string(),
                if fault.forgets(*topology) { spread(&row.healed_ms) } else { "-".to_owned() },
                spread(&row.back_ms),
                row.lost.to_string(),
                row.wrong.to_string(),
                row.late.to_string(),
                split(&row.split_ms),
                row.void.to_string(),
            ]
        });
        std::iter::once(HEADINGS.map(str::to_owned)).chain(rows).collect()
    }
}

/// The median and the worst.
fn spread(times_ms: &[u128]) -> String {
    let mut times_ms = times_ms.to_vec();
    times_ms.sort_unstable();
    match (times_ms.get(times_ms.len() / 2), times_ms.last()) {
        (Some(median), Some(worst)) => format!("{median}, {worst}"),
        _ => "-".to_owned(),
    }
}

/// How many, and the worst.
fn split(times_ms: &[u128]) -> String {
    times_ms.iter().max().map_or_else(|| "0".to_owned(), |worst| format!("{}, {worst}", times_ms.len()))
}
