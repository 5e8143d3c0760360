//! What `curl --config` reads.

use secrecy::{ExposeSecret as _, zeroize::Zeroizing};
use tokend_client::{Target, Token};
use url::form_urlencoded::byte_serialize;

use crate::format::Problem;

/// Returns the lines that make curl send a token: headers, cookies among them, and query
/// parameters (`url-query`, from curl 7.87 on). Fields of a body aren't among them.
pub(crate) fn curl(token: &Token) -> Result<Zeroizing<String>, Problem> {
    let mut lines = Zeroizing::new(String::new());
    for (name, value) in token.header_fields() {
        let value = value.expose_secret();
        // With a colon, a header without a value would be taken away.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        option(&mut lines, "header", &Zeroizing::new(header))?;
    }
    for placement in token.placements() {
        if let Target::Query(name) = placement.target() {
            // curl encodes the value, and takes the name as it is.
            let name: String = byte_serialize(name.as_bytes()).collect();
            let query = Zeroizing::new(format!("{name}={}", placement.value().expose_secret()));
            option(&mut lines, "url-query", &query)?;
        }
    }
    if lines.is_empty() { Err(Problem::NowhereForCurl) } else { Ok(lines) }
}

/// Adds a line with a value in quotes, escaped as curl(1) says of `--config`.
fn option(lines: &mut Zeroizing<String>, name: &str, value: &str) -> Result<(), Problem> {
    if !lines.is_empty() {
        lines.push('\n');
    }
    lines.extend([name, " = \""]);
    for character in value.chars() {
        match character {
            '\0' => return Err(Problem::Nul),
            '\\' => lines.push_str("\\\\"),
            '"' => lines.push_str("\\\""),
            '\t' => lines.push_str("\\t"),
            '\n' => lines.push_str("\\n"),
            '\r' => lines.push_str("\\r"),
            '\u{b}' => lines.push_str("\\v"),
            other => lines.push(other),
        }
    }
    lines.push('"');
    Ok(())
}
