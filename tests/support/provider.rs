//! A provider on loopback, in threads of the test's own process.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::canary;

/// A provider that counts what reaches it. It ends when it is dropped.
pub struct Provider {
    url: String,
    shared: Arc<Shared>,
}

/// A request as it came, in the words of the tests.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// What the provider answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

type Script = Box<dyn FnMut(usize, &Request) -> Reply + Send>;

struct Shared {
    requests: Mutex<Vec<Request>>,
    arrived: Condvar,
    script: Mutex<Script>,
    open: Mutex<bool>,
    opened: Condvar,
    ended: AtomicBool,
}

impl Reply {
    /// An answer in JSON.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".into())],
            body: body.into(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Provider {
    /// Starts a provider that issues `token-1`, `token-2` .. with a life of an
    /// hour.
    pub fn issuing() -> Self {
        Self::scripted(|number, _| issued(number, 3_600))
    }

    /// Starts a provider that answers the n-th request, from 1 on, by a script.
    pub fn scripted(script: impl FnMut(usize, &Request) -> Reply + Send + 'static) -> Self {
        Self::layered("http", Ok, script)
    }

    /// Starts a provider that speaks HTTP on top of something else.
    pub fn layered<S: Read + Write>(
        scheme: &str,
        layer: impl Fn(TcpStream) -> io::Result<S> + Send + Sync + 'static,
        script: impl FnMut(usize, &Request) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let layer = Arc::new(layer);
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            arrived: Condvar::new(),
            script: Mutex::new(Box::new(script)),
            open: Mutex::new(true),
            opened: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, layer) = (Arc::clone(&accepting), Arc::clone(&layer));
                // A caller that hangs up is no fault of the provider's.
                thread::spawn(move || stream.and_then(|raw| shared.answer(layer(raw)?)));
            }
        });
        Self { url, shared }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns what has reached the provider so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Keeps answers back until `open`.
    pub fn close(&self) {
        *self.shared.open.lock().unwrap() = false;
    }

    /// Lets answers out.
    pub fn open(&self) {
        *self.shared.open.lock().unwrap() = true;
        self.shared.opened.notify_all();
    }

    /// Waits until `count` requests have arrived.
    pub fn wait_for_requests(&self, count: usize) {
        let requests = self.shared.requests.lock().unwrap();
        let few = |requests: &mut Vec<Request>| requests.len() < count;
        let waited = self.shared.arrived.wait_timeout_while(requests, super::PATIENCE, few);
        assert!(!waited.unwrap().1.timed_out(), "{count} requests never came");
    }
}

/// The answer of a provider that issues a token.
pub fn issued(number: usize, life: u64) -> Reply {
    let body = format!(
        r#"{{"access_token":"token-{number}-c0ffee","token_type":"Bearer","expires_in":{life}}}"#
    );
    Reply::json(200, body)
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.open();
        self.shared.ended.store(true, Ordering::SeqCst);
        // The loop sees it with the next connection: this one.
        let _ = TcpStream::connect(self.url.split("://").nth(1).unwrap_or_default());
    }
}

impl Shared {
    fn answer(&self, mut stream: impl Read + Write) -> io::Result<()> {
        let request = read(&mut stream)?;
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request.clone());
            self.arrived.notify_all();
            requests.len()
        };
        drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
        let reply = (self.script.lock().unwrap())(number, &request);
        let body = match std::str::from_utf8(&reply.body) {
            Ok(text) => Cow::Owned(canary::real(text).into_bytes()),
            Err(_) => Cow::Borrowed(&reply.body),
        };
        write!(stream, "HTTP/1.1 {} x\r\n", reply.status)?;
        for (name, value) in &reply.headers {
            write!(stream, "{name}: {}\r\n", canary::real(value))?;
        }
        write!(stream, "content-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
        stream.write_all(&body)?;
        stream.flush()
    }
}

fn read(stream: impl Read) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = canary::told(line.split(' ').nth(1).unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), told_header(value)),
            None => break,
        };
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body);
    learn(&body);
    Ok(Request { path, headers, body: canary::told(&body) })
}

/// Returns a header's value in the words of the tests, a name and a password included.
fn told_header(value: &str) -> String {
    let pair = value.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
    match pair.and_then(|pair| String::from_utf8(pair).ok()) {
        Some(pair) => format!("Basic {}", STANDARD.encode(canary::told(&pair))),
        None => canary::told(value),
    }
}

/// Has searched for what tokend draws or signs for this request alone.
fn learn(form: &str) {
    for (name, value) in form.split('&').filter_map(|field| field.split_once('=')) {
        if matches!(name, "code_verifier" | "client_assertion" | "assertion") {
            canary::learn(value.as_bytes());
        }
    }
}
