//! The addresses to which a request goes only if its definition asks for that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// What clouds call the place where they hand out their machines' credentials.
const METADATA_NAMES: [&str; 2] = ["metadata.google.internal", "metadata.goog"];

/// Where clouds hand out their machines' credentials, besides 169.254.169.254, which
/// is link-local: Alibaba, Azure, Oracle.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same by IPv6: Amazon's machines and pods, Google, Oracle.
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// A place to which no request goes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is link-local, a cloud's metadata service or nobody's own address: only \
     `allow_link_local = true` in [http] of the definition allows it"
)]
pub(super) struct RefusedAddress(String);

/// Checks a URL's host, if it is an address or one of the names of metadata services.
/// Other names are checked when they are looked up.
pub(super) fn check(url: &Url) -> Result<(), RefusedAddress> {
    let refused = match url.host() {
        Some(Host::Ipv4(address)) => is_refused(address.into()),
        Some(Host::Ipv6(address)) => is_refused(address.into()),
        Some(Host::Domain(name)) => METADATA_NAMES.contains(&name.trim_end_matches('.')),
        None => false,
    };
    if refused {
        return Err(RefusedAddress(url.host_str().unwrap_or_default().to_owned()));
    }
    Ok(())
}

/// Leaves out those addresses of a name to which no request goes.
pub(super) fn screen(found: Vec<IpAddr>) -> Result<Vec<IpAddr>, RefusedAddress> {
    let (refused, good): (Vec<_>, Vec<_>) = found.into_iter().partition(|one| is_refused(*one));
    match refused.first() {
        Some(address) if good.is_empty() => Err(RefusedAddress(address.to_string())),
        _ => Ok(good),
    }
}

fn is_refused(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_refused_v4(address),
        IpAddr::V6(address) => is_refused_v6(address),
    }
}

fn is_refused_v4(address: Ipv4Addr) -> bool {
    address.is_link_local()
        // "This network" (RFC 791 §3.2); systems take 0.0.0.0 for themselves.
        || address.octets()[0] == 0
        || address.is_multicast()
        || address.is_broadcast()
        || METADATA_V4.contains(&address)
}

fn is_refused_v6(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || METADATA_V6.contains(&address)
        || (!address.is_loopback() && embedded(address).into_iter().any(is_refused_v4))
}

/// Returns the IPv4 addresses that an IPv6 address may stand for.
fn embedded(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = address.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| octets[place]));
    match address.segments() {
        // Mapped, compatible and translated (RFC 4291 §2.5.5, RFC 2765 §2.1), and NAT64
        // (RFC 6052 §2.1).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..]
        // ISATAP (RFC 5214 §6.1).
        | [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![at([12, 13, 14, 15])],
        // NAT64 of a network's own (RFC 8215), with a prefix of 48, 56, 64 or 96 bits (RFC
        // 6052 §2.2). Where a prefix is longer, zeros are no address.
        [0x64, 0xff9b, 1, ..] => [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]]
            .map(at)
            .into_iter()
            .filter(|address| address.octets()[0] != 0)
            .collect(),
        // 6to4 (RFC 3056 §2).
        [0x2002, ..] => vec![at([2, 3, 4, 5])],
        // Teredo (RFC 4380 §4): the server, and the client with its bits turned over.
        [0x2001, 0, ..] => {
            vec![at([4, 5, 6, 7]), Ipv4Addr::from(!u32::from(at([12, 13, 14, 15])))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> bool {
        is_refused(text.parse().unwrap())
    }

    #[test]
    fn link_local_metadata_and_nobodys_addresses_are_refused_in_each_disguise() {
        for bad in [
            "169.254.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "::",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            // The same behind prefixes of 48, 56 and 64 bits.
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00::",
            "2002:a9fe:a9fe::1",
            "::ffff:0.0.0.0",
        ] {
            assert!(refused(bad), "{bad}");
        }
    }

    #[test]
    fn public_private_and_loopback_addresses_are_not() {
        for good in [
            "93.184.216.34",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.253.255.255",
            "169.255.0.1",
            "::1",
            "2606:2800:220:1::1",
            "fc00::1",
            "fd00::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "64:ff9b::93.184.216.34",
            "64:ff9b:1::10.0.0.1",
            "2002:5db8:d822::1",
        ] {
            assert!(!refused(good), "{good}");
        }
    }

    #[test]
    fn a_urls_host_is_checked_however_it_is_written() {
        for bad in [
            "https://169.254.169.254/",
            "https://0xa9fea9fe/",
            "https://2852039166/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://METADATA.google.internal./",
        ] {
            assert!(check(&Url::parse(bad).unwrap()).is_err(), "{bad}");
        }
        for good in ["https://10.0.0.1/", "https://auth.example/", "http://localhost/"] {
            assert!(check(&Url::parse(good).unwrap()).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_name_keeps_its_good_addresses() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let good: Vec<IpAddr> = addresses(&["10.0.0.1"]);
        assert_eq!(screen(addresses(&["169.254.1.1", "10.0.0.1"])), Ok(good));
        assert_eq!(screen(Vec::new()), Ok(Vec::new()));
        let message = screen(addresses(&["fe80::1"])).unwrap_err().to_string();
        assert!(message.starts_with("fe80::1 is link-local,"), "{message}");
        assert!(message.contains("`allow_link_local = true` in [http]"), "{message}");
    }
}
