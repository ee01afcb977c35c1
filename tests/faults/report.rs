//! The fault table: a row for each fault on each topology, as text for a terminal or as Markdown.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::history::Us;
use super::run::Outcome;
use super::stage::Topology;

const HEADINGS: [&str; 9] = [
    "fault",
    "topology",
    "runs",
    "logins",
    "two live, worst (ms)",
    "out, worst (ms)",
    "logins back, worst (ms)",
    "lost",
    "wrong",
];

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
}

#[derive(Default)]
pub struct Report {
    rows: BTreeMap<(Fault, Topology), Row>,
}

impl Report {
    pub fn take(&mut self, outcome: &Outcome) {
        let row = self.rows.entry((outcome.plan.fault, outcome.plan.topology)).or_default();
        row.runs += 1;
        row.logins += outcome.logins;
        row.two_live = row.two_live.max(outcome.two_live);
        row.out = row.out.max(outcome.out);
        row.back_ms = row.back_ms.max(outcome.back.as_millis());
        row.lost += outcome.lost();
        row.wrong += outcome.broken() - outcome.lost();
    }

    pub fn runs(&self) -> usize {
        self.rows.values().map(|row| row.runs).sum()
    }

    /// Violations of every kind.
    pub fn violations(&self) -> usize {
        self.rows.values().map(|row| row.lost + row.wrong).sum()
    }

    pub fn text(&self) -> String {
        let lines = self.cells();
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let padded = |line: &[String; 9]| {
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
        let mut table = vec![row(&lines[0]), "| --- | --- |".to_owned() + &" ---: |".repeat(7)];
        table.extend(lines[1..].iter().map(|line| row(line)));
        table.join("\n")
    }

    fn cells(&self) -> Vec<[String; 9]> {
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
            ]
        });
        std::iter::once(HEADINGS.map(str::to_owned)).chain(rows).collect()
    }
}
