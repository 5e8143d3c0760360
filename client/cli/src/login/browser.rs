//! Opens a URL in the person's browser, if there is one to open here.

use std::{env, io, process::Stdio};

use tokio::process::{Child, Command};
use url::{Host, Url};

use crate::caller::Caller;

/// The programs that know the desktop's browser; the last is WSL's.
const OPENERS: [&str; 2] = ["xdg-open", "wslview"];

/// Where the command runs, as far as a browser depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whether there is a screen with windows.
    pub(crate) display: bool,
    /// Whether the person sits at another machine.
    pub(crate) remote: bool,
    /// Whether the command runs by sudo, so that a browser would run as root.
    pub(crate) sudo: bool,
    /// `$BROWSER`: commands with `:` between them; `%s` stands for the URL.
    pub(crate) preferred: Option<String>,
}

impl Place {
    /// Returns the place of this process.
    pub(crate) fn of_this_process(caller: &Caller) -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            display: ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| set(name).is_some()),
            remote: ["SSH_CONNECTION", "SSH_TTY"].into_iter().any(|name| set(name).is_some()),
            sudo: caller.sudo.is_some(),
            preferred: set("BROWSER"),
        }
    }

    /// Says why no browser is opened here, if none is.
    pub(crate) fn obstacle(&self) -> Option<&'static str> {
        if self.remote {
            Some("this is an ssh session")
        } else if self.sudo {
            Some("a browser should not run under sudo")
        } else if !self.display {
            Some("there is no display")
        } else {
            None
        }
    }

    /// Opens a URL; no shell reads it. The browser outlives this command, also by Ctrl-C.
    pub(crate) fn open(&self, url: &Url) -> io::Result<Child> {
        let mut last = io::ErrorKind::NotFound.into();
        for words in commands(self.preferred.as_deref(), url.as_str()) {
            let Some((program, arguments)) = words.split_first() else { continue };
            let started = Command::new(program)
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn();
            match started {
                Ok(child) => return Ok(child),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn commands(preferred: Option<&str>, url: &str) -> Vec<Vec<String>> {
    let chosen = preferred.into_iter().flat_map(|list| list.split(':'));
    let chosen = chosen.map(|command| {
        let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let mut placed = false;
        for word in words.iter_mut().skip(1).filter(|word| word.contains("%s")) {
            *word = word.replace("%s", url);
            placed = true;
        }
        if !words.is_empty() && !placed {
            words.push(url.to_owned());
        }
        words
    });
    let known = OPENERS.map(|program| vec![program.to_owned(), url.to_owned()]);
    chosen.filter(|words| !words.is_empty()).chain(known).collect()
}

/// Reads a URL that a person may be sent to: https, or http on this machine. Anything else
/// could be a file or a program.
pub(crate) fn safe(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_local = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    is_safe.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_browser_is_opened_where_nobody_would_see_it() {
        let desk = Place { display: true, ..Place::default() };
        assert_eq!(desk.obstacle(), None);
        for (place, why) in [
            (Place::default(), "there is no display"),
            (Place { remote: true, ..desk.clone() }, "this is an ssh session"),
            (Place { sudo: true, ..desk }, "a browser should not run under sudo"),
        ] {
            assert_eq!(place.obstacle(), Some(why));
        }
    }

    #[test]
    fn a_url_is_one_word_to_the_browser_that_is_preferred() {
        let url = "https://a.example/?x=$(reboot)%20;&y='";
        let known = OPENERS.map(|program| vec![program.to_owned(), url.to_owned()]);
        assert_eq!(commands(None, url), known);
        let chosen = commands(Some("firefox --new-window %s: :w3m -v"), url);
        assert_eq!(chosen[0], ["firefox", "--new-window", url]);
        assert_eq!(chosen[1], ["w3m", "-v", url]);
        assert_eq!(chosen[2..], known);
    }

    #[test]
    fn only_https_and_this_machine_are_opened() {
        for text in [
            "https://login.example/authorize?a=b",
            "http://127.0.0.1:8080/x",
            "http://localhost/x",
            "http://[::1]:1/",
        ] {
            assert!(safe(text).is_some(), "{text}");
        }
        for text in [
            "http://login.example/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "steam://run/1",
            "--help",
            "-Pevil https://a.example",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "https://",
            "",
        ] {
            assert!(safe(text).is_none(), "{text}");
        }
        let steering = safe("https://a.example/\u{1b}]0;x\u{7}\u{202e}\n").unwrap();
        assert!(steering.as_str().is_ascii() && !steering.as_str().contains('\u{1b}'));
    }
}
