//! Other keys for the store, while it is in use.

use super::Run;

impl Run {
    /// An operator wants another data key, or has the key from outside in another place; now
    /// and then the daemon crashes in the midst of it.
    pub(super) fn rekey(&mut self) {
        // What is under way is written before or behind.
        if self.dice.percent(50) {
            self.ask();
        }
        if self.dice.percent(50) {
            self.note(format_args!("an operator has everything sealed with a new data key"));
            drop(self.world.rotate_key());
        } else {
            let number = self.dice.index(3 + self.world.key());
            self.note(format_args!("an operator has the store's key in place {number}"));
            drop(self.world.move_key(number));
        }
        if self.dice.percent(40) {
            self.end_within(4);
        }
    }
}
