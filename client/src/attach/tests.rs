//! Requests and answers of all kinds, through the layer where there is one.

mod daemon;
#[cfg(feature = "tower")]
mod exchanges;
#[cfg(feature = "tonic")]
mod grpc;
#[cfg(feature = "reqwest")]
mod reqwest;
