//! What the names and the filters of expressions are, for the reference.

use super::{self as expression, Names, Scope};

/// What each name is.
pub(crate) const NAMES: [(&str, &str); 25] = [
    ("var", "The variables, by name: `var.X`. Typed by their kind: a number, a boolean or a text."),
    ("secret", "The secrets, by name: `secret.X`."),
    ("sign", "The signatures and JWTs of `[sign]`, by name: `sign.X`."),
    ("steps", "The answers of earlier steps, by name: `steps.X.body`, `.headers` and the like."),
    ("arg", "The arguments of an operation, by name: `arg.X`."),
    ("now", "The time at which the request is made, in whole seconds since 1970."),
    ("now_ms", "The same in milliseconds."),
    ("uuid", "A random UUID, another for each request."),
    ("nonce", "32 random hexadecimal digits, others for each request but the same in a login."),
    ("status", "The answer's status, a number."),
    ("headers", "The answer's headers, by name in any case: `headers['x-token']`."),
    ("cookies", "The cookies that the answer sets, by name: `cookies.SID`."),
    ("body", "The answer's body: JSON, XML as if it were JSON, or else a text, trimmed."),
    ("held", "What was held before: `held.token`, `held.refresh_token`, `held.extra.X`."),
    ("token", "The token; in `[output]` the one that was found in the answer."),
    ("refresh_token", "The refresh token that is held, if one is."),
    ("redirect_uri", "Where the page of a login leads back to, with the port that is listened at."),
    ("state", "What the page of a login has to send back: 43 random characters."),
    ("code_verifier", "What the code of a login is bound to (RFC 7636): 43 random characters."),
    ("code_challenge", "The SHA-256 of `code_verifier` in base64url."),
    ("code", "The code that a login brought."),
    ("redirect", "What else it brought, by the parameters' names: `redirect.realmId`."),
    ("device_code", "What to ask with whether a person has typed the code."),
    ("user_code", "The code that a person types."),
    ("extra", "The `extras` that came with the token, by name: `extra.X`."),
];

/// What each filter does, those of the language itself and those of Jinja.
pub(crate) const FILTERS: [(&str, &str); 77] = [
    ("abs", "A number without its sign."),
    ("attr", "What a table has by this name: `body | attr('as:id')`."),
    ("authorization_server_metadata", "Where an issuer has its metadata (RFC 8414 §3.1)."),
    ("base64", "A text or bytes in base64, with padding (RFC 4648 §4)."),
    ("base64_decode", "What is in base64, of either alphabet, padded or not."),
    ("base64url", "A text or bytes in base64 for URLs, without padding (RFC 4648 §5)."),
    ("batch", "A list in lists of so many: `batch(2)`."),
    ("bool", "Whether it is true, as conditions see it."),
    ("capitalize", "A text with its first letter in upper case and all others in lower case."),
    ("capture", "What the first group of a pattern finds in a text: `capture('sid=([^;]+)')`."),
    ("chain", "Several lists or tables as one: `chain(other)`."),
    ("claims", "What a JWT says, unverified; of anything else nothing."),
    ("cookie", "A table of cookies as the header `Cookie` wants it: `a=1; b=2`."),
    ("count", "The same as `length`."),
    ("d", "The same as `default`."),
    (
        "date",
        "A Unix time as text: `now | date('%Y-%m-%d', zone='Europe/Berlin')`, in UTC if no \
      zone is given. Formats are those of strftime, `rfc3339` and `http`.",
    ),
    ("default", "Another value for what isn't there: `default(60)`. Keeps what is empty."),
    ("dictsort", "A table as a list of pairs, sorted by name."),
    ("e", "The same as `escape`."),
    ("escape", "A text as HTML wants it; for XML there is `xml`."),
    ("first", "The first of a list, or the first character of a text."),
    ("float", "A number with fractions of a text; of nothing nothing."),
    ("form", "A text as browsers encode a form's fields: a space is `+`."),
    ("from_json", "The value that a JSON text stands for."),
    ("format", "A text with values put in, by printf: `'%02d' | format(7)`."),
    ("groupby", "A list of tables, grouped by what they have by a name."),
    ("hex", "A text or bytes in hexadecimal digits, in lower case."),
    ("hex_decode", "What is in hexadecimal digits."),
    ("hmac_sha1", "The bytes of an HMAC with SHA-1 by a key: `hmac_sha1(secret.key) | hex`."),
    ("hmac_sha256", "The same with SHA-256 (RFC 2104)."),
    ("hmac_sha384", "The same with SHA-384."),
    ("hmac_sha512", "The same with SHA-512."),
    ("host", "The host of a URL."),
    ("indent", "A text with so many spaces before each line but the first: `indent(2)`."),
    ("int", "A whole number of a text or of a number with fractions; of nothing nothing."),
    ("items", "A table as a list of pairs."),
    ("join", "A list as a text, with something between: `join(',')`."),
    ("json", "The JSON text of any value."),
    ("last", "The last of a list, or the last character of a text."),
    ("length", "How many characters a text, or how many entries a list or table has."),
    ("lines", "A text as a list of its lines."),
    ("list", "A list: of a text its characters, of a table its names."),
    ("lower", "A text in lower case."),
    (
        "map",
        "Of each entry of a list what a filter makes of it, or what it has by a name: \
      `map('upper')`, `map(attribute='id')`.",
    ),
    ("max", "The largest of a list."),
    ("md5", "The bytes of a text's MD5, for APIs that know nothing better."),
    ("min", "The smallest of a list."),
    ("openid_configuration", "Where an issuer has its metadata (OpenID Connect Discovery §4.1)."),
    ("param", "A parameter in the query or the fragment of a URL, or in a form: `param('code')`."),
    ("percent", "A text as any part of a URL wants it (RFC 3986 §2.3): a space is `%20`."),
    ("pprint", "A value as text, for people."),
    ("reject", "The entries of a list that a test doesn't hold of: `reject('none')`."),
    ("rejectattr", "Those whose part of a name it doesn't hold of: `rejectattr('expired')`."),
    ("replace", "A text with one part replaced wherever it stands: `replace('-', '')`."),
    ("reverse", "A list or a text from its end to its start."),
    ("round", "A number rounded, to a number of places if one is given: `round(2)`."),
    ("safe", "A text as it is."),
    ("select", "The entries of a list that a test holds of: `select('defined')`."),
    ("selectattr", "Those whose part of a name it holds of: `selectattr('type', 'eq', 'api')`."),
    ("sha1", "The bytes of a text's SHA-1, for APIs that know nothing better."),
    ("sha256", "The bytes of a text's SHA-256: `sha256 | hex`."),
    ("sha384", "The same with SHA-384."),
    ("sha512", "The same with SHA-512."),
    ("slice", "A list in so many lists: `slice(2)`."),
    ("sort", "A list in order."),
    ("split", "A text as a list, parted where something stands: `split(',')`."),
    ("starting", "The value of the first name that starts so: `cookies | starting('SESS')`."),
    ("string", "A value as text."),
    ("sum", "The sum of a list's numbers."),
    ("title", "A text with each word's first letter in upper case."),
    (
        "totp",
        "A one-time code of now by a secret in base32 (RFC 6238): `secret.seed | totp`; its \
      options are `digits=6`, `period=30` and `algorithm='sha1'`.",
    ),
    ("trim", "A text without white space around it."),
    ("unique", "A list without repetitions."),
    ("upper", "A text in upper case."),
    ("without", "A text without this at its start, in any case: `without('Bearer ')`."),
    ("xml", "A text as the text of an element or an attribute in XML."),
    ("zip", "Several lists as one list of pairs."),
];

