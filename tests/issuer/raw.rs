//! Providers that speak byte for byte as they are told.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a connection is spoken on.
pub(crate) trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

/// What is said on a connection. An error ends it.
type Speech = dyn Fn(&mut dyn Wire) -> io::Result<()> + Send + Sync;

/// A provider that speaks as it is told, on each connection.
pub(crate) struct Raw {
    pub(crate) url: String,
}

impl Raw {
    /// Starts one on plain connections.
    pub(crate) fn new(
        speech: impl Fn(&mut dyn Wire) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::start("http", Arc::new(speech), |raw, speech| speech(&mut { raw }))
    }

    /// Starts one whose connections are encrypted.
    pub(crate) fn encrypted(
        config: ServerConfig,
        speech: impl Fn(&mut dyn Wire) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(config);
        Self::start("https", Arc::new(speech), move |raw, speech| {
            let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            speech(&mut StreamOwned::new(tls, raw))
        })
    }

    fn start(
        scheme: &str,
        speech: Arc<Speech>,
        serve: impl Fn(TcpStream, &Speech) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (serve, speech) = (Arc::clone(&serve), Arc::clone(&speech));
                thread::spawn(move || serve(stream?, &*speech));
            }
        });
        Self { url }
    }
}

/// Reads a request without a body. Fails if the other end hangs up.
pub(crate) fn hear(wire: &mut dyn Wire) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1, wire);
    let mut line = String::new();
    loop {
        match reader.read_line(&mut line)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            2 => return Ok(()),
            _ => line.clear(),
        }
    }
}

/// Says the same until the other end has enough of it.
pub(crate) fn repeat(wire: &mut dyn Wire, piece: &[u8]) -> io::Result<()> {
    loop {
        wire.write_all(piece)?;
    }
}

/// Says the same for a while, and then nothing, so that it is the time that ends it. What is
/// said for ever ends no sooner, and takes a processor as long as it lasts; without optimization
/// much longer, since the clock is looked at after so many bytes only.
pub(crate) fn silence(wire: &mut dyn Wire, piece: &[u8]) -> io::Result<()> {
    for _ in 0..(128 << 10) / piece.len() {
        wire.write_all(piece)?;
    }
    wire.flush()?;
    io::copy(wire, &mut io::sink())?;
    Ok(())
}
