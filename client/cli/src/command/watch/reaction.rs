//! The program that is run for each new token, one at a time.

use std::{
    collections::VecDeque,
    convert::Infallible,
    ffi::OsString,
    future::pending,
    io,
    process::{ExitStatus, Stdio},
};

use nix::sys::signal::Signal;
use prost_types::Timestamp;
use tokend_client::{ExposeSecret as _, SecretString, Token};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    sync::mpsc,
    task::JoinSet,
};

use crate::{
    ending::Ending,
    failure::{self, Failure},
    signals::{self, Received},
};

/// A program, and the tokens that it is to be run for.
pub(super) struct Reaction {
    program: Vec<OsString>,
    /// The one that has waited longest comes first.
    due: VecDeque<(String, Token)>,
    /// The one that runs, if one does.
    running: JoinSet<(String, io::Result<ExitStatus>)>,
    signals: Option<mpsc::Sender<Signal>>,
}

impl Reaction {
    /// Takes a program and its arguments; without them, nothing is ever run.
    pub(super) fn new(program: Vec<OsString>) -> Self {
        Self { program, due: VecDeque::new(), running: JoinSet::new(), signals: None }
    }

    /// Tells whether there is a program.
    pub(super) fn is_wanted(&self) -> bool {
        !self.program.is_empty()
    }

    /// Has it run for a token, in the place of one that it wasn't run for yet.
    pub(super) fn want(&mut self, name: String, token: Token) {
        match self.due.iter_mut().find(|(due, _)| *due == name) {
            Some((_, before)) => *before = token,
            None => self.due.push_back((name, token)),
        }
    }

    /// Runs it for the next token to its end; waits for ever if there is none. It can be given
    /// up on at any time: a program that runs goes on.
    pub(super) async fn run(&mut self) {
        if self.running.is_empty() {
            let Some((name, token)) = self.due.pop_front() else { return pending().await };
            if let Err(source) = self.start(name, &token) {
                failure::tell(&Failure::NotRun { program: self.program(), source });
                return;
            }
        }
        let Some(Ok((credential, ended))) = self.running.join_next().await else { return };
        if !ended.as_ref().is_ok_and(ExitStatus::success) {
            let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
            failure::tell(&Failure::Reaction { credential, program: self.program(), how });
        }
    }

    /// Doesn't have it run for a token that is no good any more.
    pub(super) fn forget(&mut self, name: &str) {
        self.due.retain(|(due, _)| due != name);
    }

    /// Passes a signal on to the program that runs, and those that follow, and waits for its end.
    pub(super) async fn end(mut self, mut asked: Received, ending: &mut Ending) {
        loop {
            if let Some(signals) = self.signals.as_ref().filter(|_| !asked.reached_all) {
                // It may have ended just now.
                let _ = signals.send(asked.signal).await;
            }
            // How it ends matters to nobody any more.
            asked = tokio::select! {
                _ = self.running.join_next() => return,
                asked = ending.next() => asked,
            };
        }
    }

    fn start(&mut self, name: String, token: &Token) -> io::Result<()> {
        let end = token.expires_at().map(|end| Timestamp::from(end).to_string());
        let mut command = Command::new(&self.program[0]);
        command
            .args(&self.program[1..])
            .env("TOKEND_NAME", &name)
            .env("TOKEND_TOKEN_ID", token.id())
            .env("TOKEND_EXPIRE_TIME", end.unwrap_or_default())
            .stdin(Stdio::piped());
        let (child, input) = (command.spawn()?, token.value().clone());
        let (sender, signals) = mpsc::channel(1);
        self.signals = Some(sender);
        self.running.spawn(async move { (name, attend(child, input, signals).await) });
        Ok(())
    }

    fn program(&self) -> String {
        self.program.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// Hands the token to a program, passes signals on to it, and waits for its end.
async fn attend(
    mut child: Child,
    input: SecretString,
    mut passed_on: mpsc::Receiver<Signal>,
) -> io::Result<ExitStatus> {
    let stdin = child.stdin.take();
    let hand_over = async {
        if let Some(mut stdin) = stdin {
            // A program needn't read it.
            let _ = stdin.write_all(input.expose_secret().as_bytes()).await;
        }
        pending::<Infallible>().await
    };
    let end = async {
        loop {
            tokio::select! {
                ended = child.wait() => return ended,
                Some(signal) = passed_on.recv() => signals::send(&child, signal),
            }
        }
    };
    tokio::select! {
        ended = end => ended,
        never = hand_over => match never {},
    }
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::{self, AcquireTokenResponse};

    use super::*;

    fn token(id: &str) -> Token {
        let token = v1::Token { token_id: id.to_owned(), ..v1::Token::default() };
        let answer = AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
        Token::try_from(answer).unwrap()
    }

    #[test]
    fn whoever_has_waited_longest_comes_next_with_the_latest_token() {
        let mut reaction = Reaction::new(vec!["true".into()]);
        for (name, id) in [("b", "1"), ("a", "1"), ("b", "2"), ("c", "1")] {
            reaction.want(name.to_owned(), token(id));
        }
        reaction.forget("c");
        let due: Vec<_> = reaction.due.iter().map(|(name, it)| (name.as_str(), it.id())).collect();
        assert_eq!(due, [("b", "2"), ("a", "1")]);
    }
}
