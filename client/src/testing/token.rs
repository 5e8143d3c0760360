//! What a fake daemon holds of a token.

use std::time::Duration;

use tokend_proto::v1;

/// A token that a [`FakeDaemon`](super::FakeDaemon) holds. It goes into the header
/// `Authorization: Bearer ..` unless other places are given, and never expires unless a life
/// is.
#[derive(Clone, Debug)]
#[must_use]
pub struct FakeToken {
    pub(super) message: v1::Token,
    pub(super) life: Option<Duration>,
}

impl FakeToken {
    /// Returns a token of this value.
    pub fn new(value: impl Into<String>) -> Self {
        Self { message: v1::Token { value: value.into(), ..v1::Token::default() }, life: None }
    }

    /// Sets how long it lives, from when it is given to the daemon.
    pub fn life(mut self, life: Duration) -> Self {
        self.life = Some(life);
        self
    }

    /// Sets its id; else each has one of its own.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.message.token_id = id.into();
        self
    }

    /// Puts this value into a header of requests.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.placed(v1::placement::Target::Header(name.into()), value)
    }

    /// Puts this value into a query parameter of requests.
    pub fn query(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.placed(v1::placement::Target::Query(name.into()), value)
    }

    /// Puts this value into a cookie of requests.
    pub fn cookie(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.placed(v1::placement::Target::Cookie(name.into()), value)
    }

    /// Adds a host that it may be sent to; a leading dot stands for every subdomain.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.message.hosts.push(host.into());
        self
    }

    /// Sets where the API is.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.message.base_url = url.into();
        self
    }

    /// Adds a value that belongs to it.
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.message.extras.insert(name.into(), value.into());
        self
    }

    /// Adds an HTTP status by which the API refuses it.
    pub fn refused_by_status(mut self, status: u16) -> Self {
        self.rejection().statuses.push(status.into());
        self
    }

    /// Adds a place in a JSON body, and what stands there if the API refuses it: names with
    /// dots between them, and positions in arrays from 0.
    pub fn refused_by_body(mut self, path: impl Into<String>, value: impl Into<String>) -> Self {
        self.rejection().body.push(v1::rejection::BodyRule {
            path: path.into(),
            values: vec![value.into()],
            ..v1::rejection::BodyRule::default()
        });
        self
    }

    /// Adds a header of the API's answers that may have a newer one, behind a prefix.
    pub fn rotated_by_header(
        mut self,
        name: impl Into<String>,
        strip_prefix: impl Into<String>,
    ) -> Self {
        self.message.rotations.push(v1::RotationRule {
            source: Some(v1::rotation_rule::Source::Header(name.into())),
            strip_prefix: strip_prefix.into(),
            extra: String::new(),
        });
        self
    }

    fn placed(mut self, target: v1::placement::Target, value: impl Into<String>) -> Self {
        self.message.placements.push(v1::Placement {
            target: Some(target),
            value: value.into(),
            writes_only: false,
        });
        self
    }

    fn rejection(&mut self) -> &mut v1::Rejection {
        self.message.rejection.get_or_insert_default()
    }

    /// Returns the message, with what wasn't given.
    pub(super) fn finished(self, number: u64) -> (v1::Token, Option<Duration>) {
        let Self { mut message, life } = self;
        if message.token_id.is_empty() {
            message.token_id = format!("fake-{number}");
        }
        if message.placements.is_empty() {
            message.placements.push(v1::Placement {
                target: Some(v1::placement::Target::Header("Authorization".to_owned())),
                value: format!("Bearer {}", message.value),
                writes_only: false,
            });
        }
        (message, life)
    }
}

/// Takes what the other functions can't say; its times don't count.
impl From<v1::Token> for FakeToken {
    fn from(message: v1::Token) -> Self {
        Self { message, life: None }
    }
}
