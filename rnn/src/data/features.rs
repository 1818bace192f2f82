//! Sequences of real features from a table: a row for each step, a column for each feature.

use std::collections::HashMap;
use std::path::Path;

use ndarray::Array2;

use super::file::Encoding;
use super::series::number;
use super::{Error, Result, Table};

/// The column whose values tell sequences apart.
const SEQUENCE: &str = "sequence";

/// Sequences of features, in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequences {
    /// Each with its name, and its features, `[time, feature]`.
    pub all: Vec<(String, Array2<f32>)>,
    /// Whether the file has names for them. Otherwise there is one sequence.
    pub named: bool,
}

impl Sequences {
    /// Reads a CSV or TSV file ([`Table`]) with one column for each of `features`, in their order. Rows with one value in a
    /// column `sequence` are the steps of one sequence; without such a column all rows are.
    ///
    /// # Errors
    /// Those of [`Table::read`]; another number of columns; a field that is not a number.
    pub fn read(path: &Path, features: usize, encoding: Option<Encoding>) -> Result<Self> {
        Self::of(&Table::read(path, encoding)?, features)
    }

    /// The sequences of a table, as [`Sequences::read`].
    ///
    /// # Errors
    /// As [`Sequences::read`], except for I/O errors.
    #[allow(clippy::cast_possible_truncation)] // nets are in single precision
    pub fn of(table: &Table, features: usize) -> Result<Self> {
        if table.columns().iter().all(|name| name.parse::<f64>().is_ok()) {
            return Err(table.no_header());
        }
        let (path, named) = (table.path(), table.columns().iter().any(|name| name == SEQUENCE));
        let columns: Vec<&String> = table.columns().iter().filter(|&name| name != SEQUENCE).collect();
        if columns.len() != features {
            let columns = columns.into_iter().cloned().collect();
            return Err(Error::Features { path: path.into(), columns, features });
        }
        let mut rows: Vec<Vec<f32>> = Vec::new();
        for name in columns {
            for (k, (line, text)) in table.column(name)?.enumerate() {
                let value = match number(path, line, name, text) {
                    Ok(Some(value)) => value as f32,
                    Err(error @ Error::Large { .. }) => return Err(error),
                    Ok(None) | Err(_) => {
                        let (path, column, text) = (path.into(), name.clone(), text.into());
                        return Err(Error::Feature { path, line, column, text });
                    }
                };
                match rows.get_mut(k) {
                    Some(row) => row.push(value),
                    None => rows.push(vec![value]),
                }
            }
        }
        let names: Vec<&str> = if named {
            table.column(SEQUENCE)?.map(|(_, name)| name).collect()
        } else {
            vec![""; rows.len()]
        };
        let mut all: Vec<(String, Vec<f32>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (name, row) in names.into_iter().zip(rows) {
            let place = *places.entry(name).or_insert(all.len());
            match all.get_mut(place) {
                Some((_, numbers)) => numbers.extend(row),
                None => all.push((name.into(), row)),
            }
        }
        let array = |(name, numbers): (String, Vec<f32>)| {
            let steps = numbers.len() / features;
            (name, Array2::from_shape_vec((steps, features), numbers).expect("a row for each step"))
        };
        Ok(Self { all: all.into_iter().map(array).collect(), named })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn of(text: &str, features: usize) -> Result<Sequences> {
        Sequences::of(&Table::of(Path::new("x.csv"), text).unwrap(), features)
    }

    #[test]
    fn rows_are_steps_and_a_column_tells_sequences_apart() {
        let one = of("a,b\n1,2\n3,4\n", 2).unwrap();
        assert_eq!(
            one,
            Sequences { all: vec![(String::new(), array![[1.0, 2.0], [3.0, 4.0]])], named: false }
        );
        let two = of("a,sequence,b\n1,u,2\n5,v,6\n3,u,4\n", 2).unwrap();
        let wanted = vec![("u".into(), array![[1.0, 2.0], [3.0, 4.0]]), ("v".into(), array![[5.0, 6.0]])];
        assert_eq!(two, Sequences { all: wanted, named: true });
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (text, says) in [
            ("a,b\n1,2\n", "has the columns `a`, `b`, and the model reads 3 features"),
            ("a,b,c\n1,2,x\n", "x.csv:2: `x` in column `c` is not a finite number"),
            ("a,b,c\n1,2,1e300\n", "x.csv:2: `1e300` in column `c` is beyond 3.4e38"),
            ("a,b,c\n1,inf,2\n", "x.csv:2: `inf` in column `b` is not a finite number"),
            ("a,b,c\n1,,2\n", "x.csv:2: `` in column `b` is not"),
            ("1,2,3\n4,5,6\n", "header"),
        ] {
            let error = of(text, 3).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
