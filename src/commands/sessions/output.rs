//! Standard output: tables for people, one JSON object a line for programs.

use std::io::{IsTerminal as _, Write as _};

use serde_json::value::RawValue;

use super::wire::Row;
use crate::commands::client::Failure;
use crate::commands::client::table::Table;

/// Where the product goes. One kind of rows each.
pub(super) struct Output {
    is_json: bool,
    is_terminal: bool,
    /// Whether rows come one by one.
    is_endless: bool,
    /// Once its heading has been printed.
    table: Option<Table>,
}

impl Output {
    pub fn new(is_json: bool, is_endless: bool) -> Self {
        Self { is_json, is_terminal: std::io::stdout().is_terminal(), is_endless, table: None }
    }

    /// Prints rows as they came, or below those that were printed before.
    pub fn rows<T: Row>(&mut self, rows: &[Box<RawValue>]) -> Result<(), Failure> {
        if self.is_json {
            return rows.iter().try_for_each(|row| print(&on_one_line(row.get())));
        }
        let strange = |error| Failure::Refused(format!("the node tells what is not understood: {error}"));
        let cells = rows.iter().map(|row| serde_json::from_str::<T>(row.get()).map(T::cells));
        let cells: Vec<_> = cells.collect::<Result<_, _>>().map_err(strange)?;
        if cells.is_empty() {
            return Ok(());
        }
        let is_first = self.table.is_none();
        let room = if self.is_terminal { terminal_size::terminal_size() } else { None };
        let room = room.map(|(width, _)| usize::from(width.0));
        let table = self.table.get_or_insert_with(|| Table::new(T::COLUMNS, room, self.is_endless));
        table.fit(&cells);
        if is_first {
            let heading = table.heading();
            // Bold where somebody looks (https://no-color.org).
            let is_plain = !self.is_terminal || std::env::var_os("NO_COLOR").is_some_and(|no| !no.is_empty());
            print(&if is_plain { heading } else { format!("\u{1b}[1m{heading}\u{1b}[0m") })?;
        }
        cells.iter().try_for_each(|row| print(&table.row(row)))
    }
}

fn print(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// A JSON text on one line and without what a terminal would obey, its meaning unchanged: line breaks stand between
/// tokens alone (a session's `data` are passed on as they were written), the other controls in strings alone.
fn on_one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' | '\r' | '\t' => line.push(' '),
            '\u{7f}'..='\u{9f}' => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_forge_no_line_and_steer_no_terminal() {
        let told = "{\"data\":[\n{\"id\":\"forged\"}\r\n],\"name\":\"a\u{9b}2Jb\u{7f}\"}";
        let line = on_one_line(told);
        assert!(!line.contains(['\n', '\r', '\u{9b}', '\u{7f}']), "{line}");
        let meant = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(meant(&line), meant(told));
    }
}
