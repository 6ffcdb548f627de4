//! Tables as text: numbers in columns, and one or more columns with the targets.

use crate::array::{Array, MOST_BYTES};
use crate::error::DataError;
use crate::open::Raw;
use crate::spec::Options;
use crate::task::{Inferred, Task};
use std::collections::BTreeSet;

/// A table that has been read: cells as they stand.
struct Table {
    /// Names of the columns; empty without a header.
    names: Vec<String>,
    rows: Vec<::csv::ByteRecord>,
    /// Line of each row.
    lines: Vec<u64>,
    width: usize,
}

/// Columns of the inputs and of the targets.
struct Columns {
    inputs: Vec<usize>,
    targets: Vec<usize>,
}

pub(super) fn read(bytes: &[u8], delimiter: u8, options: &Options) -> Result<Raw, DataError> {
    let table = Table::read(bytes, delimiter, options.header)?;
    let columns = table.columns(options.label.as_deref())?;
    let inputs = table.numbers(&columns.inputs)?;
    let mut raw = if columns.targets.is_empty() {
        let task = Task::Regression { outputs: columns.inputs.len() };
        let task = Inferred { task, because: "there are no targets: they are the inputs".to_owned() };
        Raw { task: Some(task), ..Raw::new(inputs.clone(), inputs) }
    } else {
        let (targets, labels) = table.targets(&columns.targets)?;
        Raw { labels, ..Raw::new(inputs, targets) }
    };
    if raw.labels.len() > 2 {
        let task = Task::Classification { classes: raw.labels.len() };
        raw.task = Some(Inferred { task, because: "the targets are names".to_owned() });
    }
    let names = |columns: &[usize]| columns.iter().filter_map(|&c| table.names.get(c).cloned()).collect();
    raw.columns = names(&columns.inputs);
    raw.target_columns = names(if columns.targets.is_empty() { &columns.inputs } else { &columns.targets });
    Ok(raw)
}

/// The cell as text, without what stands around it.
fn cell(row: &::csv::ByteRecord, column: usize) -> &str {
    std::str::from_utf8(row.get(column).unwrap_or_default()).map_or("", str::trim)
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

/// Counts lines up to where a row begins, which is behind the empty lines before it.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn at(&mut self, start: usize) -> u64 {
        let empty = self.bytes.get(start..).unwrap_or_default().iter().take_while(|b| matches!(b, b'\n' | b'\r'));
        let end = (start + empty.count()).min(self.bytes.len());
        self.line += super::line_ends(&self.bytes[self.at.min(end)..end]);
        self.at = end;
        self.line
    }
}

