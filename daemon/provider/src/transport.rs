//! How a credential's provider is reached.

use std::path::PathBuf;

use minijinja::Value;

use crate::input::InputError;
use crate::template::Template;

/// Settings of the connection to a provider that differ between credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transport {
    /// A file with the only certificate authorities to trust, in PEM; an absolute
    /// path.
    pub ca_file: Option<PathBuf>,
}

impl Transport {
    /// Renders `[http]`.
    pub(crate) fn render(ca_file: Option<&Template>, context: &Value) -> Result<Self, InputError> {
        let Some(template) = ca_file else {
            return Ok(Self::default());
        };
        let path = template
            .text(context)
            .map_err(|reason| InputError::Derived { part: "http.ca_file", reason })?;
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let path = PathBuf::from(path.as_str());
        // The daemon's working directory is nobody's business.
        if !path.is_absolute() {
            return Err(InputError::RelativePath(path));
        }
        Ok(Self { ca_file: Some(path) })
    }
}
