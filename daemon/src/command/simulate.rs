//! `tokend simulate`: tries a policy out before it is used.

use std::{
    error::Error,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use jiff::{Span, SpanRelativeTo};
use tokend::{
    config::{Config, Surroundings},
    definitions::{self, Definitions},
    engine::limit,
};
use tokend_core::Policy;
use tokend_provider::{Expiry, Limit, Outline};
use tokend_simulator::{OutageKind, Outages, Rejections, Report, Scenario, Spread, Table, chart};

/// Days are shown in a chart; more can't be told apart.
const CHARTED_DAYS: u32 = 14;

/// What to try out. All of it has defaults.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// A provider definition, by name or as a file: its limits, and the life of its
    /// tokens if it states one
    provider: Option<String>,

    /// The value of a variable of the definition
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,

    /// A limit on issued tokens, such as 50/12h or 24/day@Europe/Berlin; can be repeated
    #[arg(long = "limit", value_name = "LIMIT")]
    limits: Vec<Limit>,

    /// How long a token lives [default: as the definition says, else 1h]
    #[arg(long, value_name = "TIME", value_parser = time)]
    life: Option<Duration>,

    /// How long the provider takes for an answer
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1s")]
    latency: Duration,

    /// When tokens are refreshed ahead of their end
    #[arg(long, value_name = "POLICY", value_enum, default_value_t)]
    refresh: Refresh,

    /// How often callers ask for a token [default: all the time]
    #[arg(long, value_name = "TIME", value_parser = time)]
    calls_every: Option<Duration>,

    /// For how many days
    #[arg(long, value_name = "DAYS", default_value_t = 365)]
    days: u32,

    /// The share of the time in which the provider gives no tokens, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    outages: f64,

    /// How long outages last, from the shortest to the longest
    #[arg(long, value_name = "FROM..TO", value_parser = range, default_value = "1m..12h")]
    outage_length: (Duration, Duration),

    /// During outages the provider answers with errors, which count against the limits
    /// [default: it can't be reached, which doesn't]
    #[arg(long)]
    failing: bool,

    /// How often a day the API ends tokens before their time
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0)]
    rejections: f64,

    /// What all chance follows from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// Print the table in Markdown
    #[arg(long)]
    markdown: bool,

    /// Write a chart, too
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// When tokens are refreshed ahead of their end.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Refresh {
    #[default]
    Always,
    Used,
    OnDemand,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

impl Simulate {
    /// Tries it out and prints what came of it.
    pub(super) fn run(self, config: Option<&Path>) -> Result<()> {
        let (svg, markdown) = (self.svg.clone(), self.markdown);
        let report = Report::simulate(&self.scenario(config)?)?;
        let table = Table::of(&report);
        let mut out = std::io::stdout();
        if markdown {
            write!(out, "{}", table.markdown(2))?;
        } else {
            write!(out, "{table}")?;
        }
        if let Some(path) = svg {
            fs::write(&path, chart(&report, CHARTED_DAYS))
                .map_err(|error| format!("can't write {}: {error}", path.display()))?;
        }
        Ok(())
    }

    fn scenario(self, config: Option<&Path>) -> Result<Scenario> {
        let outline = match &self.provider {
            Some(provider) => self.outline(provider, config)?,
            None => Outline { limits: Vec::new(), life: Expiry::Unknown },
        };
        let life = match (self.life, outline.life) {
            (Some(life), _) | (None, Expiry::After(life)) => life,
            (None, Expiry::Never) => return Err("these tokens never expire; give --life".into()),
            (None, _) => Duration::from_secs(3_600),
        };
        let (shortest, longest) = self.outage_length;
        Ok(Scenario {
            limits: outline.limits.iter().chain(&self.limits).map(limit).collect(),
            life,
            latency: self.latency,
            refresh: match self.refresh {
                Refresh::Always => Policy::Always,
                Refresh::Used => Policy::Used,
                Refresh::OnDemand => Policy::OnDemand,
            },
            calls_every: self.calls_every,
            days: self.days,
            outages: Outages {
                share: self.outages / 100.0,
                shortest,
                longest,
                kind: if self.failing { OutageKind::Failing } else { OutageKind::Unreachable },
            },
            rejections: Rejections { per_day: self.rejections, spread: Spread::Even },
            seed: self.seed,
        })
    }

    fn outline(&self, provider: &str, config: Option<&Path>) -> Result<Outline> {
        let variables = self.variables.iter().cloned().collect();
        let file = Path::new(provider);
        if file.extension().is_some_and(|extension| extension == "toml") {
            let definition = definitions::read(file)?;
            return Ok(definition.outline(variables)?);
        }
        let config = Config::load(config, &Surroundings::here())?;
        let library = Definitions::read(&config.provider_dirs)?.usable;
        let definition = library.get(provider).ok_or_else(|| {
            let meant = library.suggest(provider).map(|name| format!("; did you mean {name:?}?"));
            format!("there is no provider definition {provider:?}{}", meant.unwrap_or_default())
        })?;
        Ok(definition.outline(variables)?)
    }
}

fn variable(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn time(text: &str) -> std::result::Result<Duration, String> {
    let wrong = "write a time such as 90s, 500ms, 12h or 1d";
    let span: Span = text.parse().map_err(|_| wrong)?;
    let exact = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong)?;
    Duration::try_from(exact).map_err(|_| wrong.to_owned())
}

fn range(text: &str) -> std::result::Result<(Duration, Duration), String> {
    let (from, to) = text.split_once("..").ok_or("write FROM..TO, such as 1m..12h")?;
    Ok((time(from)?, time(to)?))
}