impl Table {
    fn read(bytes: &[u8], delimiter: u8, header: Option<bool>) -> Result<Table, DataError> {
        let mut reader =
            ::csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).flexible(true).from_reader(bytes);
        let mut lines = Lines { bytes, at: 0, line: 1 };
        let mut table = Table { names: Vec::new(), rows: Vec::new(), lines: Vec::new(), width: 0 };
        for row in reader.byte_records() {
            let row = row.map_err(|e| DataError::damaged(format!("it cannot be read: {e}"), "a table in CSV"))?;
            let line = lines.at(row.position().map_or(0, ::csv::Position::byte) as usize);
            if row.iter().all(|cell| cell.trim_ascii().is_empty()) {
                continue;
            }
            if let Some(column) = row.iter().position(|cell| std::str::from_utf8(cell).is_err()) {
                let error = DataError::damaged("the text is not UTF-8", "UTF-8");
                return Err(error.at(format!("line {line}, column {}", column + 1)));
            }
            table.lines.push(line);
            table.rows.push(row);
        }
        table.width = table.rows.first().map_or(0, ::csv::ByteRecord::len);
        if let Some(i) = table.rows.iter().position(|row| row.len() != table.width) {
            let wrong = format!("there are {} columns", table.rows[i].len());
            let expected = format!("{}, as in line {}", table.width, table.lines[0]);
            let remedy = "Correct this line; text with the separator in it stands in quotes.";
            return Err(DataError::new(wrong, expected, remedy).at(format!("line {}", table.lines[i])));
        }
        // A first line without a number names the columns.
        let named = header.unwrap_or_else(|| {
            table.rows.first().is_some_and(|row| (0..table.width).all(|c| !is_number(cell(row, c))))
        });
        if named && !table.rows.is_empty() {
            let first = table.rows.remove(0);
            table.lines.remove(0);
            table.names = (0..table.width).map(|c| cell(&first, c).to_owned()).collect();
        }
        if table.rows.is_empty() {
            return Err(DataError::new("there are no rows", "one or more", "Give a file with data in it."));
        }
        if (table.rows.len() as u64).saturating_mul(table.width as u64) > MOST_BYTES / 4 {
            return Err(DataError::new(
                "the table is larger than can be held",
                "fewer rows",
                "Give a part of the data.",
            ));
        }
        Ok(table)
    }

    fn place(&self, row: usize, column: usize) -> String {
        let name = self.names.get(column).map_or(String::new(), |name| format!(" (`{name}`)"));
        format!("row {} (line {}), column {}{name}", row + 1, self.lines[row], column + 1)
    }

    fn columns(&self, label: Option<&str>) -> Result<Columns, DataError> {
        let targets = match label {
            Some("none") => Vec::new(),
            Some(label) => label.split('+').map(|name| self.column(name)).collect::<Result<_, _>>()?,
            None => vec![self.width - 1],
        };
        let inputs: Vec<usize> = (0..self.width).filter(|column| !targets.contains(column)).collect();
        if inputs.is_empty() {
            let wrong = format!("there are {} columns, and all of them are targets", self.width);
            return Err(DataError::new(
                wrong,
                "a column with inputs",
                "Say `label=none`, or give a table with more columns.",
            ));
        }
        Ok(Columns { inputs, targets })
    }

    /// The column with this name, or with this number from 1.
    fn column(&self, name: &str) -> Result<usize, DataError> {
        let by_number = || name.parse::<usize>().ok().filter(|n| (1..=self.width).contains(n)).map(|n| n - 1);
        let found = self.names.iter().position(|own| own == name).or_else(by_number);
        found.ok_or_else(|| {
            let near = fanin::recipe::nearest(name, self.names.iter().map(String::as_str));
            let near = near.map_or(String::new(), |near| format!(" (perhaps {near})"));
            let expected = match self.names.as_slice() {
                [] => format!("a number from 1 to {}, for the file names no columns", self.width),
                names => format!("one of {}{near}", names.join(", ")),
            };
            DataError::new(format!("there is no column `{name}`"), expected, "Change `label=`.")
        })
    }

    fn numbers(&self, columns: &[usize]) -> Result<Array, DataError> {
        let mut values = Vec::with_capacity(self.rows.len() * columns.len());
        for (i, row) in self.rows.iter().enumerate() {
            for &column in columns {
                let text = cell(row, column);
                let value = text.parse::<f64>().ok().map(|value| value as f32).filter(|value| value.is_finite());
                values.push(value.ok_or_else(|| self.refused(text).at(self.place(i, column)))?);
            }
        }
        Ok(Array::f32(&[self.rows.len(), columns.len()], values))
    }

    fn refused(&self, text: &str) -> DataError {
        let shown: String = text.chars().take(40).collect();
        let wrong = match text {
            "" => "the cell is empty".to_owned(),
            _ if is_number(text) => format!("the value is {shown}"),
            _ => format!("`{}` is no number", shown.escape_debug()),
        };
        let remedy = if self.names.is_empty() {
            "Fill it in or remove the row; a first line of names is told by `header=yes`, another column of targets by `label=`."
        } else {
            "Fill it in, remove the row, or write categories as numbers; another column of targets is told by `label=`."
        };
        DataError::new(wrong, "a finite number", remedy)
    }

    /// Targets as numbers, or the index of each name among all, sorted.
    fn targets(&self, columns: &[usize]) -> Result<(Array, Vec<String>), DataError> {
        let all_names = |&column: &usize| !self.rows.iter().any(|row| is_number(cell(row, column)));
        if columns.len() > 1 || !columns.iter().all(all_names) {
            let array = self.numbers(columns)?;
            let shape = if columns.len() == 1 { vec![self.rows.len()] } else { array.shape.clone() };
            return Ok((Array { shape, ..array }, Vec::new()));
        }
        let column = columns[0];
        if let Some(i) = self.rows.iter().position(|row| cell(row, column).is_empty()) {
            let error = DataError::new("the label is empty", "the name of a class", "Fill it in, or remove the row.");
            return Err(error.at(self.place(i, column)));
        }
        let names: BTreeSet<&str> = self.rows.iter().map(|row| cell(row, column)).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        if names.len() > 1000 && 2 * names.len() > self.rows.len() {
            let wrong = format!("there are {} different names in {} rows", names.len(), self.rows.len());
            let error = DataError::new(
                wrong,
                "classes that repeat, or numbers",
                "Name the column of the targets with `label=`.",
            );
            return Err(error.at(format!("column {}", column + 1)));
        }
        let index = |row| names.iter().position(|name| name == cell(row, column)).unwrap_or(0) as i64;
        Ok((Array::i64(&[self.rows.len()], self.rows.iter().map(index).collect()), names))
    }
}
