//! `access`: why a user may read a credential's tokens, or may not.

use std::io::{self, Write};

use tokend_proto::v1::{ExplainAccessRequest, ExplainAccessResponse};

use crate::{
    arguments::Form,
    daemon::{Daemon, answer},
    exit::Exit,
    failure::Failure,
    json,
    output::{Output, printable},
};

pub(super) async fn run(
    daemon: &Daemon,
    name: String,
    user: String,
    form: &Form,
    output: &mut Output<impl Write>,
) -> Result<Exit, Failure> {
    let request = ExplainAccessRequest { name: name.clone(), user: user.clone() };
    let call = answer(daemon.admin().explain_access(request)).await;
    let access = call.map_err(Failure::about(&name))?;
    if form.json {
        json::write(output, &json::access(&access))?;
    } else {
        write(output, &name, &user, &access)?;
    }
    output.flush()?;
    let gets_it = access.allowed && access.socket_reachable;
    Ok(if gets_it { Exit::Done } else { Exit::NotFound })
}

fn write(
    output: &mut Output<impl Write>,
    name: &str,
    user: &str,
    access: &ExplainAccessResponse,
) -> io::Result<()> {
    let (name, user) = (printable(name), printable(user));
    let may = match (access.allowed, access.socket_reachable) {
        (true, true) => "may read",
        (true, false) => "may read, but can't reach the socket to do so,",
        (false, _) => "may not read",
    };
    writeln!(output, "{user} {may} {name}")?;
    writeln!(output, "rule: {}", printable(&access.rule))?;
    writeln!(output, "identity: {}", printable(&access.identity.join(", ")))?;
    let reachable = if access.socket_reachable { "yes" } else { "no" };
    writeln!(output, "socket within reach: {reachable}")?;
    if access.allowed {
        if access.may_submit {
            writeln!(output, "may submit newer tokens: yes")?;
        } else {
            let command = format!("tokend-cli grant {name} user:{user} --submit");
            writeln!(output, "may submit newer tokens: no; to let {user}: {command}")?;
        }
        if access.may_refresh {
            writeln!(output, "may have the token replaced: yes")?;
        } else {
            let command = format!("tokend-cli grant {name} user:{user} --refresh");
            writeln!(output, "may have the token replaced: no; to let {user}: {command}")?;
        }
    }
    for note in &access.notes {
        writeln!(output, "note: {}", printable(note))?;
    }
    for at in &access.listeners {
        let (listener, socket) = (printable(&at.listener), printable(&at.socket));
        let verb = if at.allowed { "may read it" } else { "may not read it" };
        let rule = printable(&at.rule);
        let reach = if at.socket_reachable { "" } else { ", within reach of containers only" };
        writeln!(output, "by the listener {listener}: {verb} ({rule}) at {socket}{reach}")?;
    }
    for remedy in &access.remedies {
        writeln!(output, "to let {user} in: {}", printable(remedy))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokend_proto::v1::ListenerAccess;

    use super::*;

    #[test]
    fn says_why_not_and_what_to_do() {
        let access = ExplainAccessResponse {
            allowed: false,
            rule: "no rule".to_owned(),
            identity: vec!["uid:1000 (bob)".to_owned(), "gid:1000 (bob)".to_owned()],
            socket_reachable: true,
            remedies: vec!["tokend-cli grant a user:bob".to_owned()],
            may_submit: false,
            listeners: vec![ListenerAccess {
                listener: "ci".to_owned(),
                socket: "/run/tokend/ci/tokend.sock".to_owned(),
                allowed: true,
                rule: "anyone who can connect".to_owned(),
                socket_reachable: false,
            }],
            may_refresh: false,
            notes: vec!["processes of unit:b.service may read it, whoever they run as".to_owned()],
        };
        let mut output = Output::of_a_test(Vec::new(), false);
        write(&mut output, "a", "bob", &access).unwrap();
        assert_eq!(
            String::from_utf8(output.into_writer()).unwrap(),
            "bob may not read a\n\
             rule: no rule\n\
             identity: uid:1000 (bob), gid:1000 (bob)\n\
             socket within reach: yes\n\
             note: processes of unit:b.service may read it, whoever they run as\n\
             by the listener ci: may read it (anyone who can connect) at \
             /run/tokend/ci/tokend.sock, within reach of containers only\n\
             to let bob in: tokend-cli grant a user:bob\n"
        );
    }
}
