// SPDX-License-Identifier: Apache-2.0
// How a request says what it calls: RPC metadata of version 1, or composite metadata with a routing entry.

use anyhow::{anyhow, Result};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use rsocket_rust::extension::{CompositeMetadata, MimeType, RoutingMetadata};
use rsocket_rust::utils::Writeable;

const COMPOSITE: &str = "message/x.rsocket.composite-metadata.v0";
const EXTENSION: &str = "message/x.rsocket-rpc.v1";
const ROUTING: MimeType = MimeType::WellKnown(0x7e);
const OCTET_STREAM: MimeType = MimeType::WellKnown(0x06);

#[derive(Clone, Copy, PartialEq)]
pub enum Format {
    Rpc,
    Composite,
}

pub struct Route {
    pub service: String,
    pub method: String,
    /// The application's part.
    pub user: Bytes,
}

impl Format {
    /// What a client's SETUP announces.
    pub fn of(metadata_mime_type: Option<&str>) -> Format {
        if metadata_mime_type == Some(COMPOSITE) {
            Format::Composite
        } else {
            Format::Rpc
        }
    }

    /// Of metadata and data.
    pub fn mime_types(self) -> (&'static str, &'static str) {
        match self {
            Format::Rpc => ("application/binary", "application/binary"),
            Format::Composite => (COMPOSITE, "application/x-protobuf"),
        }
    }

    pub fn write(self, service: &str, method: &str, user: &[u8]) -> Bytes {
        match self {
            Format::Rpc => {
                let mut out = BytesMut::new();
                out.put_u16(1);
                for part in [service, method, ""] {
                    out.put_u16(part.len() as u16);
                    out.put_slice(part.as_bytes());
                }
                out.put_slice(user);
                out.freeze()
            }
            Format::Composite => {
                let route = RoutingMetadata::builder().push(format!("{service}.{method}")).build();
                let mut entries = CompositeMetadata::builder().push(ROUTING, route.bytes());
                if !user.is_empty() {
                    entries = entries.push(OCTET_STREAM, user);
                }
                entries.build().into()
            }
        }
    }

    pub fn read(self, metadata: Option<&Bytes>) -> Result<Route> {
        let mut rest = metadata.ok_or_else(|| anyhow!("metadata is empty"))?.clone();
        match self {
            Format::Rpc => {
                rest.advance(2);
                let mut parts = [String::new(), String::new(), String::new()];
                for part in &mut parts {
                    let length = rest.get_u16() as usize;
                    *part = String::from_utf8_lossy(&rest.split_to(length)).into_owned();
                }
                let [service, method, _] = parts;
                Ok(Route { service, method, user: rest })
            }
            Format::Composite => {
                let entries = CompositeMetadata::decode(&mut BytesMut::from(&rest[..]))?;
                let mut routing = None;
                let mut user = Bytes::new();
                for entry in entries.iter() {
                    match entry.get_mime_type() {
                        mime if *mime == ROUTING => routing = Some(entry.get_metadata()),
                        MimeType::Normal(name) if name == EXTENSION => {}
                        _ => user = entry.get_metadata().clone(),
                    }
                }
                let routing = routing.ok_or_else(|| anyhow!("metadata has no route"))?;
                let tags = RoutingMetadata::decode(&mut BytesMut::from(&routing[..]))?;
                let route = tags.get_tags().first().ok_or_else(|| anyhow!("metadata has no route"))?;
                let (service, method) = route.rsplit_once('.').unwrap_or(("", route));
                Ok(Route { service: service.into(), method: method.into(), user })
            }
        }
    }
}
