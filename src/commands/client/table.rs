//! Tables for a terminal: aligned, as wide as there is room, nothing cut that has to be copied.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Between two columns.
const GAP: &str = "  ";

/// A column; the first ones matter most.
pub(crate) struct Column {
    pub title: &'static str,
    /// What it is not cut below: sooner the last column goes.
    pub min: usize,
}

/// Widths that hold what was seen. They only grow, so that later rows stay below earlier ones.
pub(crate) struct Table {
    columns: &'static [Column],
    natural: Vec<usize>,
    /// Of the columns that are shown.
    widths: Vec<usize>,
    /// `None`: as much as it takes, for who is not a terminal.
    room: Option<usize>,
}

impl Table {
    /// Where rows come one by one (`is_endless`), the first ones do not say how wide the others are: columns begin at
    /// their minima.
    pub fn new(columns: &'static [Column], room: Option<usize>, is_endless: bool) -> Self {
        let first = |column: &Column| column.title.len().max(if is_endless { column.min } else { 0 });
        let natural = columns.iter().map(first).collect();
        Self { columns, natural, widths: Vec::new(), room }
    }

    /// Makes room for these rows.
    pub fn fit(&mut self, rows: &[Vec<String>]) {
        for row in rows {
            for (natural, cell) in self.natural.iter_mut().zip(row) {
                *natural = (*natural).max(cell.width());
            }
        }
        self.widths.clone_from(&self.natural);
        let Some(room) = self.room else { return };
        let floor: Vec<_> = self.natural.iter().zip(self.columns).map(|(&n, c)| n.min(c.min)).collect();
        let is_too_wide = |widths: &[usize]| {
            widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1) > room
        };
        let mut shown = self.columns.len();
        while shown > 1 && is_too_wide(&floor[..shown]) {
            shown -= 1;
        }
        self.widths.truncate(shown);
        while is_too_wide(&self.widths) {
            let widest = self.widths.iter_mut().zip(&floor).filter(|(width, floor)| **width > **floor);
            let Some((width, _)) = widest.max_by_key(|(width, _)| **width) else { break };
            *width -= 1;
        }
    }

    pub fn heading(&self) -> String {
        self.line(self.columns.iter().map(|column| column.title))
    }

    pub fn row(&self, cells: &[String]) -> String {
        self.line(cells.iter().map(String::as_str))
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>) -> String {
        let mut line = String::new();
        for (index, (cell, &width)) in cells.zip(&self.widths).enumerate() {
            let cell = cut(cell, width);
            let padding = width.saturating_sub(cell.width());
            // Writing to a String cannot fail.
            let _ = write!(line, "{}{cell}{:padding$}", if index == 0 { "" } else { GAP }, "");
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// As much of `text` as fits, for people, without what would move a terminal's cursor.
fn cut(text: &str, width: usize) -> String {
    let plain: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    if plain.width() <= width {
        return plain;
    }
    let mut used = 1;
    let fits = |char: &char| {
        used += char.width().unwrap_or(0);
        used <= width
    };
    plain.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] =
        &[Column { title: "ID", min: 6 }, Column { title: "NAME", min: 4 }, Column { title: "NOTE", min: 4 }];

    fn lines(room: Option<usize>, rows: &[[&str; 3]]) -> Vec<String> {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        let mut table = Table::new(COLUMNS, room, false);
        table.fit(&rows);
        [table.heading()].into_iter().chain(rows.iter().map(|row| table.row(row))).collect()
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        assert_eq!(
            lines(None, &[["123456", "Ada", "a long story"], ["1", "李小龍", ""]]),
            ["ID      NAME    NOTE", "123456  Ada     a long story", "1       李小龍"]
        );
    }

    #[test]
    fn what_is_widest_is_cut_and_an_id_never() {
        assert_eq!(
            lines(Some(22), &[["123456", "Adalbert", "a long story"]]),
            ["ID      NAME    NOTE", "123456  Adalb…  a lon…"]
        );
    }

    #[test]
    fn the_last_columns_go_where_there_is_no_room() {
        assert_eq!(lines(Some(13), &[["123456", "Ada", "a long story"]]), ["ID      NAME", "123456  Ada"]);
        assert_eq!(lines(Some(1), &[["123456", "Ada", ""]]), ["ID", "123456"]);
    }

    #[test]
    fn nothing_in_a_cell_moves_the_cursor() {
        let lines = lines(None, &[["1", "a\u{1b}[2Jb\nc", ""]]);
        assert!(lines[1].ends_with("a [2Jb c"), "{lines:?}");
    }
}