/// Which names can be used where.
pub(crate) fn places() -> [(&'static str, Vec<&'static str>); 14] {
    let one = || vec!["X".to_owned()];
    let names =
        Names { variables: one(), secrets: one(), extras: one(), signs: one(), ..Names::default() };
    let chain = Names { steps: one(), ..names.clone() };
    let at = |login| Names { login, ..chain.clone() };
    let remote = Names { arguments: one(), ..chain.clone() };
    let place = |place, scope: Scope| (place, scope.roots().collect());
    [
        (
            "`account`, `hosts`, `[[limits]]`, `[lifetime]`, `algorithm` and `life` of `[sign.X]`, \
             and `[http]` but for the keys in the next row",
            names.public(),
        ),
        ("`client_certificate`, `client_key` and `proxy_password` of `[http]`", names.unsigned()),
        ("`[sign.X]`", chain.unsigned()),
        ("`[issue]`, `[oauth2]` (`when` without `sign`)", chain.issue()),
        ("`[refresh]`, `[keepalive]`, `[revoke]` (`when` without `sign`)", chain.renewal()),
        ("`url`, `query` and `steps` of `[login]`", at(expression::PAGE).request()),
        ("`[login.device.request]` (`when` without `sign`)", chain.request()),
        ("`[login.exchange]` (`when` without `sign`)", at(expression::REDIRECTED).request()),
        ("`[login.poll.request]` (`when` without `sign`)", at(expression::DEVICE).request()),
        ("`[remote.X.request]` (`when` without `sign`)", remote.renewal()),
        ("`token` of `[output]`", chain.answer()),
        ("`[verdict]`, `[error]`, `result` of `[remote.X]`", chain.judgement()),
        ("all else in `[output]`", chain.found()),
        ("`[present]`", names.presentation()),
    ]
    .map(|(name, scope)| place(name, scope))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::LANGUAGE;
    use super::*;

    #[test]
    fn every_filter_is_told() {
        let language = format!("{:?}", *LANGUAGE);
        let (_, filters) = language.split_once("filters: ").unwrap();
        let (filters, _) = filters.split_once(", templates: ").unwrap();
        let registered: BTreeSet<&str> = filters.split('"').skip(1).step_by(2).collect();
        let told: BTreeSet<&str> = FILTERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, registered);
    }

    #[test]
    fn every_name_is_told_and_can_be_used_somewhere() {
        let used: BTreeSet<&str> = places().into_iter().flat_map(|(_, names)| names).collect();
        let told: BTreeSet<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, used);
    }
}
