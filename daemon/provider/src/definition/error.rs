//! Tells the author of a definition what is wrong with it, and where.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

use crate::address::AddressError;
use crate::definition::Source;
use crate::place::Place;
use crate::suggestion::Suggestion;
use crate::transport::ProxyError;
use crate::zone::UnknownZone;

/// Why a text isn't a provider definition.
///
/// Displays as the place, the fault and the line itself:
///
/// ```text
/// /etc/tokend/providers.d/acme.toml:3:1: unknown key `tokn_url`, did you mean `token_url`?
/// 3 | tokn_url = "https://auth.acme.example/token"
///   | ^^^^^^^^
/// ```
#[derive(Debug)]
pub struct DefinitionError(Box<Report>);

#[derive(Debug)]
struct Report {
    source: Source,
    place: Option<Place>,
    fault: Fault,
}

/// What is wrong with a definition, without saying where.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// Whatever the TOML parser or the type of a key has to say.
    #[error("{0}")]
    Toml(String),
    #[error(
        "a part by positions, `[a:b]`, can't be taken in an expression: write `| capture('^.{{20}}')` for the first 20 characters"
    )]
    Slice,
    #[error("unknown key `{key}`{suggestion}")]
    UnknownKey { key: String, suggestion: Suggestion },
    #[error("unknown value `{value}`{suggestion}")]
    UnknownValue { value: String, suggestion: Suggestion },
    #[error("missing key `{0}`")]
    MissingKey(String),
    #[error("`{0}` is not a name: use a-z, 0-9, - and _, and start with a letter or a digit")]
    DefinitionName(String),
    #[error("`{0}` is not a name: use a-z, 0-9 and _, and start with a letter")]
    InputName(String),
    #[error("`{0}` is both a variable and a secret")]
    DeclaredTwice(String),

    #[error("the default doesn't fit: {0}")]
    Default(String),
    #[error("a definition has either [oauth2] or [issue]")]
    TwoForms,
    #[error("a definition needs [oauth2] or [issue]: how to ask for a token")]
    NoForm,
    #[error("programs have no [login]: write [issue] beside it")]
    LoginOfProgram,
    #[error("[oauth2] refreshes already: take out `refresh = true` or [refresh]")]
    TwoRefreshes,
    #[error("the grant `refresh_token` refreshes with each request: take out `refresh = true`")]
    RefreshingGrant,
    #[error("[keepalive] needs `idle` in [lifetime]: how long a token lives that nobody uses")]
    NoIdle,
    #[error("no refresh token is ever held: say in `output.refresh_token` where answers have it")]
    NoRefreshToken,
    #[error("{kind} `{name}` is not declared{suggestion}")]
    Undeclared { kind: &'static str, name: String, suggestion: Suggestion },
    #[error("`{name}` means nothing here{suggestion}")]
    UnknownName { name: String, suggestion: Suggestion },
    #[error("`{0}` needs a name: write `{0}.NAME`")]
    BareRoot(String),
    #[error("not an expression: {0}")]
    Expression(String),
    #[error("an expression stands here by itself: write it without `{{{{` and `}}}}`")]
    Braces,
    #[error("an expression has at most {0} characters")]
    LongExpression(usize),
    #[error("`{{{{` without `}}}}`")]
    Unclosed,
    #[error("only expressions work here, `{{{{ .. }}}}` without `-`: write text as {example}")]
    Statement { example: &'static str },
    #[error("a template is a whole value here: join texts inside it, `{{{{ 'a' ~ var.b }}}}`")]
    Mixed,
    #[error("a secret must come from an input: write `{{{{ secret.NAME }}}}`")]
    LiteralSecret,
    #[error("the host of a URL can't depend on a secret or on a token")]
    SecretHost,
    #[error("the URL {0}")]
    Address(#[from] AddressError),
    #[error("a URL template must start with https:// or with `{{{{ .. }}}}`")]
    RelativeUrl,
    #[error("after an expression that starts a URL comes a text that starts with /")]
    BaseUrl,
    #[error("`{0}` is not a header name")]
    HeaderName(String),
    #[error("header `{0}` is set by the HTTP client")]
    ReservedHeader(String),
    #[error("`{0}` is not a cookie name")]
    CookieName(String),
    #[error("the header `Cookie` is there already: write all into one of both")]
    TwoCookies,
    #[error("`client_auth = \"{0}\"` says how the parameters are sent: take out `encoding`")]
    TwoEncodings(&'static str),
    #[error("[oauth2] revokes already: take out `revocation_url`, `revoke` or [revoke]")]
    TwoRevokes,
    #[error("`basic` sets the header `Authorization` already")]
    TwoAuthorizations,
    #[error(
        "a request has `{0}` already, so it has no `{1}`; for a choice write it twice, with `when`"
    )]
    TwoBodies(&'static str, &'static str),
    #[error(
        "a GraphQL document has no `{{{{ .. }}}}` in it: declare a variable, `$name`, and give it in `variables`"
    )]
    SplicedGraphql,
    #[error(
        "`{expression}` would be spliced into the text as it is: end it with a filter that escapes it, such as `| xml` or `| json`"
    )]
    Unescaped { expression: String },
    #[error("an XML body is a table with one entry, the root element")]
    XmlRoot,
    #[error("`{0}` is not the name of an XML element, nor with `@` of an attribute, nor `#text`")]
    XmlName(String),
    #[error("write `local = true`, or leave it out")]
    NotLocal,
    #[error("`{0}` excludes what else is there: a table has one of `url`, `steps` and `local`")]
    TwoWorks(&'static str),
    #[error("only a step has a name: later steps know its answer by it")]
    NamedRequest,
    #[error("`steps` needs one at least")]
    NoSteps,
    #[error("each step needs a `url`")]
    StepWithoutUrl,
    #[error("steps have no steps: write them one after the other, with `when`")]
    NestedSteps,
    #[error(
        "the output is read from the last answer: write `output` beside `steps`, and take from earlier ones by `steps.NAME.body`"
    )]
    StepOutput,
    #[error("there are two steps `{0}`")]
    StepTwice(String),
    #[error("a host that an answer tells needs `allow_hosts` in [http]: where it may be")]
    NoReach,
    #[error("`{0}` is not an absolute path")]
    RelativeProgram(String),
    #[error("`command` needs a program: its absolute path, then its arguments")]
    NoProgram,
    #[error("a program takes no longer than `40s`")]
    LongExec,
    #[error("the key of a signature must come from a secret: write `{{{{ secret.NAME }}}}`")]
    LiteralKey,
    #[error("a signature has either `claims` or `text`")]
    TwoPayloads,
    #[error("[oauth2] makes `sign.{0}` itself: give yours another name")]
    SignTwice(String),
    #[error("[oauth2] has either `token_url` or `issuer`")]
    TwoEndpoints,
    #[error(
        "`{key}` can be `{{{{ var.NAME }}}}` of a variable with `choices`, and nothing else with `{{{{`"
    )]
    NoChoices { key: &'static str },
    #[error("`{key}` goes with `{with}`")]
    GoesWith { key: &'static str, with: &'static str },
    #[error("only texts, numbers and booleans work here")]
    NotScalar,
    #[error("write a date as a text, in quotes")]
    Date,
    #[error("`{0}` is not a duration: write `90s`, `12h` or `1d`")]
    Duration(String),
    #[error(
        "`{0}` is not a form of dates: write it in the words of strptime, such as `%Y-%m-%d %H:%M:%S`"
    )]
    DateFormat(String),
    #[error("a limit counts at least 1")]
    Count,
    #[error("a limit needs `window = \"12h\"`, or `per = \"day\"` if it counts by the calendar")]
    NoWindow,
    #[error("a limit has either `window` or `per`: write two [[limits]] if both hold")]
    TwoWindows,
    #[error("`zone` goes with `per`: a window that slides is the same everywhere")]
    SlidingZone,
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    #[error("`{0}` is a whole number of at least 1")]
    AtLeastOne(&'static str),
    #[error(
        "`max_live` needs `default`, a duration, or `idle`: how long a token lives that isn't deleted"
    )]
    EndlessLive,
    #[error("`{0}` is not the status of a refusal, which is 300 to 599")]
    RejectedStatus(i64),
    #[error("`{0}` is not a status, which is 100 to 599")]
    Status(i64),
    #[error("`{0}` is not a path: write `errors.0.message`, with `\\.` for a dot in a name")]
    Path(String),
    #[error("`values` needs one at least: what stands there if the token is refused")]
    NoValues,
    #[error("only texts, whole numbers and booleans work here")]
    NotCode,
    #[error("[[rotated]] needs `header`, `cookie` or `body`: where the newer token is")]
    NoRotationSource,
    #[error("one [[rotated]] has one of `header`, `cookie` and `body`: write two if both hold")]
    TwoRotationSources,
    #[error("`{0}` is not a host: write `api.example.com`, or `.example.com` for all below it")]
    Host(String),
    #[error("`{key}` needs `{needed}`")]
    Needs { key: &'static str, needed: &'static str },
    #[error("the proxy {0}")]
    Proxy(#[from] ProxyError),
    #[error("`timeout` is {0}s at most")]
    Timeout(u64),
    #[error("`connect_timeout` must be shorter than `timeout`")]
    ConnectTimeout,
    #[error("`max_answer` is a size of at most 1MiB: write `\"256KiB\"`, or 256 for it")]
    Size,
}

