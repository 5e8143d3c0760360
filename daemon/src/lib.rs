//! The daemon of tokend, as a library: the binary and the tests run it.
//!
//! The rooms know each other by [`ports`] only: the [`engine`] asks a store, an
//! issuer and a clock, whoever they are; [`daemon`] wires the real ones to it and
//! to [`rpc`], which serves callers, and to [`handout`], which serves systemd.

mod apart;
pub mod audit;
pub mod calls;
pub mod clock;
pub mod config;
pub mod connections;
pub mod credential;
pub mod crowds;
pub mod daemon;
pub mod declared;
pub mod definitions;
pub mod dev;
pub mod doctor;
pub mod engine;
pub mod entropy;
pub mod events;
pub mod handout;
pub mod hook;
pub mod init;
pub mod issuer;
#[cfg(test)]
#[path = "../../tests/support/log.rs"]
mod log;
pub mod metrics;
pub mod ports;
pub mod process;
mod program;
pub mod published;
pub mod rpc;
#[cfg(test)]
mod seeds;
pub mod socket;
pub mod sources;
pub mod store;
pub mod systemd;
