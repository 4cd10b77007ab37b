// SPDX-License-Identifier: Apache-2.0
// Listens at every URL that it is told, until SIGTERM.

use std::sync::Arc;

use anyhow::Result;
use rsocket_rust::async_trait;
use rsocket_rust::prelude::*;
use rsocket_rust::transport::Connection;
use rsocket_rust_transport_tcp::TcpClientTransport;
use rsocket_rust_transport_websocket::WebsocketClientTransport;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{signal, SignalKind};

use crate::metadata::Format;
use crate::service::{Fired, Service};
use crate::Options;

/// Without fragments 20 MiB fit no frame: the driver would panic.
const MTU: usize = 65_536;

/// The driver's own transports don't tell the port that the system chose.
struct Listening<T> {
    listener: TcpListener,
    wrap: fn(TcpStream) -> T,
}

#[async_trait]
impl<T: Send + Sync + Transport> ServerTransport for Listening<T> {
    type Item = T;

    async fn start(&mut self) -> Result<()> {
        Ok(())
    }

    async fn next(&mut self) -> Option<Result<T>> {
        let accepted = self.listener.accept().await;
        Some(accepted.map_err(Into::into).and_then(|(socket, _)| {
            socket.set_nodelay(true)?;
            Ok((self.wrap)(socket))
        }))
    }
}

pub async fn serve(options: Options) {
    let fired = Fired::default();
    let mtu = options.mtu().unwrap_or(MTU);
    for url in options.all("listen") {
        let (scheme, place) = url.split_once("://").expect("--listen URL");
        let (address, path) = place.split_once('/').unwrap_or((place, ""));
        let listener = TcpListener::bind(address).await.expect("an address to listen at");
        let port = listener.local_addr().expect("a port").port();
        match scheme {
            "ws" => spawn(listener, |it| WebsocketClientTransport::from(it), mtu, fired.clone()),
            _ => spawn(listener, |it| TcpClientTransport::from(it), mtu, fired.clone()),
        }
        let end = if scheme == "ws" { format!("/{path}") } else { String::new() };
        println!("LISTENING {scheme}://127.0.0.1:{port}{end}");
    }
    signal(SignalKind::terminate()).expect("SIGTERM").recv().await;
}

fn spawn<T, C>(listener: TcpListener, wrap: fn(TcpStream) -> T, mtu: usize, fired: Fired)
where
    T: Send + Sync + Transport<Conn = C> + 'static,
    C: Send + Sync + Connection + 'static,
{
    let acceptor: ServerResponder = Box::new(move |setup, peer| {
        let format = Format::of(setup.metadata_mime_type());
        Ok(Box::new(Service { fired: fired.clone(), format, peer: Arc::new(peer) }))
    });
    let server = RSocketFactory::receive().transport(Listening { listener, wrap }).fragment(mtu).acceptor(acceptor);
    tokio::spawn(server.serve());
}
