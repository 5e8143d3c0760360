//! What an exchange is for.

use minijinja::Value;

use crate::login::Stage;
use crate::renewal::Operation;

/// What an exchange is for.
#[derive(Clone)]
pub(crate) enum Purpose {
    /// One of tokend's own.
    Operation(Operation),
    /// A login, at this stage.
    Login(Stage),
    /// One of the definition's, on the far side.
    Remote { name: String, arguments: Value },
}

impl std::fmt::Debug for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operation(operation) => write!(f, "{operation:?}"),
            Self::Login(stage) => write!(f, "login {stage:?}"),
            // Its arguments can be anything.
            Self::Remote { name, .. } => write!(f, "remote {name}"),
        }
    }
}
