//! Operators who let people in, and out.

use super::{Run, terms::What};
use crate::people::{PEOPLE, draw_reader, draw_role};

impl Run {
    /// An operator gives someone access to a credential or takes it away, be it while someone waits
    /// or watches.
    pub(super) fn change_access(&mut self) {
        let position = self.member();
        let member = self.plan.members[position].clone();
        let person = self.dice.pick(&PEOPLE);
        match self.dice.below(4) {
            0 => {
                self.force_one(position);
                self.call(person, &member.name);
            }
            1 => self.call(person, &member.name),
            2 => self.watch(person, vec![member.name.clone()]),
            _ => {}
        }
        let role = draw_role(&mut self.dice);
        let mut reader = draw_reader(&mut self.dice);
        let is_given = self.dice.percent(50);
        let those = [&member.access.readers, &member.access.submitters, &member.access.refreshers];
        let those: Vec<_> = those.into_iter().flatten().collect();
        if !is_given && !those.is_empty() && self.dice.percent(80) {
            reader = self.dice.pick(&those).clone();
        }
        let name = &member.name;
        if is_given {
            self.note(format_args!("an operator lets {reader} in to {name} as {role:?}"));
            let answer = self.world.grant(name, &reader, role);
            self.submit(position, What::Granted(reader, role, answer));
        } else {
            self.note(format_args!("an operator has {reader} out of {name} as {role:?}"));
            let answer = self.world.ungrant(name, &reader, role);
            self.submit(position, What::Ungranted(reader, role, answer));
        }
        if self.dice.percent(20) {
            self.end_within(5);
        }
    }
}