/// A fault and the bytes of the definition that it is about.
#[derive(Debug)]
pub(crate) struct Located {
    fault: Fault,
    span: Option<Range<usize>>,
}

impl Fault {
    /// Adds the place.
    pub(crate) fn at(self, span: Range<usize>) -> Located {
        Located { fault: self, span: Some(span) }
    }

    /// Is about the definition as a whole.
    pub(crate) fn anywhere(self) -> Located {
        Located { fault: self, span: None }
    }
}

impl From<toml::de::Error> for Located {
    fn from(error: toml::de::Error) -> Self {
        Self { span: error.span(), fault: classify(error.message()) }
    }
}

/// Says what serde has to say of a text in TOML in the words of whoever has written it, with a name
/// that may have been meant.
pub fn in_words(message: &str) -> String {
    classify(message).to_string()
}

/// Reads serde's message, whose form its documentation fixes
/// (`serde::de::Error::unknown_field`), since nothing else tells what was
/// expected: names stand between backticks, the misspelt one first.
fn classify(message: &str) -> Fault {
    let mut names = message.split('`').skip(1).step_by(2);
    let first = names.next().unwrap_or_default().to_owned();
    if message.starts_with("unknown field ") {
        Fault::UnknownKey { suggestion: Suggestion::among(&first, names), key: first }
    } else if message.starts_with("unknown variant ") {
        Fault::UnknownValue { suggestion: Suggestion::among(&first, names), value: first }
    } else if message.starts_with("missing field ") {
        Fault::MissingKey(first)
    } else if message.ends_with("expected a spanned value") {
        // What the toml crate says of a date, alone of all types.
        Fault::Date
    } else {
        Fault::Toml(in_words_of_toml(message))
    }
}

