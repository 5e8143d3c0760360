//! Where a row says that callers put the token.

use secrecy::ExposeSecret;
use tokend_provider::{Issued, Target};

use super::dimension::Mark;
use super::place::Place;
use super::row::Row;
use super::sketch::{Sketch, hole};
use super::token::{Origin, Token};
use super::trial::Trial;
use super::words;

/// Where callers put the token and what belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Presentation {
    targets: Vec<Target>,
    /// What goes into requests that change something only.
    writes: usize,
    /// Whether the token has found its place.
    has_token: bool,
    /// Whether the base URL has the token in it.
    in_url: bool,
    /// What can't be expressed.
    lack: Option<&'static str>,
    is_said: bool,
}

impl Presentation {
    /// Writes it into `[present]`.
    pub(crate) fn write(row: &Row, token: &Token, sketch: &mut Sketch) -> Self {
        let mut presentation = Self {
            targets: Vec::new(),
            writes: 0,
            has_token: false,
            in_url: false,
            lack: None,
            is_said: true,
        };
        // What comes with the token has a place of its own, in this order.
        let mut extras: Vec<String> = token.extras().into_iter().map(|(name, _)| name).collect();
        let prefix = token.prefix.as_deref().filter(|it| it.ends_with(' ')).unwrap_or_default();
        let parts: Vec<String> = row.present.iter().flat_map(|text| parts(text)).collect();
        for part in parts {
            presentation.add(&part, row, token, prefix, &mut extras, sketch);
        }
        if presentation.targets.is_empty() && !presentation.in_url && presentation.lack.is_none() {
            presentation.is_said = false;
            presentation.put(
                Target::Header("Authorization".to_owned()),
                "Bearer {{ token }}",
                false,
                sketch,
            );
        }
        presentation
    }

    fn put(&mut self, target: Target, value: &str, writes: bool, sketch: &mut Sketch) {
        let (table, name) = match &target {
            Target::Header(name) => ("headers", name),
            Target::Query(name) => ("query", name),
            Target::Cookie(name) => ("cookies", name),
            Target::Body(name) => ("body", name),
        };
        if writes {
            sketch.set(&["present", "writes", table, name], value);
        } else {
            sketch.set(&["present", table, name], value);
        }
        self.writes += usize::from(writes);
        self.has_token |= value.contains("token }}") || value.contains("token) |");
        self.targets.push(target);
    }

    fn add(
        &mut self,
        part: &str,
        row: &Row,
        token: &Token,
        prefix: &str,
        extras: &mut Vec<String>,
        sketch: &mut Sketch,
    ) {
        let is_first = !self.has_token;
        let writes = words::has(part, r"non.?get|writes?\b|unsafe methods");
        let plain = words::plain(part);
        let (kind, rest) = plain.split_once([':', ' ']).unwrap_or((&plain, ""));
        let rest = rest.trim();
        let header = |name: &str| Target::Header(name.to_owned());
        match kind.to_ascii_lowercase().as_str() {
            "bearer" => self.put(header("Authorization"), "Bearer {{ token }}", writes, sketch),
            "auth" => {
                let value = scheme(part, rest, sketch);
                self.put(header("Authorization"), &value, writes, sketch);
            }
            "basic" => {
                let value = format!("Basic {}", hole(&basic(rest, token, sketch)));
                self.put(header("Authorization"), &value, writes, sketch);
            }
            "header" | "headers" => {
                for text in rest.split(',').map(str::trim).filter(|it| !it.is_empty()) {
                    let (name, said) = text.split_once('=').unwrap_or((text, ""));
                    let name = name.split(' ').next().unwrap_or_default();
                    let value =
                        if said.is_empty() && !self.has_token && !words::has(name, "csrf|xsrf") {
                            format!("{prefix}{}", whole(row, token, sketch))
                        } else {
                            value(name, said, extras, sketch)
                        };
                    self.put(header(name), &value, writes, sketch);
                }
            }
            "query" | "param" => {
                let (name, said) = rest.split_once('=').unwrap_or((rest, ""));
                let name = name.split(' ').next().unwrap_or_default();
                let said = if is_first && said.is_empty() { "<token>" } else { said };
                let value = value(name, said, extras, sketch);
                self.put(Target::Query(name.to_owned()), &value, writes, sketch);
            }
            "cookie" | "cookies" => self.cookie(rest, is_first, token, extras, sketch),
            "body" | "jsonrpc" if words::has(part, "element|xml|soap") => {
                self.lack =
                    Some("the token goes into an XML body; [present] fills JSON bodies only");
            }
            "body" | "json" | "jsonrpc" if !rest.is_empty() => {
                let path = rest.split(' ').next().unwrap_or_default();
                let path = path.trim_matches('/').replace('/', ".");
                self.put(Target::Body(path), "{{ token }}", writes, sketch);
            }
            "soap" | "xml" => {
                self.lack =
                    Some("the token goes into an XML body; [present] fills JSON bodies only");
            }
            "path" | "url" => {
                sketch.set(&["present", "base_url"], "https://api.example.com/x{{ token }}");
                self.in_url = true;
            }
            "wsse" => {
                let value = whole(row, token, sketch);
                self.put(header("X-WSSE"), &value, writes, sketch);
            }
            _ => self.is_said = false,
        }
    }

