//! `tokend doctor`: whether the machine is as tokend needs it.

use std::{error::Error, io::Write, path::Path, process::ExitCode};

use clap::Args;
use tokend::{
    config::{Config, Surroundings},
    doctor::{Finding, Level, examine, gather, unreadable},
};

/// What `tokend doctor` takes.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Looks, says what is so, and fails if tokend can't serve by it.
    pub(super) fn run(&self, config: Option<&Path>) -> Result<ExitCode, Box<dyn Error>> {
        let findings = match Config::load(config, &Surroundings::here()) {
            Ok(config) => examine(&gather(&config)?),
            Err(error) => unreadable(&Vec::from(error)),
        };
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?;
        } else {
            for finding in &findings {
                writeln!(out, "{}", printable(finding))?;
            }
        }
        let fails = findings.iter().any(|finding| finding.level == Level::Fail);
        Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// One line, whatever paths and files have in them.
fn printable(finding: &Finding) -> String {
    finding.to_string().replace(char::is_control, " ")
}
