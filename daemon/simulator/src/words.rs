//! Numbers and scenarios in words, for people.

use std::time::Duration;

use tokend_core::{Limit, Period, Policy, Window};

use crate::{OutageKind, Report, Spread};

/// Says what was simulated, in a line.
pub(crate) fn title(report: &Report) -> String {
    let scenario = &report.scenario;
    let limits: Vec<String> = scenario.limits.iter().map(limit).collect();
    let limits = if limits.is_empty() { "no limit".to_owned() } else { limits.join(" and ") };
    let spread = match scenario.rejections.spread {
        Spread::Even => "evenly spread",
        Spread::Random => "at random",
    };
    let rejections = match scenario.rejections.per_day {
        rate if rate > 0.0 => format!(", {rate} rejections a day {spread}"),
        _ => String::new(),
    };
    format!("{limits}, tokens that live {}{rejections}", span(scenario.life))
}

/// Says what happened, in a line.
pub(crate) fn events(report: &Report) -> String {
    let (scenario, world) = (&report.scenario, &report.world);
    let out = world.outages().iter().map(crate::Span::length).sum();
    let outages = match (world.outages().len(), scenario.outages.kind) {
        (0, _) => "no outages".to_owned(),
        (count, kind) => {
            let outages = if count == 1 { "outage" } else { "outages" };
            let kind = match kind {
                OutageKind::Unreachable => "unreachable",
                OutageKind::Failing => "failing",
            };
            format!("{count} {outages} ({kind}, {} % of the time)", percent(out, report.length()))
        }
    };
    let rejections = match world.rejections().len() {
        0 => String::new(),
        count => format!(", {count} rejections"),
    };
    let calls = match scenario.calls_every {
        None => String::new(),
        Some(every) => format!(", a call every {}", span(every)),
    };
    let policy = match scenario.refresh {
        Policy::Always => "",
        Policy::Used => ", tokend refreshes what is used",
        Policy::OnDemand => ", tokend refreshes on demand",
    };
    let (days, latency, seed) = (scenario.days, span(scenario.latency), scenario.seed);
    format!(
        "{days} days, {outages}{rejections}{calls}{policy}, answers take {latency}, seed {seed}"
    )
}

/// Says what a limit is.
pub(crate) fn limit(limit: &Limit) -> String {
    format!("{} per {}", limit.count, window(limit))
}

/// Says what a limit's window is.
pub(crate) fn window(limit: &Limit) -> String {
    match &limit.window {
        Window::Sliding(length) => span(*length),
        Window::Calendar { period, zone } => {
            let period = match period {
                Period::Hour => "hour",
                Period::Day => "day",
                Period::Month => "month",
            };
            format!("{period} ({})", zone.iana_name().unwrap_or("local time"))
        }
    }
}

/// Says how long something takes by its two largest units.
pub(crate) fn span(duration: Duration) -> String {
    let secs = duration.as_secs();
    if secs < 10 && duration.subsec_millis() > 0 {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    let (minutes, hours) = (secs / 60, secs / 3_600);
    let (large, small) = match secs {
        0..60 => ((secs, "s"), (0, "")),
        60..3_600 => ((minutes, "min"), (secs % 60, "s")),
        3_600..172_800 => ((hours, "h"), (minutes % 60, "min")),
        _ => ((hours / 24, "d"), (hours % 24, "h")),
    };
    match (large, small) {
        ((count, unit), (0, _)) => format!("{count} {unit}"),
        ((count, unit), (rest, lesser)) => format!("{count} {unit} {rest} {lesser}"),
    }
}

/// Says which part of `all` a time is, in per cent.
pub(crate) fn percent(part: Duration, all: Duration) -> String {
    format!("{:.3}", 100.0 * part.as_secs_f64() / all.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        Rejections, Scenario, Span, World,
        scenario::tests::{calm, limit},
    };

    #[test]
    fn what_was_simulated_is_told_in_two_lines() {
        let mut scenario = Scenario { limits: Vec::new(), days: 10, ..calm() };
        scenario.rejections = Rejections { per_day: 1.5, spread: Spread::Even };
        scenario.outages.kind = OutageKind::Failing;
        let mut world = World::draw(&scenario).unwrap();
        world.outages = vec![Span { start: 1_000, end: 8_641_000 }; 2];
        let mut report =
            Report { scenario, world, rows: Vec::new(), least_without: Duration::ZERO };
        let expected = "no limit, tokens that live 1 h, 1.5 rejections a day evenly spread";
        assert_eq!(title(&report), expected);
        let expected = "10 days, 2 outages (failing, 2.000 % of the time), 15 rejections, \
                        answers take 2 s, seed 1";
        assert_eq!(events(&report), expected);

        let window = Window::Calendar { period: Period::Day, zone: TimeZone::UTC };
        let daily = Limit { window, ..limit(24, 1) };
        report.scenario.limits = vec![limit(50, 12), daily];
        report.scenario.rejections.spread = Spread::Random;
        let expected = "50 per 12 h and 24 per day (UTC), tokens that live 1 h, \
                        1.5 rejections a day at random";
        assert_eq!(title(&report), expected);
    }

    #[test]
    fn spans_are_told_by_their_two_largest_units() {
        for (millis, text) in [
            (0, "0 s"),
            (1_500, "1.5 s"),
            (59_900, "59 s"),
            (60_000, "1 min"),
            (3_599_000, "59 min 59 s"),
            (3_660_000, "1 h 1 min"),
            (86_400_000, "24 h"),
            (172_800_000, "2 d"),
            (180_000_000, "2 d 2 h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }
}
