//! By whom a session ended, as far as its device may know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::NoticeIp;

/// How much of an address an ended device is told.
pub(super) fn shown_ip(ip: Option<IpAddr>, how: NoticeIp) -> Option<String> {
    let ip = ip?.to_canonical();
    match how {
        NoticeIp::None => None,
        NoticeIp::Full => Some(ip.to_string()),
        NoticeIp::Masked => Some(masked(ip).to_string()),
    }
}

/// The last 8 bits of IPv4 and the last 80 of IPv6 are zeroed: town and provider, not the household.
fn masked(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & !0xff)),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_the_operator_decided() {
        let show = |ip: &str, how| shown_ip(Some(ip.parse().unwrap()), how);
        assert_eq!(show("203.0.113.77", NoticeIp::Masked).unwrap(), "203.0.113.0");
        assert_eq!(show("2001:db8:1:2:3:4:5:6", NoticeIp::Masked).unwrap(), "2001:db8:1::");
        assert_eq!(show("::ffff:203.0.113.77", NoticeIp::Masked).unwrap(), "203.0.113.0");
        assert_eq!(show("203.0.113.77", NoticeIp::Full).unwrap(), "203.0.113.77");
        assert_eq!(show("203.0.113.77", NoticeIp::None), None);
        assert_eq!(shown_ip(None, NoticeIp::Full), None);
    }
}
