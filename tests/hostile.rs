//! Callers who mean ill, and those who want no more than their token meanwhile.

#![allow(clippy::unwrap_used, reason = "a test ends where it can't go on")]

#[path = "hostile/descriptors.rs"]
mod descriptors;
#[path = "hostile/floods.rs"]
mod floods;
#[path = "hostile/stage.rs"]
mod stage;
mod support;
#[path = "hostile/waves.rs"]
mod waves;
#[path = "hostile/wire.rs"]
mod wire;
