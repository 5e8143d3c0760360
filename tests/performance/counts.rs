//! Does one thing so many times and ends, for `tests/performance/count`, which counts what one
//! more of it costs: `counts THING TIMES`.

mod cell;
mod client;
mod dance;
mod step;

use std::process::exit;

/// Does something so many times. What it prepares for that has to be the same however often it
/// is done, or it is counted.
type Act = fn(usize);

/// What can be done.
const THINGS: [(&str, Act); 7] = [
    ("answer", dance::answer),
    ("client-hit", client::hit),
    ("open", cell::open),
    ("request", dance::request),
    ("seal", cell::seal),
    ("step-100", step::of_100),
    ("step-100000", step::of_100_000),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [thing, times] => {
            let thing = THINGS.iter().find(|(name, _)| name == thing);
            thing.and_then(|(_, act)| Some((act, times.parse().ok()?)))
        }
        _ => None,
    };
    let Some((act, times)) = parsed else {
        let names = THINGS.map(|(name, _)| name).join("|");
        eprintln!("usage: counts {names} TIMES");
        exit(2);
    };
    act(times);
}
