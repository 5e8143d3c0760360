//! Names of systemd's units, of one and of all instances of a template.

use std::{
    fmt::{Display, Formatter},
    str::FromStr,
};

/// The longest name of a unit in bytes (systemd.unit(5)).
const LONGEST: usize = 255;

/// What units are called that run programs and are no one's but the manager's.
const SERVICE: &str = ".service";

/// Stands for the instances of a template.
const ANY: &str = "@*";

/// Tells whether it is the name of a unit of this type, `.service` say, by systemd's rules for
/// names: letters, digits and `:-_.\`, one `@` between a template's name and its instance's.
pub fn is_unit(name: &str, of_type: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b":-_.\\@".contains(&c);
    let stem = name.strip_suffix(of_type);
    name.len() <= LONGEST
        && name.bytes().all(plain)
        && stem.is_some_and(|stem| !stem.is_empty() && !stem.starts_with('@'))
}

/// Tells whether it is the name of a service that can run: a template's can't.
pub fn is_service(name: &str) -> bool {
    is_unit(name, SERVICE) && !name.ends_with("@.service")
}

/// The services that access is given to: one, `reports.service`, or all instances of a
/// template, `worker@*.service`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units(String);

/// It names no services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoUnits {
    /// It isn't the name of a service.
    #[error(
        "a unit is a service by its whole name, `reports.service`, or all instances of a template, \
         `worker@*.service`"
    )]
    NoService,
    /// It is a template, which doesn't run.
    #[error("a template doesn't run itself: name an instance, or all of them, `worker@*.service`")]
    Template,
}

impl FromStr for Units {
    type Err = NoUnits;

    fn from_str(text: &str) -> Result<Self, NoUnits> {
        let template = text.strip_suffix(SERVICE).and_then(|stem| stem.strip_suffix(ANY));
        let is_named = match template {
            Some(name) => !name.contains('@') && is_service(&format!("{name}{SERVICE}")),
            None => is_service(text),
        };
        match is_named {
            true => Ok(Self(text.to_owned())),
            false if is_unit(text, SERVICE) => Err(NoUnits::Template),
            false => Err(NoUnits::NoService),
        }
    }
}

impl Units {
    /// Tells whether a service is among them.
    pub fn include(&self, unit: &str) -> bool {
        let Some(template) = self.0.strip_suffix(SERVICE).and_then(|stem| stem.strip_suffix(ANY))
        else {
            return self.0 == unit;
        };
        let instance = unit.split_once('@').filter(|(name, _)| *name == template);
        instance.is_some_and(|(_, instance)| instance != SERVICE)
    }
}

impl Display for Units {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_itself_and_a_template_its_instances() {
        for (units, among, others) in [
            (
                "reports.service",
                &["reports.service"][..],
                &["reports2.service", "Reports.service", "reports@a.service", "reports"][..],
            ),
            ("worker@1.service", &["worker@1.service"], &["worker@2.service", "worker@.service"]),
            (
                "worker@*.service",
                &["worker@1.service", "worker@a@b.service", "worker@x.y.service"],
                &["worker@.service", "worker.service", "coworker@1.service", "work@er@1.service"],
            ),
            ("a-b\\x2dc:1.service", &["a-b\\x2dc:1.service"], &[]),
        ] {
            let units: Units = units.parse().unwrap();
            for unit in among {
                assert!(units.include(unit), "{units} {unit}");
            }
            for unit in others {
                assert!(!units.include(unit), "{units} {unit}");
            }
        }
    }

    #[test]
    fn nothing_else_names_services() {
        let long = format!("{}.service", "a".repeat(255));
        for text in [
            "",
            "reports",
            ".service",
            "@a.service",
            "*.service",
            "a*.service",
            "a@b*.service",
            "@*.service",
            "a@b@*.service",
            "a/b.service",
            "a b.service",
            "a\n.service",
            "a.timer",
            "user@1000.service/a.service",
            &long,
        ] {
            assert_eq!(text.parse::<Units>(), Err(NoUnits::NoService), "{text:?}");
        }
        assert_eq!("worker@.service".parse::<Units>(), Err(NoUnits::Template));
    }
}
