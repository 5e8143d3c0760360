//! The gRPC contract of tokend: the messages, clients and servers of
//! `tokend.v1`, generated from `proto/tokend/v1`.
//!
//! Programs that only want a token are better served by the crate
//! `tokend-client`. This crate is for those who speak to the operators' services,
//! write a client of their own or implement the contract elsewhere.
//!
//! ```
//! use tokend_proto::v1::AcquireTokenRequest;
//!
//! let request = AcquireTokenRequest { name: "causely".to_owned(), ..Default::default() };
//! assert_eq!(request.name, "causely");
//! ```

mod redacted;

/// Version 1 of the contract.
#[allow(
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    clippy::pedantic,
    missing_docs,
    rustdoc::invalid_html_tags,
    reason = "generated from the protocol's definition"
)]
pub mod v1 {
    tonic::include_proto!("tokend.v1");
}

pub mod reason;

/// The contract as an encoded `google.protobuf.FileDescriptorSet`, for
/// reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tokend.binpb"));

/// The domain of every `google.rpc.ErrorInfo` that tokend sends.
pub const ERROR_DOMAIN: &str = "tokend";
