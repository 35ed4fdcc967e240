//! `rasline counters`: how often the data path reached each verdict.

use clap::Args;

use super::{
    Cli, Json,
    table::{put_json, put_table, table},
};
use crate::{control::Command as Ask, failure::Result, view::Counters};

/// Options of `rasline counters`.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    json: Json,
    /// Include counters that are zero.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(cli: &Cli, options: Options) -> Result<()> {
    let rows: Vec<Counters> = cli.client()?.call(Ask::Counters)?;
    if options.json.json {
        put_json(&rows);
    } else {
        put_rows(&rows, options.all);
    }
    Ok(())
}

fn put_rows(rows: &[Counters], all: bool) {
    let mut head = vec!["COUNTER"];
    head.extend(rows.iter().map(|r| r.interface.as_str()));
    head.push("WHAT");
    let mut t = table(&head);
    let names = rows
        .first()
        .map(|r| r.counters.as_slice())
        .unwrap_or_default();
    for (i, counter) in names.iter().enumerate() {
        let values: Vec<u64> = rows
            .iter()
            .map(|r| r.counters.get(i).map_or(0, |c| c.value))
            .collect();
        if all || values.iter().any(|v| *v > 0) {
            let mut row = vec![counter.name.clone()];
            row.extend(values.iter().map(u64::to_string));
            row.push(counter.help.clone());
            t.add_row(row);
        }
    }
    put_table(&t);
}
