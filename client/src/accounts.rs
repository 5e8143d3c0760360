//! Names and numbers of users and groups, for this crate and for `tokend-cli`.
//!
//! A program that is linked statically can't load what `/etc/nsswitch.conf` names: glibc tries
//! all the same, and may crash. There `getent` is asked, which comes with glibc, and where it
//! isn't, the files that it would look at first.

/// Returns a user's number, if there is one of that name.
pub fn user_id(name: &str) -> Option<u32> {
    by_name(PASSWD, name)
}

/// Returns a user's name, if the number has one.
pub fn user_name(uid: u32) -> Option<String> {
    by_number(PASSWD, uid)
}

/// Returns a group's number, if there is one of that name.
pub fn group_id(name: &str) -> Option<u32> {
    by_name(GROUP, name)
}

/// Returns a group's name, if the number has one.
pub fn group_name(gid: u32) -> Option<String> {
    by_number(GROUP, gid)
}

/// The databases, as getent(1) and their files call them (passwd(5), group(5)).
const PASSWD: &str = "passwd";
const GROUP: &str = "group";

fn by_name(database: &str, name: &str) -> Option<u32> {
    // getent takes a number for one.
    let is_name = !name.is_empty() && !name.contains(':') && name.parse::<u64>().is_err();
    is_name.then(|| look_up(database, name))?.map(|(_, number)| number)
}

fn by_number(database: &str, number: u32) -> Option<String> {
    look_up(database, &number.to_string()).map(|(name, _)| name)
}

#[cfg(not(target_feature = "crt-static"))]
fn look_up(database: &str, key: &str) -> Option<(String, u32)> {
    use nix::unistd::{Gid, Group, Uid, User};

    let number = key.parse::<u32>().ok();
    if database == PASSWD {
        let found = match number {
            Some(uid) => User::from_uid(Uid::from_raw(uid)),
            None => User::from_name(key),
        };
        found.ok().flatten().map(|user| (user.name, user.uid.as_raw()))
    } else {
        let found = match number {
            Some(gid) => Group::from_gid(Gid::from_raw(gid)),
            None => Group::from_name(key),
        };
        found.ok().flatten().map(|group| (group.name, group.gid.as_raw()))
    }
}

#[cfg(target_feature = "crt-static")]
fn look_up(database: &str, key: &str) -> Option<(String, u32)> {
    ask(database, key)
}

/// Looks up without what this process would have to load.
#[cfg(any(test, target_feature = "crt-static"))]
fn ask(database: &str, key: &str) -> Option<(String, u32)> {
    use std::process::{Command, Stdio};

    let mut getent = Command::new("getent");
    getent.args(["--", database, key]).stdin(Stdio::null()).stderr(Stdio::null());
    match getent.output() {
        Ok(found) => find(&String::from_utf8_lossy(&found.stdout), key),
        Err(_) => find(&std::fs::read_to_string(format!("/etc/{database}")).ok()?, key),
    }
}

/// Finds a line by its name or its number; both databases have these in the same places.
#[cfg(any(test, target_feature = "crt-static"))]
fn find(text: &str, key: &str) -> Option<(String, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        let is_it = if key.parse::<u32>().is_ok() { number == key } else { name == key };
        Some((name.to_owned(), number.parse().ok()?)).filter(|_| is_it)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found_and_what_there_is_not_is_none() {
        assert_eq!((user_id("root"), user_name(0).as_deref()), (Some(0), Some("root")));
        assert_eq!((group_id("root"), group_name(0).as_deref()), (Some(0), Some("root")));
        for name in ["", "0", "no body:x", "nobody-by-that-name"] {
            assert_eq!((user_id(name), group_id(name)), (None, None), "{name}");
        }
        let nobody = u32::MAX - 2;
        assert_eq!((user_name(nobody), group_name(nobody)), (None, None));
    }

    #[test]
    fn getent_and_the_files_tell_the_same() {
        for (database, key) in [(PASSWD, "root"), (PASSWD, "0"), (GROUP, "root"), (GROUP, "0")] {
            let root = Some(("root".to_owned(), 0));
            assert_eq!(ask(database, key), root, "{database} {key}");
            let file = std::fs::read_to_string(format!("/etc/{database}"));
            assert_eq!(find(&file.expect("every Linux has it"), key), root);
        }
        assert_eq!(ask(PASSWD, "nobody-by-that-name"), None);
        assert_eq!(ask(PASSWD, &(u32::MAX - 2).to_string()), None);
    }
}
