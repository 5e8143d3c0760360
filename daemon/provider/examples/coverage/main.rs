//! Tries a survey of APIs out on the definition language: for each row it writes a real
//! definition of what the row says, and runs it against an answer made of the row.
//!
//! ```sh
//! cargo run -p tokend-provider --example coverage -- ROWS.jsonl
//! ```
//!
//! With the `id` of a row behind it, it prints the definition of that one.
//!
//! A row is a JSON object with what an API's documentation says, in a few words each:
//! `endpoint` (`method`, `path`), `encoding`, `grant`, `inputs`, `client_auth`, `signing`,
//! `extra`, `token_at`, `expiry` (`kind`, `at`, `ttl_s`), `refresh`, `present`,
//! `unauthorised`, `limits`, `quirks`. What is no known word counts as unsaid, and what is
//! unsaid is written as is usual. Beside this file is `rows.jsonl`, with rows that say
//! each usual word once.

use std::process::ExitCode;

mod asking;
mod credential;
pub(crate) mod dimension;
mod expiry;
mod formula;
mod limit;
mod nature;
mod place;
mod presentation;
mod rejection;
mod renewal;
pub(crate) mod report;
pub(crate) mod row;
mod sample;
mod sketch;
mod token;
pub(crate) mod trial;
mod url;
mod words;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: coverage ROWS.jsonl [ID]");
        return ExitCode::from(2);
    };
    match std::fs::read_to_string(&path) {
        Ok(rows) => {
            match arguments.next() {
                Some(id) => print!("{}", report::definition(&rows, &id)),
                None => print!("{}", report::Report::of(&rows)),
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("coverage: {path}: {error}");
            ExitCode::FAILURE
        }
    }
}