    fn cookie(
        &mut self,
        rest: &str,
        is_first: bool,
        token: &Token,
        extras: &mut Vec<String>,
        sketch: &mut Sketch,
    ) {
        let name = rest.split([' ', '=']).next().unwrap_or_default();
        if !name.is_empty() {
            let said = if is_first { "<token>" } else { "" };
            let value = value(name, said, extras, sketch);
            return self.put(Target::Cookie(name.to_owned()), &value, false, sketch);
        }
        // All of them, as they came.
        let own = match token.first() {
            _ if matches!(token.origin, Origin::Local | Origin::Static) => "{{ token }}".to_owned(),
            Place::Cookie(name) if is_first && token.ways.len() == 1 => {
                format!("{name}={{{{ token }}}}")
            }
            _ => {
                if sketch.get(&["output", "extras", "cookies"]).is_none() {
                    sketch.set(&["output", "optional_extras", "cookies"], "cookies | cookie");
                }
                extras.retain(|name| name != "cookies");
                hole("extra.cookies")
            }
        };
        self.put(Target::Header("Cookie".to_owned()), &own, false, sketch);
    }

    /// Holds what callers are told to what the row says.
    pub(crate) fn check(&self, trial: &Trial, issued: &Issued) -> Mark {
        if let Some(lack) = self.lack {
            return Mark::No(lack.to_owned());
        }
        let (definition, inputs) = (&trial.definition, &trial.inputs);
        let placements = match definition.placements(inputs, &issued.value, &issued.extras) {
            Ok(placements) => placements,
            Err(error) => return Mark::No(error.to_string()),
        };
        if let Some(target) =
            self.targets.iter().find(|target| !placements.iter().any(|it| it.target == **target))
        {
            return Mark::No(format!("nothing is put into {target:?}"));
        }
        if placements.iter().filter(|it| it.writes_only).count() != self.writes {
            return Mark::No("requests that change nothing have as much".to_owned());
        }
        let token = issued.value.expose_secret();
        let url = definition.base_url(inputs, &issued.value, &issued.extras).ok().flatten();
        let in_url = url.is_some_and(|url| url.as_str().contains(token));
        let shown = |text: &str| text.contains(token) || text.starts_with("Basic ");
        let is_session = |target: &Target| *target == Target::Header("Cookie".to_owned());
        let is_shown =
            placements.iter().any(|it| shown(it.value.expose_secret()) || is_session(&it.target));
        if self.in_url && !in_url || !self.in_url && !is_shown {
            return Mark::No("the token is nowhere".to_owned());
        }
        Mark::of(self.is_said)
    }
}

/// What is put into a request together; of alternatives, the first.
fn parts(text: &str) -> Vec<String> {
    if text.starts_with("or ") || words::is_unknown(text) {
        return Vec::new();
    }
    let text = text.replace(", or ", " or ");
    let first = words::alternatives(&text).first().map_or("", |first| *first).to_owned();
    words::joined(&first)
}

