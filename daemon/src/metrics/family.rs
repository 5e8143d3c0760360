//! The metrics: their names, what they mean, and what they are at one moment.

use std::collections::BTreeMap;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::{MetricType, exemplar::Exemplar},
    registry::Unit,
};

use super::{
    counters::{self, Spread},
    scene::{STATES, Scene},
};
use crate::{calls, crowds::Size};

/// All that are of one name.
pub(super) struct Family {
    /// Without the suffixes of its unit and its kind.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) kind: MetricType,
    pub(super) samples: Vec<Sample>,
}

/// Labels and a value.
pub(super) struct Sample {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

enum Value {
    Gauge(f64),
    Counter(f64),
    Histogram { sum: f64, counts: Vec<(f64, u64)> },
}

/// The metrics of a moment.
#[derive(Debug)]
pub(super) struct Moment(pub(super) Scene);

impl Collector for Moment {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let known = families(&self.0).into_iter().filter(|family| !family.samples.is_empty());
        for Family { name, help, unit, kind, samples } in known {
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            for Sample { labels, value } in samples {
                if labels.is_empty() {
                    value.encode(&mut family)?;
                } else {
                    value.encode(&mut family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Value {
    fn encode(&self, encoder: &mut MetricEncoder<'_>) -> std::fmt::Result {
        match self {
            Self::Gauge(value) => encoder.encode_gauge(value),
            Self::Counter(value) => {
                let none: Option<&Exemplar<NoLabelSet, f64>> = None;
                encoder.encode_counter(value, none)
            }
            Self::Histogram { sum, counts } => {
                let count = counts.iter().map(|(_, count)| count).sum();
                encoder.encode_histogram::<NoLabelSet>(*sum, count, counts, None)
            }
        }
    }
}

impl Family {
    /// Returns the name that monitoring sees; of a histogram, with `_bucket`.
    #[cfg(test)]
    pub(super) fn full_name(&self) -> String {
        let unit = self.unit.as_ref().map(|unit| format!("_{}", unit.as_str()));
        let kind = match self.kind {
            MetricType::Counter => "_total",
            MetricType::Histogram => "_bucket",
            _ => "",
        };
        format!("{}{}{kind}", self.name, unit.unwrap_or_default())
    }
}

/// Returns all metrics of a moment; those that have no sample now, too.
#[expect(clippy::too_many_lines, reason = "it is a list")]
pub(super) fn families(scene: &Scene) -> Vec<Family> {
    let Scene { credentials, limits, counts, calls, process, .. } = scene;
    let each = |value: fn(&super::scene::Credential) -> Option<f64>| {
        let one = |it: &super::scene::Credential| {
            let labels = vec![("credential", it.name.clone()), ("provider", it.provider.clone())];
            Some(Sample { labels, value: Value::Gauge(value(it)?) })
        };
        credentials.iter().filter_map(one).collect::<Vec<_>>()
    };
    let states = credentials.iter().flat_map(|it| {
        STATES.map(|state| {
            let labels = vec![("credential", it.name.clone()), ("state", state.to_owned())];
            Sample { labels, value: Value::Gauge(truth(it.state == state)) }
        })
    });
    let of_limits = |value: fn(&super::scene::Limit) -> Option<f64>| {
        let one = |it: &super::scene::Limit| {
            let labels = vec![("account", it.account.clone()), ("limit", it.bound.clone())];
            Some(Sample { labels, value: Value::Gauge(value(it)?) })
        };
        limits.iter().filter_map(one).collect::<Vec<_>>()
    };
    let of_crowds = |value: fn(&Size) -> usize| {
        let one = |(socket, size): &(String, Size)| Sample {
            labels: vec![("socket", socket.clone())],
            value: Value::Gauge(number(value(size) as u64)),
        };
        scene.crowds.iter().map(one).collect::<Vec<_>>()
    };
    let last_day = scene.last_day.iter().map(|(account, count)| Sample {
        labels: vec![("account", account.clone())],
        value: Value::Gauge(f64::from(*count)),
    });
    let issuances = counts.issuances.iter().map(|((provider, cause, outcome), count)| Sample {
        labels: vec![
            ("provider", provider.clone()),
            ("cause", (*cause).to_owned()),
            ("outcome", (*outcome).to_owned()),
        ],
        value: Value::Counter(number(*count)),
    });
    let latencies = counts.latencies.iter().map(|(provider, Spread { counts, sum })| Sample {
        labels: vec![("provider", provider.clone())],
        value: Value::Histogram { sum: *sum, counts: ranges(&counters::BOUNDS, counts) },
    });
    let served: u64 = calls.served.iter().sum();
    let outcomes = [("served", served), ("denied", calls.denied), ("failed", calls.failed)];
    let took = calls.took.as_secs_f64();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    let started_at = process.started_at.map(|at| number(at.as_second().unsigned_abs()));
    let secs = || Some(Unit::Seconds);
    vec![
        gauge("tokend_up", "Whether tokend serves", None, bare(Some(truth(scene.up)))),
        gauge(
            "tokend_build_info",
            "The version",
            None,
            vec![Sample { labels: version, value: Value::Gauge(1.0) }],
        ),
        gauge(
            "tokend_token_held",
            "Whether a token is held that has not expired",
            None,
            each(|it| Some(truth(it.is_held))),
        ),
        gauge(
            "tokend_token_expiry",
            "The time until the token ends, negative once it has; absent if it never does",
            secs(),
            each(|it| it.expires_in),
        ),
        gauge(
            "tokend_token_refresh",
            "The time until the token is to be replaced, negative once it should have been",
            secs(),
            each(|it| it.refresh_in),
        ),
        gauge(
            "tokend_credential_state",
            "What a credential is doing: 1 for the state that it is in",
            None,
            states.collect(),
        ),
        gauge(
            "tokend_credential_login_needed",
            "Whether only a login of a person helps",
            None,
            each(|it| Some(truth(it.needs_login))),
        ),
        gauge(
            "tokend_credential_consecutive_failures",
            "How many issuances have failed in a row",
            None,
            each(|it| Some(f64::from(it.failures))),
        ),
        gauge(
            "tokend_credential_retry",
            "The time until the next attempt, if one is waited for",
            secs(),
            each(|it| it.retry_in),
        ),
        gauge(
            "tokend_credentials_omitted",
            "How many credentials are not told of, since there are so many",
            None,
            bare(Some(number(scene.omitted as u64))),
        ),
        gauge(
            "tokend_limit_issuances",
            "How many issuances a limit allows; absent if the provider did not say",
            None,
            of_limits(|it| it.count.map(f64::from)),
        ),
        gauge(
            "tokend_limit_used",
            "How many issuances count against a limit",
            None,
            of_limits(|it| Some(f64::from(it.used))),
        ),
        gauge(
            "tokend_limit_remaining",
            "How many issuances are left, those that are held back included",
            None,
            of_limits(|it| Some(f64::from(it.remaining))),
        ),
        gauge(
            "tokend_limit_reserved",
            "How many issuances are held back for tokens that are needed at once and for operators",
            None,
            of_limits(|it| Some(f64::from(it.reserved))),
        ),
        gauge(
            "tokend_limit_reset",
            "The time until one more issuance becomes free, or all do",
            secs(),
            of_limits(|it| it.frees_in.map(|wait| wait.as_secs_f64())),
        ),
        gauge(
            "tokend_account_last_day_issuances",
            "The issuances of the last 24 hours",
            None,
            last_day.collect(),
        ),
        counter("tokend_issuances", "Issuances that have ended", None, issuances.collect()),
        Family {
            name: "tokend_issuance_latency",
            help: "How long issuances took",
            unit: secs(),
            kind: MetricType::Histogram,
            samples: latencies.collect(),
        },
        counter(
            "tokend_issuances_limited",
            "How often limits allowed no issuance",
            None,
            total(Some(number(counts.limited))),
        ),
        counter(
            "tokend_rejections",
            "Reports of callers that an API refused a token",
            None,
            by("ruling", &counts.rejections),
        ),
        counter(
            "tokend_submissions",
            "Newer tokens that callers have submitted",
            None,
            total(Some(number(counts.submissions))),
        ),
        counter(
            "tokend_tokens_expired",
            "Tokens that expired before another came; used says whether anyone had asked for them",
            None,
            by("used", &counts.expiries),
        ),
        counter(
            "tokend_revocations",
            "Attempts to have a provider end a token",
            None,
            by("outcome", &counts.revocations),
        ),
        gauge(
            "tokend_revocations_pending",
            "Tokens that are to be ended at their providers still",
            None,
            bare(Some(number(scene.revocations as u64))),
        ),
        counter(
            "tokend_acquire_calls",
            "Calls of callers for a token",
            None,
            by("outcome", &outcomes.into()),
        ),
        Family {
            name: "tokend_acquire_latency",
            help: "How long callers waited who got a token",
            unit: secs(),
            kind: MetricType::Histogram,
            samples: vec![Sample {
                labels: Vec::new(),
                value: Value::Histogram {
                    sum: took,
                    counts: ranges(&calls::BOUNDS, &calls.served),
                },
            }],
        },
        gauge(
            "tokend_connections",
            "Connections that are open",
            None,
            of_crowds(|size| size.connections),
        ),
        gauge(
            "tokend_callers",
            "Users that have a connection open; at a listener, all are one",
            None,
            of_crowds(|size| size.users),
        ),
        gauge(
            "tokend_open_calls",
            "Calls that are open, streams included",
            None,
            of_crowds(|size| size.calls),
        ),
        gauge(
            "tokend_watchers",
            "Streams of tokens that are open",
            None,
            bare(Some(number(scene.watchers as u64))),
        ),
        gauge(
            "tokend_problems",
            "What `tokend-cli status` lists as wrong beside failing issuances",
            None,
            bare(Some(number(scene.problems as u64))),
        ),
        gauge(
            "tokend_last_reload_used",
            "Whether the last reload had no mistake; absent before the first",
            None,
            bare(counts.last_reload.map(|(_, is_used)| truth(is_used))),
        ),
        gauge(
            "tokend_last_reload_time",
            "When the last reload was, since 1970; absent before the first",
            secs(),
            bare(counts.last_reload.map(|(at, _)| number(at.as_second().unsigned_abs()))),
        ),
        gauge(
            "tokend_store_writable",
            "Whether the last write to the store succeeded",
            None,
            bare(Some(truth(!counts.is_store_failing))),
        ),
        gauge(
            "tokend_store_size",
            "The size of the files of the store",
            Some(Unit::Bytes),
            bare(scene.store_bytes.map(number)),
        ),
        gauge(
            "tokend_ledger_rows",
            "Issuances that the ledger keeps",
            None,
            bare(scene.ledger_rows.map(number)),
        ),
        gauge("process_start_time", "When tokend started, since 1970", secs(), bare(started_at)),
        counter("process_cpu", "The time that processors spent", secs(), total(process.cpu)),
        gauge(
            "process_resident_memory",
            "The memory that is taken",
            Some(Unit::Bytes),
            bare(process.resident.map(number)),
        ),
        gauge(
            "process_virtual_memory",
            "The addresses that are taken",
            Some(Unit::Bytes),
            bare(process.virtual_memory.map(number)),
        ),
        gauge(
            "process_open_fds",
            "Descriptors that are open",
            None,
            bare(process.open_descriptors.map(number)),
        ),
        gauge(
            "process_max_fds",
            "Descriptors that may be open",
            None,
            bare(process.most_descriptors.map(number)),
        ),
    ]
}

fn gauge(
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    samples: Vec<Sample>,
) -> Family {
    Family { name, help, unit, kind: MetricType::Gauge, samples }
}

fn counter(
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    samples: Vec<Sample>,
) -> Family {
    Family { name, help, unit, kind: MetricType::Counter, samples }
}

fn bare(value: Option<f64>) -> Vec<Sample> {
    value
        .map(|value| Sample { labels: Vec::new(), value: Value::Gauge(value) })
        .into_iter()
        .collect()
}

fn total(value: Option<f64>) -> Vec<Sample> {
    let one = value.map(|value| Sample { labels: Vec::new(), value: Value::Counter(value) });
    one.into_iter().collect()
}

fn by(label: &'static str, counts: &BTreeMap<&'static str, u64>) -> Vec<Sample> {
    let one = |(what, count): (&&str, &u64)| Sample {
        labels: vec![(label, (*what).to_owned())],
        value: Value::Counter(number(*count)),
    };
    counts.iter().map(one).collect()
}

fn ranges(bounds: &[f64], counts: &[u64]) -> Vec<(f64, u64)> {
    let bounds = bounds.iter().copied().chain([f64::INFINITY]);
    bounds.zip(counts.iter().copied()).collect()
}

fn truth(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "monitoring counts in floating point")]
fn number(count: u64) -> f64 {
    count as f64
}
