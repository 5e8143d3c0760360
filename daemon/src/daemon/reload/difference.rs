//! What a reload changes, in words.

use std::fmt::Debug;

use tokend_core::Name;
use tokend_provider::Library;

use crate::{config::Config, ports::Redefined};

/// Tells which settings are others.
pub(super) fn of_settings(before: &Config, after: &Config) -> Vec<String> {
    let mut changes = Vec::new();
    let mut compare = |key: &str, before: String, after: String| {
        if before != after {
            changes.push(format!("{key}: {before} before, {after} now"));
        }
    };
    let shown = |value: &dyn Debug| format!("{value:?}");
    let group = |config: &Config| config.socket_group.clone().unwrap_or_else(|| "none".to_owned());
    compare("log", shown(&before.log), shown(&after.log));
    compare("socket_group", group(before), group(after));
    let revokes = |config: &Config| config.revoke_on_shutdown.to_string();
    compare("revoke_on_shutdown", revokes(before), revokes(after));
    compare("unit_wait", shown(&before.unit_wait), shown(&after.unit_wait));
    compare("provider_dirs", shown(&before.provider_dirs), shown(&after.provider_dirs));
    compare("credential_dirs", shown(&before.credential_dirs), shown(&after.credential_dirs));
    if before.on_login_needed != after.on_login_needed {
        // Its arguments are nobody's business.
        changes.push(match &after.on_login_needed {
            Some(command) => format!("on_login_needed: {}", command.first().map_or("", |it| it)),
            None => "on_login_needed: nothing is run any more".to_owned(),
        });
    }
    changes
}

/// Tells which definitions are others, and what that means for credentials.
pub(super) fn of_definitions(
    before: &Library,
    after: &Library,
    redefined: &Redefined,
) -> Vec<String> {
    let mut changes = Vec::new();
    for name in after.differing(before) {
        let how = if before.has(name) { "changed" } else { "new" };
        changes.push(format!("provider {name}: {how}"));
    }
    for name in before.differing(after).filter(|name| !after.has(name)) {
        changes.push(format!("provider {name}: gone"));
    }
    let Redefined { changed, usable, unusable } = redefined;
    if !changed.is_empty() {
        let names = listed(changed);
        changes.push(format!("the next issuance goes by the changed definition: {names}"));
    }
    if !usable.is_empty() {
        changes.push(format!("tokens can be asked for again: {}", listed(usable)));
    }
    for (name, problem) in unusable {
        changes.push(format!("no new token can be asked for {name} any more: {problem}"));
    }
    changes
}

/// Tells what the next start goes by and this daemon can't; `moved` is where the store's key is,
/// if it isn't where it was at the start.
pub(super) fn for_the_next_start(
    running: &Config,
    configured: &Config,
    moved: Option<&str>,
) -> Vec<String> {
    let mut all = Vec::new();
    let mut needs = |key: &str, running: String, configured: String| {
        if running != configured {
            all.push(format!("{key} is {running} and will be {configured}"));
        }
    };
    let path = |path: &std::path::Path| format!("\"{}\"", path.display());
    needs("state_dir", path(&running.state_dir), path(&configured.state_dir));
    needs("runtime_dir", path(&running.runtime_dir), path(&configured.runtime_dir));
    let mark =
        |config: &Config| config.mark_file.as_deref().map_or_else(|| "nowhere".to_owned(), path);
    needs("mark_file", mark(running), mark(configured));
    let key = moved.map_or_else(|| running.key.to_string(), str::to_owned);
    let metrics = |config: &Config| {
        config.metrics.as_ref().map_or_else(|| "off".to_owned(), ToString::to_string)
    };
    needs("metrics", metrics(running), metrics(configured));
    needs("key_source", format!("{key:?}"), format!("{:?}", configured.key.to_string()));
    all
}

/// How many names are told one by one.
const MOST_LISTED: usize = 20;

fn listed(names: &[Name]) -> String {
    let first: Vec<&str> = names.iter().take(MOST_LISTED).map(Name::as_str).collect();
    let more = names.len().saturating_sub(MOST_LISTED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", first.join(", "))
}