/// What follows `auth:`.
fn scheme(part: &str, rest: &str, sketch: &mut Sketch) -> String {
    if words::has(part, r"\(bare") || rest.is_empty() {
        return "{{ token }}".to_owned();
    }
    if let Some((name, said)) = rest.split_once('=') {
        return format!("{name}={}", value(name, said, &mut Vec::new(), sketch));
    }
    match rest.split_once(' ') {
        Some((scheme, said)) if said.contains(':') => {
            let parts = said.split(':').map(|part| hole(&operand(part, sketch)));
            format!("{scheme} {}", parts.collect::<Vec<_>>().join(":"))
        }
        Some((scheme, _)) => format!("{scheme} {{{{ token }}}}"),
        None => format!("{rest} {{{{ token }}}}"),
    }
}

/// The user name and the password of HTTP Basic, encoded.
fn basic(rest: &str, token: &Token, sketch: &mut Sketch) -> String {
    let (user, password) = rest.split_once(':').unwrap_or((rest, ""));
    let joined = |text: &str, sketch: &mut Sketch| {
        let parts: Vec<String> = text.split('+').map(|part| operand(part, sketch)).collect();
        parts.join(" ~ '+' ~ ")
    };
    let user = if user.starts_with('_') || user.is_empty() {
        format!("'{user}'")
    } else {
        joined(user, sketch)
    };
    let password = match password {
        "" | "<token>" => "token".to_owned(),
        _ if token.origin == Origin::Static => joined(password, sketch),
        password => joined(password, sketch),
    };
    format!("({user} ~ ':' ~ {password}) | base64")
}

/// What one word of a placement stands for.
fn operand(word: &str, sketch: &mut Sketch) -> String {
    let word = word.trim().trim_matches(['<', '>']);
    match word {
        "token" | "access_token" | "hash" | "jwt" => "token".to_owned(),
        word => match sketch.find(word) {
            Some(known) => known,
            None if words::has(word, "token|session|ticket|^sid$") => "token".to_owned(),
            None => sketch.input(word),
        },
    }
}

/// The value that goes somewhere by what is said of it, or by its name.
fn value(name: &str, said: &str, extras: &mut Vec<String>, sketch: &mut Sketch) -> String {
    if let Some((before, rest)) = said.split_once('<') {
        let (word, after) = rest.split_once('>').unwrap_or((rest, ""));
        return format!("{before}{}{after}", hole(&operand(word, sketch)));
    }
    if said.contains('/') {
        let parts = said.split('/').map(|part| hole(&operand(part, sketch)));
        return parts.collect::<Vec<_>>().join("/");
    }
    if !said.is_empty() {
        return said.to_owned();
    }
    let known = |name: &str| sketch.get(&["output", "optional_extras", name]).is_some();
    let made = match name {
        _ if words::has(name, "nonce") && known("nonce") => Some("nonce"),
        _ if words::has(name, "time|date") && known("timestamp") => Some("timestamp"),
        _ if words::has(name, "csrf|xsrf") && known("csrf") => Some("csrf"),
        _ => None,
    };
    if let Some(made) = made {
        return hole(&format!("extra.{made}"));
    }
    if !extras.is_empty() {
        return hole(&format!("extra.{}", extras.remove(0)));
    }
    if words::has(name, "csrf|xsrf") {
        sketch.set(&["output", "optional_extras", "csrf"], format!("headers['{name}'] or '0'"));
        return hole("extra.csrf");
    }
    hole(&operand(name, sketch))
}

/// The value of a header that is all for the token.
fn whole(row: &Row, token: &Token, sketch: &mut Sketch) -> String {
    if words::has(&row.signing, "wsse") && token.origin == Origin::Local {
        let user = sketch.references(false).first().cloned();
        let user = user.unwrap_or_else(|| sketch.input("username"));
        return format!(
            "UsernameToken Username=\"{}\", PasswordDigest=\"{{{{ token }}}}\", \
             Nonce=\"{{{{ extra.nonce }}}}\", Created=\"{{{{ extra.created }}}}\"",
            hole(&user)
        );
    }
    "{{ token }}".to_owned()
}
