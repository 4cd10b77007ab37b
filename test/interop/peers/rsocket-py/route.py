# SPDX-License-Identifier: Apache-2.0
"""Metadata of requests: which method, and what belongs to the application."""

from rsocket.extensions.composite_metadata import CompositeMetadata
from rsocket.extensions.helpers import composite, metadata_item, route
from rsocket.extensions.mimetypes import WellKnownMimeTypes
from rsocket.extensions.routing import RoutingMetadata

SERVICE = "rsocket.interop.v1.TestService"
COMPOSITE_MIME = WellKnownMimeTypes.MESSAGE_RSOCKET_COMPOSITE_METADATA.value.name
# The part of metadata that belongs to rsocket-rpc itself.
ENVELOPE_MIME = b"message/x.rsocket-rpc.v1"


def encode_rpc(service: str, method: str, user: bytes = b"") -> bytes:
    parts = [part.encode() for part in (service, method, "")]
    return b"\x00\x01" + b"".join(len(part).to_bytes(2, "big") + part for part in parts) + user


def encode_composite(service: str, method: str, user: bytes = b"") -> bytes:
    entries = [route(f"{service}.{method}")]
    if user:
        entries.append(metadata_item(user, WellKnownMimeTypes.APPLICATION_OCTET_STREAM.value.name))
    return composite(*entries)


def decode_rpc(metadata: bytes) -> tuple[str, str, bytes]:
    if not metadata or metadata[:2] != b"\x00\x01":
        raise ValueError("metadata is empty")
    parts, rest = [], bytes(metadata[2:])
    for _ in range(3):
        length = int.from_bytes(rest[:2], "big")
        parts.append(rest[2 : 2 + length].decode())
        rest = rest[2 + length :]
    return parts[0], parts[1], rest


def user_part(metadata: CompositeMetadata) -> bytes:
    """The first entry that is neither the route nor of rsocket-rpc itself."""
    for item in metadata.items:
        if not isinstance(item, RoutingMetadata) and item.encoding != ENVELOPE_MIME:
            return bytes(item.content)
    return b""