/// Says what serde says in the words that the author knows.
fn in_words_of_toml(message: &str) -> String {
    // Tables that are read into a struct: its name tells the author nothing.
    let message = match message.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => message.to_owned(),
    };
    message
        .replace("invalid type: map", "invalid type: table")
        .replace("invalid type: sequence", "invalid type: array")
        .replace("expected a map", "expected a table")
        .replace("table, expected a sequence", "table, expected an array of tables, `[[..]]`")
        .replace("expected a sequence", "expected an array, `[..]`")
        .replace("expected a string", "expected a text in quotes")
        .replace("expected i64", "expected a whole number")
}

impl DefinitionError {
    pub(crate) fn new(source: Source, text: &str, located: Located) -> Self {
        let place = located.span.and_then(|span| Place::find(text, &span));
        Self(Box::new(Report { source, place, fault: located.fault }))
    }

    /// Returns the line of the fault, counted from 1, if it has a place.
    pub fn line(&self) -> Option<usize> {
        self.place().map(Place::line)
    }

    /// Returns the column of the fault, counted in characters from 1.
    pub fn column(&self) -> Option<usize> {
        self.place().map(Place::column)
    }

    /// Returns where the fault is, if it has a place.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// Returns where the definition comes from.
    pub fn source(&self) -> &Source {
        &self.0.source
    }

    /// Returns what is wrong, without saying where.
    pub fn fault(&self) -> String {
        self.0.fault.to_string()
    }
}

impl std::error::Error for DefinitionError {}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { source, place, fault } = &*self.0;
        match place {
            None => write!(f, "{source}: {fault}"),
            Some(place) => {
                writeln!(f, "{source}:{}:{}: {fault}", place.line(), place.column())?;
                write!(f, "{place}")
            }
        }
    }
}
