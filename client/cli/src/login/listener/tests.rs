//! A browser of the test's own, and others.

use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn uri(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// Sends some bytes and returns all that comes back.
async fn say(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The other side may close the connection on what it doesn't want to read.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_redirect_is_passed_on_whole_and_the_browser_told_what_came_of_it() {
    let mut listener = Listener::bind(uri("http://127.0.0.1/callback"), true).await.unwrap();
    let port = listener.uri().port().unwrap();
    let request =
        format!("GET /callback?code=a%2Bb&state=s HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    let browser = tokio::spawn(async move { say(port, &request).await });
    let Arrival { url, reply } = listener.next().await.unwrap();
    assert_eq!(url.expose_secret(), format!("http://127.0.0.1:{port}/callback?code=a%2Bb&state=s"));
    reply.send(Verdict::Done { credential: "a".to_owned() }).unwrap();
    listener.finish().await;
    let page = browser.await.unwrap();
    assert_eq!(status(&page), "200");
    assert!(page.contains("<h1>Logged in</h1>"), "{page}");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn what_is_no_redirect_is_not_passed_on() {
    let mut listener = Listener::bind(uri("http://127.0.0.1:0/callback"), true).await.unwrap();
    let port = listener.uri().port().unwrap();
    let host = format!("127.0.0.1:{port}");
    let long = "x".repeat(LARGEST_REQUEST);
    for (line, host, expected) in [
        ("GET /favicon.ico", host.as_str(), "404"),
        ("GET /callback/?code=1", &host, "404"),
        ("GET /callback", &host, "400"),
        ("GET /callback?", &host, "400"),
        ("POST /callback?code=1", &host, "405"),
        ("OPTIONS /callback?code=1", &host, "405"),
        ("GET /callback?code=1", "evil.example", "421"),
        ("GET /callback?code=1", &format!("evil.example:{port}"), "421"),
        ("GET /callback?code=1", &format!("localhost:{port}"), "421"),
        ("GET /callback?code=1", "127.0.0.1", "421"),
        (&format!("GET http://{host}/callback?code=1"), &host, "421"),
        (&format!("GET /callback?code={long}"), &host, ""),
    ] {
        let answer = say(port, &format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        let status = status(&answer);
        // What is too long is refused by the library.
        assert!(status == expected || (expected.is_empty() && status != "200"), "{line} {answer}");
    }
    for request in [
        "GET /callback?code=1 HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET /callback?code=1 HTTP/1.0\r\nHost: {host}\r\n\r\n"),
        format!("GET /callback?code=1 HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"),
    ] {
        assert_ne!(status(&say(port, &request).await), "200", "{request}");
    }
    assert!(listener.arrivals.try_recv().is_err());
    listener.finish().await;
}

#[tokio::test]
async fn localhost_is_both_of_its_addresses() {
    let listener = Listener::bind(uri("http://localhost/"), true).await.unwrap();
    let port = listener.uri().port().unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    assert_eq!(status(&say(port, &request).await), "400");
    let others =
        [TcpListener::bind(("::1", port)).await, TcpListener::bind(("127.0.0.1", port)).await];
    assert!(others.into_iter().all(|other| other.is_err()));
    listener.finish().await;
}

#[tokio::test]
async fn a_fixed_port_that_is_taken_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let taken = Listener::bind(uri(&format!("http://{host}:{port}/cb")), false).await;
        let problem = taken.err().unwrap();
        assert!(matches!(problem, Problem::Port { port: named, .. } if named == port));
        let remedy = problem.remedy("a").unwrap();
        assert!(remedy.contains("tokend-cli login a --paste"), "{remedy}");
    }
}

#[tokio::test]
async fn only_this_machine_is_listened_on() {
    for text in [
        "http://0.0.0.0/cb",
        "http://[::]/cb",
        "http://192.0.2.1/cb",
        "http://app.example/cb",
        "http://localhost.example/cb",
        "https://127.0.0.1/cb",
        "app:/cb",
    ] {
        assert!(matches!(Listener::bind(uri(text), true).await, Err(Problem::NotOurs)), "{text}");
    }
}

#[tokio::test]
async fn a_browser_that_says_nothing_does_not_hold_the_end() {
    let listener = Listener::bind(uri("http://127.0.0.1/"), true).await.unwrap();
    let port = listener.uri().port().unwrap();
    let _idle = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut half = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    listener.finish().await;
}

#[tokio::test]
async fn a_redirect_that_nobody_waits_for_any_more_gets_a_page() {
    let listener = Listener::bind(uri("http://127.0.0.1/"), true).await.unwrap();
    let port = listener.uri().port().unwrap();
    let request = format!("GET /?code=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    let browser = tokio::spawn(async move { say(port, &request).await });
    while listener.arrivals.is_empty() {
        tokio::task::yield_now().await;
    }
    listener.finish().await;
    assert_eq!(status(&browser.await.unwrap()), "202");
}
