//! Prints the tables of docs/refresh.md:
//!
//! ```sh
//! cargo run --release -p tokend-simulator --example table
//! ```

use tokend_simulator::{InvalidScenario, Report, Scenario, Table};

fn main() -> Result<(), InvalidScenario> {
    for scenario in Scenario::typical() {
        println!("{}", Table::of(&Report::simulate(&scenario)?).markdown(3));
    }
    Ok(())
}
