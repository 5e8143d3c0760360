//! The flags of `remote`.

use clap::Args;

use crate::arguments::Form;

#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The credential's name
    pub(crate) name: String,

    /// What to do; without it, what there is is listed
    pub(crate) operation: Option<String>,

    /// Give an argument of the operation
    #[arg(long = "arg", value_name = "ARGUMENT=VALUE", requires = "operation")]
    pub(crate) arguments: Vec<String>,

    #[command(flatten)]
    pub(crate) form: Form,
}
