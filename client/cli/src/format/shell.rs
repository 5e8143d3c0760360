//! A line for POSIX shells that sets a variable.

use secrecy::zeroize::Zeroizing;

use crate::format::Problem;

/// Returns `export VARIABLE='..'`, which is safe to `eval` whatever the value is
/// (POSIX.1-2024, XCU §2.2).
pub(crate) fn env(variable: &str, value: &str) -> Result<Zeroizing<String>, Problem> {
    let quoted = shlex::try_quote(value).map_err(|_| Problem::Nul)?;
    let quoted = Zeroizing::new(quoted.into_owned());
    Ok(Zeroizing::new(format!("export {variable}={}", *quoted)))
}

/// Returns the variable for a credential: `GITHUB_APP_TOKEN` for `github-app`. A digit
/// can't be in front of one.
pub(crate) fn default_variable(credential: &str) -> String {
    let name = credential.to_ascii_uppercase().replace('-', "_");
    let before = if name.starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
    format!("{before}{name}_TOKEN")
}
