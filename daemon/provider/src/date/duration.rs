//! Durations as programs write them.

use jiff::{Span, SpanRelativeTo};

/// Reads a duration in seconds, which can be negative: ISO 8601's (`P1D`), people's
/// (`1h 30m`) or a clock's, with days before it or not (`01:30:00`, `1.01:30:00`). A day
/// is 24 hours; months and years are none.
pub(crate) fn duration(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit() || b"-.:".contains(&byte)) {
        return clock(text);
    }
    let span: Span = text.parse().ok()?;
    let exact = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(exact.as_secs_f64())
}

/// Reads `HH:MM:SS` of any number of hours, such as .NET's `D.HH:MM:SS.FFFFFFF`.
fn clock(text: &str) -> Option<f64> {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let mut parts = text.split(':');
    let (hours, minutes, seconds, None) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next())
    else {
        return None;
    };
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let sixty = |text| whole(text).filter(|number| text.len() == 2 && *number < 60);
    let hours = f64::from(whole(days)?) * 24.0 + f64::from(whole(hours)?);
    let minutes = hours * 60.0 + f64::from(sixty(minutes)?);
    let fraction = f64::from(whole(fraction)?) / 10_f64.powi(i32::try_from(fraction.len()).ok()?);
    Some(sign * (minutes * 60.0 + f64::from(sixty(seconds)?) + fraction))
}

/// Reads digits and nothing else.
fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
