//! The fault table: a row for each fault on each topology, as text for a terminal or as Markdown.
//!
//! Runs that were void, because the machine was too busy to tell, are counted apart and in no other column.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::history::Us;
use super::run::Outcome;
use super::stage::Topology;

const COLUMNS: usize = 10;

const HEADINGS: [&str; COLUMNS] = [
    "fault",
    "topology",
    "runs",
    "logins",
    "worst time with two live (ms)",
    "worst out (ms)",
    "logins back after (ms)",
    "lost",
    "wrong",
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
    back_ms: u128,
    lost: usize,
    wrong: usize,
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
        row.back_ms = row.back_ms.max(outcome.back.as_millis());
        row.lost += outcome.lost();
        row.wrong += outcome.broken() - outcome.lost();
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
        self.rows.values().map(|row| row.lost + row.wrong).sum()
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
                row.back_ms.to_string(),
                row.lost.to_string(),
                row.wrong.to_string(),
                row.void.to_string(),
            ]
        });
        std::iter::once(HEADINGS.map(str::to_owned)).chain(rows).collect()
    }
}
