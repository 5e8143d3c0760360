//! What git asks, and what it is told.

use proptest::prelude::*;
use tokend_proto::v1::{self, AcquireTokenResponse, placement};

use super::*;

fn token(header: &str) -> Token {
    let placement = v1::Placement {
        target: Some(placement::Target::Header("Authorization".to_owned())),
        value: header.to_owned(),
        writes_only: false,
    };
    let token = v1::Token {
        value: "t1".to_owned(),
        placements: vec![placement],
        expire_time: Some(prost_types::Timestamp { seconds: 60, nanos: 0 }),
        ..v1::Token::default()
    };
    let answer = AcquireTokenResponse { token: Some(token), ..AcquireTokenResponse::default() };
    Token::try_from(answer).unwrap()
}

/// What is told of a token that is sent so.
fn told(asked: &str, header: &str, username: Option<&str>) -> Option<String> {
    let request = Request::read(asked);
    let host = request.host().unwrap().unwrap();
    let lines = answer(&request, &token(header), host, username)?;
    Some(lines.unwrap().to_string())
}

fn password(name: &str) -> String {
    format!("username={name}\npassword=t1\npassword_expiry_utc=60\n")
}

#[test]
fn a_token_is_a_password_for_git() {
    let asked = "protocol=https\nhost=git.example:8443\npath=a.git\n";
    assert_eq!(told(asked, "Bearer t1", None), Some(password("oauth2")));
    assert_eq!(told(asked, "Bearer t1", Some("ann")), Some(password("ann")));
    // Whoever is in the URL is sent, and nobody else's password.
    let ann = "protocol=https\nhost=git.example\nusername=ann\n";
    assert_eq!(told(ann, "Bearer t1", None), Some(password("ann")));
    assert_eq!(told(ann, "Bearer t1", Some("bob")), None);
    assert_eq!(told(ann, "Basic Ym9iOnQx", None), None);
    assert_eq!(told(asked, "Basic Ym9iOnQx", None), Some(password("bob")));
}

#[test]
fn a_server_that_takes_no_password_gets_the_scheme_that_it_takes() {
    let bearer = "capability[]=authtype\nauthtype=Bearer\ncredential=t1\nephemeral=1\n\
                  password_expiry_utc=60\n";
    let ask = |lines: &str| {
        told(&format!("{lines}protocol=https\nhost=git.example\n"), "Bearer t1", None)
    };
    let capable = "capability[]=authtype\n";
    let wants = "wwwauth[]=Bearer realm=\"x\"\n";
    assert_eq!(ask(&format!("{capable}{wants}")).as_deref(), Some(bearer));
    for lines in [
        capable.to_owned(),
        wants.to_owned(),
        format!("{capable}{wants}wwwauth[]=Basic realm=\"x\"\n"),
        format!("{capable}wwwauth[]=Negotiate\n"),
    ] {
        assert_eq!(ask(&lines), Some(password("oauth2")), "{lines}");
    }
}

#[test]
fn only_the_web_is_asked_for_tokens() {
    for text in [
        "",
        "host=git.example\n",
        "protocol=https\n",
        "protocol=smtp\nhost=mail.example:587\n",
        "protocol=cert\npath=/key.pem\n",
        "\nprotocol=https\nhost=git.example\n",
    ] {
        assert!(Request::read(text).host().is_none(), "{text:?}");
    }
    let host = |text| Request::read(text).host().unwrap();
    assert!(host("protocol=http\nhost=git.example\n").unwrap().is_exposed());
    assert!(!host("protocol=https\nhost=git.example\n").unwrap().is_exposed());
    for odd in ["a b", "git\rexample", "git.example/.evil.example", "git.example\\.evil.example"] {
        let asked = format!("protocol=https\nhost={odd}\n");
        assert!(Request::read(&asked).host().unwrap().is_err(), "{odd:?}");
    }
}

#[test]
fn no_line_is_smuggled_in() {
    let host: Host = "git.example".parse().unwrap();
    let login = Login::of(&token("Bearer t1"), host, Some("ann\nhost=evil.example"), None);
    assert!(format::git(&login, None).is_err());
}

proptest! {
    #[test]
    fn a_host_and_a_user_are_those_that_git_says(
        before in "([a-z]{1,3}=?[a-z=\r ]{0,5}\n){0,3}",
        host in "[a-z.:/=\r\u{e9} ]{1,12}",
        name in "[a-z=\r\u{e9} ]{0,12}",
        after in "[a-z=\n]{0,12}(\nhost=other\n)?",
    ) {
        let asked = format!("{before}protocol=https\nhost={host}\nusername={name}\n\n{after}");
        let request = Request::read(&asked);
        prop_assert_eq!((request.host, request.username), (&*host, Some(&*name)));
        if let Some(Ok(read)) = request.host() {
            prop_assert_eq!(read.text(), format!("https://{host}"));
            prop_assert!(!host.contains(['\r', '/', ' ']));
        }
    }

    #[test]
    fn git_is_told_one_name_and_one_password_or_nothing(name in "[a-z=\n\r\0\u{e9} ]{0,6}") {
        let request = Request::default();
        let host = "https://git.example".parse().unwrap();
        let told = answer(&request, &token("Bearer t1"), host, Some(&name)).unwrap();
        let told = told.ok().map(|lines| lines.to_string());
        let is_one_line = !name.contains(['\n', '\r', '\0']);
        prop_assert_eq!(told, is_one_line.then(|| password(&name)));
    }
}
