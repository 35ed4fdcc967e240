//! What each path through the program costs on any machine: instructions executed, and lines of memory touched.

use crate::paths;
use crate::report::{Aim, Row};

/// Two rows for each path that has a bound.
pub fn rows() -> Vec<Row> {
    paths::paths().into_iter().flat_map(path_rows).collect()
}

fn path_rows(mut path: paths::Path) -> [Row; 2] {
    let run = path.run();
    let row = |what: &str, value: f64, most: f64, unit| {
        Row::new(format!("{}: {what}", path.name), value, unit).aim(Aim::ValueAtMost(most))
    };
    [
        row(
            "instructions",
            run.instructions as f64,
            path.most_instructions as f64,
            "instructions",
        ),
        row("memory", run.lines as f64, path.most_lines as f64, "lines"),
    ]
}
