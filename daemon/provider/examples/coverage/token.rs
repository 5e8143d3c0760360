//! Where a row says that the token is.

use super::place::Place;
use super::row::Row;
use super::sketch::Sketch;
use super::words;

/// Where the token is, and what comes with it.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// How it comes about.
    pub(crate) origin: Origin,
    /// The alternatives: the token's place, then those of what comes with it.
    pub(crate) ways: Vec<Vec<Place>>,
    /// What stands before it and isn't part of it.
    pub(crate) prefix: Option<String>,
    /// Whether the row says it.
    pub(crate) is_said: bool,
}

/// How a token comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is in an answer.
    Answered,
    /// It is made of the inputs.
    Local,
    /// It is one of the inputs.
    Static,
    /// It is one of the inputs, and requests prolong its life.
    Prolonged,
}

impl Token {
    /// Reads where the token is.
    pub(crate) fn read(row: &Row) -> Self {
        let origin = match &row.token_at {
            at if words::has(at, r"^\W*(local|self.?signed|minted)") => Origin::Local,
            at if words::has(at, r"^\W*static") => Origin::Static,
            at if words::has(at, r"^\W*unchanged") => Origin::Prolonged,
            _ => Origin::Answered,
        };
        let mut ways: Vec<Vec<Place>> = Vec::new();
        let mut is_read = true;
        for way in words::alternatives(&row.token_at) {
            let parts = words::joined(way);
            let places: Vec<Place> = parts.iter().filter_map(|part| Place::read(part)).collect();
            is_read &= places.len() == parts.len();
            if !places.is_empty() {
                ways.push(places);
            } else if let Some([Place::Cookie(_)]) = ways.last().map(Vec::as_slice)
                && !way.contains([' ', ':'])
            {
                is_read = true;
                ways.push(vec![Place::Cookie(way.to_owned())]);
            }
        }
        let is_said = origin != Origin::Answered || is_read && !ways.is_empty();
        if ways.is_empty() {
            ways.push(vec![Place::Json(vec!["access_token".to_owned()])]);
        }
        let shown = row.present.join(" ");
        let named =
            words::capture(&shown, r"cookie: ?(\w+) \([^)]*name=value").map(|it| format!("{it}="));
        let quoted = words::capture(&row.token_at, r"\('(\w+ )[^']*'\)").map(str::to_owned);
        Self { origin, ways, prefix: named.or(quoted), is_said }
    }

    /// The place that is tried first.
    pub(crate) fn first(&self) -> &Place {
        &self.ways[0][0]
    }

    /// What a request has to say for its answer to be read.
    pub(crate) fn reading(&self) -> Option<(&'static str, &'static str)> {
        self.ways.iter().flatten().find_map(|place| match place {
            Place::Redirect(_) => Some(("ok", "status in [302, 303]")),
            Place::Page(_) => Some(("answer", "html")),
            _ => None,
        })
    }

    /// Writes it into `[output]`.
    pub(crate) fn write(&self, sketch: &mut Sketch) {
        if self.origin == Origin::Answered {
            let token = self.ways.iter().map(|way| match &way[0] {
                // All of them aren't a token, for they have spaces between them.
                Place::Cookies => "(cookies | starting(''))".to_owned(),
                place => place.expression(),
            });
            let token: Vec<String> = token.collect();
            sketch.set(&["output", "token"], token.join(" or "));
        }
        if let Some(prefix) = &self.prefix {
            sketch.set(&["output", "strip_prefix"], prefix.as_str());
        }
        let table = if self.ways.len() == 1 { "extras" } else { "optional_extras" };
        for (name, place) in self.extras() {
            sketch.set(&["output", table, &name], place.expression());
        }
    }

    /// What comes with it, by name.
    pub(crate) fn extras(&self) -> Vec<(String, &Place)> {
        let extras = self.ways.iter().flat_map(|way| &way[1..]);
        extras
            .map(|place| (words::name(place.name()).unwrap_or_else(|| "cookies".to_owned()), place))
            .collect()
    }
}
