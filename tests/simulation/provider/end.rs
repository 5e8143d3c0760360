//! Tokens that end on request.

use super::Provider;

impl Provider {
    /// Ends a token or a session. Of refresh tokens it is known what may be sent already.
    pub(crate) fn end(&mut self, value: &str) {
        if let Some(given) = self.given.get_mut(value) {
            given.has_ended = true;
            self.current.retain(|_, (current, _)| current != value);
        }
    }

    /// Forgets which were ended: whoever comes of a backup may not know of it.
    pub(crate) fn forget_ends(&mut self) {
        self.given.values_mut().for_each(|given| given.has_ended = false);
    }
}
