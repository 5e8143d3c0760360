//! Where metrics go: `metrics` in tokend.toml, and `tokend --metrics`.

use std::{
    fmt::{Display, Formatter},
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where metrics go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metrics {
    /// Whoever asks this address of loopback for `/metrics` over HTTP gets them.
    Address(SocketAddr),
    /// They are written to this file, for the textfile collector of `node_exporter`.
    File(PathBuf),
}

/// Metrics can't go there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// Others on the network could read them.
    #[error(
        "metrics is {0:?}: everyone on the network would read the names of credentials there; \
         give an address of loopback, such as 127.0.0.1:9464, and have an agent on this machine \
         fetch them"
    )]
    Open(String),
    /// It is neither.
    #[error(
        "metrics is {0:?}; give an address of loopback, such as 127.0.0.1:9464 or [::1]:9464, or \
         the absolute path of a file"
    )]
    Neither(String),
    /// `node_exporter` wouldn't read the file.
    #[error(
        "metrics is {0:?}; give the file a name that ends in .prom: node_exporter reads no other"
    )]
    Name(String),
}

impl Display for Metrics {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for Metrics {
    type Err = MetricsError;

    fn from_str(text: &str) -> Result<Self, MetricsError> {
        let path = Path::new(text);
        if path.is_absolute() {
            let is_read = path.extension().is_some_and(|extension| extension == "prom");
            let file = Self::File(path.to_owned());
            return is_read.then_some(file).ok_or_else(|| MetricsError::Name(text.to_owned()));
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self::Address(address)),
            Ok(_) => Err(MetricsError::Open(text.to_owned())),
            Err(_) => Err(MetricsError::Neither(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_go_to_loopback_or_to_a_file_and_nowhere_else() {
        for text in ["127.0.0.1:9464", "127.9.0.1:0", "[::1]:9464"] {
            assert_eq!(text.parse(), Ok(Metrics::Address(text.parse().unwrap())));
        }
        let file = Metrics::File("/var/lib/node_exporter/tokend.prom".into());
        assert_eq!("/var/lib/node_exporter/tokend.prom".parse(), Ok(file));
        for (text, complaint) in [
            ("0.0.0.0:9464", "everyone on the network"),
            ("[::]:9464", "everyone on the network"),
            ("192.0.2.1:80", "everyone on the network"),
            ("9464", "give an address of loopback"),
            ("localhost:9464", "give an address of loopback"),
            ("tokend.prom", "give an address of loopback"),
            ("/tmp/tokend", "ends in .prom"),
        ] {
            let error = text.parse::<Metrics>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("metrics is {text:?}")), "{error}");
            assert!(error.contains(complaint), "{error}");
        }
    }
}
