//! Requests and answers of all kinds, through the layer where there is one.

#[cfg(feature = "tower")]
mod api;
#[cfg(feature = "tower")]
mod bodies;
mod daemon;
#[cfg(feature = "tower")]
mod exchanges;
#[cfg(feature = "tonic")]
mod grpc;
#[cfg(feature = "reqwest")]
mod reqwest;
