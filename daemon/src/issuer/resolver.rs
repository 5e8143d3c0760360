//! Looks hosts up, and leaves out addresses to which no request goes.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;
use crate::apart;

/// Looks hosts up as the machine does.
#[derive(Debug)]
pub(super) struct Resolver {
    /// Whether any address will do.
    pub(super) allow_link_local: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_link_local = self.allow_link_local;
        Box::pin(async move {
            let found = match name.as_str() {
                // Plain http goes to this name, so nobody else may say where it is
                // (RFC 6761 §6.3).
                "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
                host => {
                    let host = host.to_owned();
                    let look = move || -> io::Result<Vec<IpAddr>> {
                        Ok((host, 0).to_socket_addrs()?.map(|found| found.ip()).collect())
                    };
                    apart::block("issuer-names", look).await??
                }
            };
            let good = if allow_link_local { found } else { address::screen(found)? };
            // The port is the URL's.
            let unported = |address: IpAddr| SocketAddr::new(address, 0);
            Ok(Box::new(good.into_iter().map(unported)) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_this_machine_whatever_others_say() {
        let resolver = Resolver { allow_link_local: false };
        let found: Vec<_> = resolver.resolve("localhost".parse().unwrap()).await.unwrap().collect();
        assert!(!found.is_empty() && found.iter().all(|found| found.ip().is_loopback()));
    }

    #[tokio::test]
    async fn a_name_whose_only_address_is_refused_is_not_found() {
        // What looks like a name to its caller can be an address to the machine.
        let resolve = |allow_link_local| {
            Resolver { allow_link_local }.resolve("169.254.169.254".parse().unwrap())
        };
        let refused = resolve(false).await.err().unwrap().to_string();
        assert!(refused.starts_with("169.254.169.254 is link-local"), "{refused}");
        assert_eq!(resolve(true).await.unwrap().count(), 1);
    }
}
