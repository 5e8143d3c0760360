//! How an API's answer says that it refuses a token.

use tokend_proto::v1;

/// What in an answer of the API says that it doesn't take the token any more: one of the
/// statuses, or one of the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectionRules {
    /// HTTP statuses that say so.
    pub statuses: Vec<u16>,
    /// What says so in a body.
    pub body: Vec<BodyRule>,
    /// What headers say so.
    pub headers: Vec<HeaderRule>,
}

/// A place in a body, and what stands there if the token was refused. Of `values`,
/// `other_than` and `contains`, each that isn't empty must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyRule {
    /// The names that lead there from the top of a JSON body, with dots between them;
    /// numbers for positions in arrays, `*` for any. Empty: the whole body, as text.
    pub path: String,
    /// What stands there, one of these; numbers and booleans in their JSON form.
    pub values: Vec<String>,
    /// What doesn't stand there, but something else does.
    pub other_than: Vec<String>,
    /// What is part of the text that stands there.
    pub contains: String,
    /// The statuses with which that says so; with any, if empty.
    pub statuses: Vec<u16>,
}

/// A header, and what is part of its value if the token was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderRule {
    /// The header's name.
    pub name: String,
    /// What is part of its value, in any case of letters.
    pub contains: String,
    /// The statuses with which that says so; with any, if empty.
    pub statuses: Vec<u16>,
}

impl From<v1::Rejection> for RejectionRules {
    fn from(rejection: v1::Rejection) -> Self {
        let body = rejection.body.into_iter().map(|rule| {
            let v1::rejection::BodyRule { path, values, other_than, contains, statuses: of } = rule;
            BodyRule { path, values, other_than, contains, statuses: statuses(of) }
        });
        let headers = rejection.headers.into_iter().map(|rule| {
            let v1::rejection::HeaderRule { name, contains, statuses: of } = rule;
            HeaderRule { name, contains, statuses: statuses(of) }
        });
        Self {
            body: body.collect(),
            headers: headers.collect(),
            statuses: statuses(rejection.statuses),
        }
    }
}

/// Those that HTTP has.
fn statuses(statuses: Vec<u32>) -> Vec<u16> {
    statuses.into_iter().filter_map(|status| status.try_into().ok()).collect()
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::rejection;

    use super::*;

    #[test]
    fn each_rule_keeps_its_statuses() {
        let body = rejection::BodyRule { path: "errors.*.code".to_owned(), ..Default::default() };
        let header = rejection::HeaderRule {
            name: "WWW-Authenticate".to_owned(),
            contains: "invalid_token".to_owned(),
            statuses: vec![403],
        };
        // One that HTTP hasn't is passed over.
        let statuses = vec![401, 70_000];
        let rejection = v1::Rejection { statuses, body: vec![body], headers: vec![header] };
        let rules = RejectionRules::from(rejection);
        assert_eq!(rules.statuses, [401]);
        assert_eq!(
            (rules.body[0].path.as_str(), &rules.body[0].statuses[..]),
            ("errors.*.code", &[][..])
        );
        assert_eq!(
            (rules.headers[0].name.as_str(), &rules.headers[0].statuses[..]),
            ("WWW-Authenticate", &[403][..])
        );
    }
}
