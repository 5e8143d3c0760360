//! Holds docs/refresh.md to what the simulator finds.

use std::{fs, path::Path};

use tokend_simulator::{Report, Scenario, Table};

#[test]
fn the_tables_are_what_the_simulator_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/refresh.md");
    let text = fs::read_to_string(path).expect("the file is there");
    for scenario in Scenario::typical() {
        let report = Report::simulate(&scenario).expect("it can be tried out");
        let table = Table::of(&report).markdown(3);
        assert!(
            text.contains(&table),
            "docs/refresh.md lacks what `cargo run --release -p tokend-simulator --example table` \
             prints now:\n{table}"
        );
    }
}
