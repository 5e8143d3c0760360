//! What was measured, beside what is to be reached.

#![allow(dead_code, reason = "each measurement uses a part")]

/// Prints a line for each figure, and counts those that fall short.
#[derive(Debug, Default)]
pub(crate) struct Table {
    passed: usize,
    short: usize,
}

impl Table {
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, limit: f64, unit: &str, how: &str) {
        self.row(what, figure <= limit, figure, &format!("<= {limit} {unit}"), how);
    }

    pub(crate) fn at_least(&mut self, what: &str, figure: f64, limit: f64, unit: &str, how: &str) {
        self.row(what, figure >= limit, figure, &format!(">= {limit} {unit}"), how);
    }

    fn row(&mut self, what: &str, is_reached: bool, figure: f64, limit: &str, how: &str) {
        let verdict = if is_reached { "pass " } else { "short" };
        self.passed += usize::from(is_reached);
        self.short += usize::from(!is_reached);
        println!("{verdict} | {what:<52} | {figure:>9.2} | {limit:<14} | {how}");
    }

    /// Prints how many there were, and tells whether all was reached.
    pub(crate) fn end(&self) -> bool {
        println!("{} pass, {} short", self.passed, self.short);
        self.short == 0
    }
}
