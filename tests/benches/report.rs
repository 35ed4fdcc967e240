//! What was measured, as a table or as JSON.

use serde_json::{Value, json};

/// One line.
pub struct Row {
    pub measure: String,
    pub value: f64,
    pub unit: &'static str,
    /// Against the floor of its group.
    pub ratio: Option<f64>,
    pub aim: Option<Aim>,
}

/// What is aimed at.
#[derive(Clone, Copy)]
pub enum Aim {
    ValueAtMost(f64),
    RatioAtMost(f64),
    RatioAtLeast(f64),
}

impl Row {
    pub fn new(measure: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            measure: measure.into(),
            value,
            unit,
            ratio: None,
            aim: None,
        }
    }
    pub fn against(mut self, floor: f64) -> Self {
        self.ratio = Some(self.value / floor);
        self
    }
    pub fn aim(mut self, aim: Aim) -> Self {
        self.aim = Some(aim);
        self
    }
    fn met(&self) -> Option<bool> {
        Some(match self.aim? {
            Aim::ValueAtMost(most) => self.value <= most,
            Aim::RatioAtMost(most) => self.ratio? <= most,
            Aim::RatioAtLeast(least) => self.ratio? >= least,
        })
    }
    fn cells(&self) -> [String; 5] {
        let aim = match self.aim {
            None => String::new(),
            Some(Aim::ValueAtMost(most)) => format!("<= {most} {}", self.unit),
            Some(Aim::RatioAtMost(most)) => format!("<= {most} x"),
            Some(Aim::RatioAtLeast(least)) => format!(">= {least} x"),
        };
        let precision = match self.value {
            v if v < 10.0 => 2,
            v if v < 1000.0 => 1,
            _ => 0,
        };
        [
            self.measure.clone(),
            format!("{:.precision$} {}", self.value, self.unit),
            self.ratio.map_or(String::new(), |r| format!("{r:.2} x")),
            aim,
            match self.met() {
                None => "",
                Some(true) => "yes",
                Some(false) => "MISSED",
            }
            .into(),
        ]
    }
    fn json(&self) -> Value {
        let aim = match self.aim {
            None => Value::Null,
            Some(Aim::ValueAtMost(most)) => json!({"value_at_most": most}),
            Some(Aim::RatioAtMost(most)) => json!({"ratio_at_most": most}),
            Some(Aim::RatioAtLeast(least)) => json!({"ratio_at_least": least}),
        };
        json!({
            "measure": self.measure, "value": self.value, "unit": self.unit,
            "ratio": self.ratio, "aim": aim, "met": self.met(),
        })
    }
}

/// As a table with aligned columns.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![["measure", "median", "ratio", "aim", "met?"].map(String::from)];
    lines.extend(rows.iter().map(Row::cells));
    let widths: [usize; 5] =
        std::array::from_fn(|c| lines.iter().map(|l| l[c].len()).max().unwrap_or(0));
    let mut text = String::new();
    for line in lines {
        let cells: Vec<_> = line
            .iter()
            .enumerate()
            .map(|(c, cell)| match c {
                0 => format!("{cell:<width$}", width = widths[c]),
                _ => format!("{cell:>width$}", width = widths[c]),
            })
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// As JSON.
pub fn json(rows: &[Row]) -> Value {
    json!({ "rows": rows.iter().map(Row::json).collect::<Vec<_>>() })
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
