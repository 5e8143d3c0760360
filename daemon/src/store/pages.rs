//! Keeps keys out of swap space where the process may not lock all of its memory.

use std::{mem, ptr};

/// Locks the pages that hold `value` (mlock(2)), which must not move from now on; where all
/// memory is locked (`process::lock_memory`) they are already.
///
/// They stay locked when it is dropped, for whatever else of its kind is on them. It is a page or
/// two for each key that the process has had.
pub(super) fn keep<T>(value: &T) {
    // Where not even that may be, the log has said so.
    if let Ok(lock) = region::lock(ptr::from_ref(value), mem::size_of::<T>()) {
        mem::forget(lock);
    }
}
