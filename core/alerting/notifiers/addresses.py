"""Where an outgoing connection may go, decided on the very address that is connected to.

Checking a name before the connection would leave time for its meaning to change (DNS rebinding);
here the name is resolved once, each address is checked, and the socket goes to that address.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from core.errors import DeliveryFailed

Address = IPv4Address | IPv6Address
# Metadata services of clouds on addresses that are public, shared or unique-local otherwise.
METADATA = frozenset(
    ip_address(text)
    for text in ("168.63.129.16", "100.100.100.200", "fd00:ec2::254", "192.0.0.192")
)
NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, kw_only=True)
class AddressPolicy:
    """Public addresses are allowed, link-local and metadata ones never."""

    allow_loopback: bool = False
    allow_private: bool = False

    def allows(self, address: Address) -> bool:
        real = _embedded(address)
        if real in METADATA or real.is_link_local or real.is_multicast or real.is_unspecified:
            return False
        if real.is_loopback:
            return self.allow_loopback
        if real.is_global:
            return True
        return self.allow_private and (real.is_private or _shared(real))


def default_policy(url: str) -> AddressPolicy:
    """Loopback only for a URL that names it literally; never private networks."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return AddressPolicy(allow_loopback=True)
    try:
        return AddressPolicy(allow_loopback=ip_address(host).is_loopback)
    except ValueError:
        return AddressPolicy()


def open_socket(host: str, port: int, *, policy: AddressPolicy, timeout: float) -> socket.socket:
    """A TCP connection to the first allowed address of `host`, `timeout` seconds for each.

    Raises DeliveryFailed: permanent if no address of the host is allowed, else transient.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"cannot resolve {host}: {error}") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [text for text in addresses if policy.allows(ip_address(text.partition("%")[0]))]
    if not allowed:
        raise DeliveryFailed(
            f"{host} is at {', '.join(addresses)}, where this channel may not connect",
            permanent=True,
        )
    failures: list[str] = []
    for address in allowed:
        try:
            return socket.create_connection((address, port), timeout)
        except OSError as error:
            failures.append(f"{address}: {error}")
    raise DeliveryFailed(f"cannot connect to {host}: {'; '.join(failures)}")


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 form stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _shared(address: Address) -> bool:
    return address in ip_network("100.64.0.0/10")
