//! A report as a chart: an SVG that reads well in light and dark, without scripts.

mod svg;

use std::time::Duration;

use self::svg::{Anchor, Svg};
use crate::{Millis, Report, Span, words};

/// The chart's width; its height follows from what is in it.
const WIDTH: f64 = 960.0;
const MARGIN: f64 = 24.0;
/// Where what belongs to a policy begins, to the right of its name.
const LEFT: f64 = 216.0;
const RIGHT: f64 = WIDTH - MARGIN;
/// From one policy's line to the next.
const LINE: f64 = 26.0;
/// The room for a number behind a bar.
const NUMBER: f64 = 92.0;
/// Between the two columns of bars.
const GUTTER: f64 = 32.0;

/// Returns a chart of a report: for each policy, tokens a day and the time without
/// a valid token, and below when that was in the first `days`, which are those of the
/// whole report at most.
pub fn chart(report: &Report, days: u32) -> String {
    let days = days.clamp(1, report.scenario.days);
    let mut svg = Svg::new(&format!("Refreshing within {}", words::title(report)));
    svg.text("title", MARGIN, 38.0, Anchor::Start, &words::title(report));
    svg.text("soft", MARGIN, 60.0, Anchor::Start, &words::events(report));
    let below = bars(&mut svg, report, 100.0);
    let below = timeline(&mut svg, report, days, below + 48.0);
    svg.finish(WIDTH, below + MARGIN)
}

/// Draws two bars for each policy; returns where they end.
fn bars(svg: &mut Svg, report: &Report, top: f64) -> f64 {
    let column = (RIGHT - LEFT - GUTTER) / 2.0;
    let length = column - NUMBER;
    let middle = LEFT + column + GUTTER;
    svg.text("soft", LEFT, top, Anchor::Start, "tokens a day");
    svg.text("soft", middle, top, Anchor::Start, "per cent of the time without a valid token");
    let longest = report.rows.iter().map(|row| row.without().as_secs_f64());
    let longest = longest.fold(report.least_without.as_secs_f64(), f64::max);
    let most = report.rows.iter().map(|row| row.tokens_a_day(report)).fold(0.0, f64::max);
    let mut y = top + 14.0;
    for (number, row) in report.rows.iter().enumerate() {
        let base = y + LINE / 2.0 + 4.0;
        let class = if number == 0 { "first" } else { "bar" };
        svg.text("", LEFT - 12.0, base, Anchor::End, &row.policy.to_string());
        let (tokens, without) = (row.tokens_a_day(report), row.without());
        let texts = [format!("{tokens:.2}"), words::percent(without, report.length())];
        let shares = [share(tokens, most), share(without.as_secs_f64(), longest)];
        for ((x, share), text) in [LEFT, middle].into_iter().zip(shares).zip(texts) {
            svg.rect(class, x, y + 4.0, share * length, LINE - 8.0);
            svg.text("soft", x + share * length + 6.0, base, Anchor::Start, &text);
        }
        y += LINE;
    }
    let least = middle + share(report.least_without.as_secs_f64(), longest) * length;
    svg.line("least", least, top + 14.0, least, y + 8.0);
    let text = format!("at best {}", words::percent(report.least_without, report.length()));
    svg.text("soft", least, y + 22.0, Anchor::Middle, &text);
    y + 22.0
}

/// Draws when there were outages and when each policy had no token; returns where
/// that ends.
fn timeline(svg: &mut Svg, report: &Report, days: u32, top: f64) -> f64 {
    let end = Duration::from_secs(86_400) * days;
    let part = Span { start: 0, end: crate::span::millis(end) };
    let text = format!("without a valid token in the first {}", words::span(end));
    svg.text("soft", LEFT, top, Anchor::Start, &text);
    let top = top + 12.0;
    let mut y = top;
    let outages = ("outages".to_owned(), "outage", report.world.outages());
    let lanes = report.rows.iter().map(|row| (row.policy.to_string(), "gap", &row.gaps[..]));
    for (name, class, spans) in std::iter::once(outages).chain(lanes) {
        svg.text("", LEFT - 12.0, y + LINE / 2.0 + 4.0, Anchor::End, &name);
        svg.rect("lane", LEFT, y + 4.0, RIGHT - LEFT, LINE - 8.0);
        for span in spans.iter().filter(|span| span.overlaps(&part)) {
            let (from, to) = (place(span.start, end), place(span.end, end).min(RIGHT));
            // What is narrower would be written as nothing.
            if to - from >= svg::LEAST {
                svg.rect(class, from, y + 4.0, to - from, LINE - 8.0);
            }
        }
        y += LINE;
    }
    let step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000].into_iter();
    let step = step.clone().find(|step| days / step <= 12).unwrap_or(days);
    for day in (0..=days).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let x = LEFT + f64::from(day) / f64::from(days) * (RIGHT - LEFT);
        svg.line("tick", x, top, x, y + 4.0);
        svg.text("soft", x, y + 18.0, Anchor::Middle, &format!("{day} d"));
    }
    y + 18.0
}

/// Returns where a time stands in a timeline until `end`.
fn place(at: Millis, end: Duration) -> f64 {
    LEFT + share(Duration::from_millis(at).as_secs_f64(), end.as_secs_f64()) * (RIGHT - LEFT)
}

fn share(part: f64, all: f64) -> f64 {
    if all > 0.0 { part / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outages, Scenario, scenario::tests::calm};

    fn stormy() -> Report {
        let mut scenario = Scenario { days: 30, ..calm() };
        scenario.outages = Outages { share: 0.05, ..scenario.outages };
        Report::simulate(&scenario).unwrap()
    }

    /// Checks that a text is XML as far as this program writes it, and returns its
    /// elements' names.
    fn elements(text: &str) -> Vec<&str> {
        let (mut open, mut all) = (Vec::new(), Vec::new());
        for part in text.trim_end().split('<').skip(1) {
            let (tag, _) = part.split_once('>').unwrap();
            let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name));
            } else {
                all.push(name);
                if !tag.ends_with('/') {
                    open.push(name);
                }
            }
        }
        assert!(open.is_empty(), "{open:?}");
        all
    }

    #[test]
    fn a_chart_is_well_formed_and_has_bars_and_lanes_for_all() {
        let report = stormy();
        let drawn = chart(&report, 30);
        let elements = elements(&drawn);
        assert_eq!(elements[..4], ["svg", "title", "style", "rect"]);
        let counted = |class: &str| drawn.matches(&format!("class=\"{class}\"")).count();
        assert_eq!((counted("first"), counted("bar")), (2, 2 * (report.rows.len() - 1)));
        assert_eq!(counted("lane"), report.rows.len() + 1);
        assert_eq!(counted("outage"), report.world.outages().len());
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
    }

    #[test]
    fn a_timeline_ends_with_its_days() {
        let mut report = stormy();
        let day = 86_400_000;
        report.world.outages = vec![Span { start: 2 * day, end: 4 * day }];
        let beyond = |days| {
            let drawn = chart(&report, days);
            let number = |text: &str| text.split('"').next().unwrap().parse::<f64>().unwrap();
            let rects =
                drawn.lines().filter(|line| line.contains("<rect class") && line.contains(" x="));
            rects
                .filter(|rect| {
                    let [x, width] = ["x=\"", "width=\""].map(|name| rect.split(name).nth(1));
                    number(x.unwrap()) + number(width.unwrap()) > RIGHT + 0.02
                })
                .count()
        };
        assert_eq!([0, 3, 30, 400].map(beyond), [0; 4]);
    }
}
