//! Requests and answers of all kinds, through the layer where there is one.

mod daemon;
#[cfg(feature = "tower")]
mod exchanges;
#[cfg(feature = "reqwest")]
mod reqwest;
