// SPDX-License-Identifier: Apache-2.0
// The server as one case sees it: connections to it, directly or through a relay that can be cut, and calls.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{anyhow, Result};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use prost::Message;
use rsocket_rust::error::RSocketError;
use rsocket_rust::prelude::*;
use rsocket_rust::Client;
use rsocket_rust_transport_tcp::TcpClientTransport;
use rsocket_rust_transport_websocket::WebsocketClientTransport;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::cases;
use crate::metadata::Format;
use crate::proto::*;
use crate::service::{decode, encode, SERVICE};
use crate::Options;

const CASE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Peer {
    pub scheme: String,
    pub address: String,
    pub path: String,
    pub format: Format,
    pub mtu: Option<usize>,
    pub quick: bool,
}

/// What a connection is told beside.
#[derive(Default)]
pub struct Setup {
    pub responder: Option<ClientResponder>,
    pub keepalive: Option<(Duration, Duration)>,
}

pub struct Session {
    client: Client,
    format: Format,
}

/// Passes bytes on until it is cut.
pub struct Relay {
    address: String,
    task: tokio::task::JoinHandle<()>,
}

pub async fn run(options: Options) {
    let (scheme, place) = options.get("connect").and_then(|url| url.split_once("://")).expect("--connect URL");
    let (address, path) = place.split_once('/').unwrap_or((place, ""));
    let peer = Peer {
        scheme: scheme.into(),
        address: address.into(),
        path: path.into(),
        format: if options.get("mode") == Some("composite") { Format::Composite } else { Format::Rpc },
        mtu: options.mtu(),
        quick: options.get("quick").is_some(),
    };
    let mut failed = false;
    for name in options.get("case").unwrap_or(cases::ALL).split(',') {
        let outcome = tokio::time::timeout(CASE, cases::run(name, &peer)).await;
        match outcome.unwrap_or_else(|_| Err(anyhow!("not within 60 s"))) {
            Ok(None) => println!("PASS {name}"),
            Ok(Some(why)) => println!("SKIP {name}: {why}"),
            Err(error) => {
                failed = true;
                println!("FAIL {name}: {}", text_of(&error).replace('\n', " "));
            }
        }
    }
    std::process::exit(failed.into());
}

impl Peer {
    pub async fn connect(&self, setup: Setup) -> Result<Session> {
        self.open(&self.address, setup).await
    }

    pub async fn connect_cuttable(&self) -> Result<(Session, Relay)> {
        let relay = Relay::start(self.address.clone()).await?;
        Ok((self.open(&relay.address, Setup::default()).await?, relay))
    }

    async fn open(&self, address: &str, setup: Setup) -> Result<Session> {
        let client = if self.scheme == "ws" {
            let transport = WebsocketClientTransport::from(format!("ws://{address}/{}", self.path).as_str());
            started(RSocketFactory::connect().transport(transport), self, setup).await?
        } else {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            started(RSocketFactory::connect().transport(TcpClientTransport::from(socket)), self, setup).await?
        };
        Ok(Session { client, format: self.format })
    }
}

async fn started<T, C>(mut builder: rsocket_rust::ClientBuilder<T, C>, peer: &Peer, setup: Setup) -> Result<Client>
where
    T: Send + Sync + Transport<Conn = C> + 'static,
    C: Send + Sync + rsocket_rust::transport::Connection + 'static,
{
    let (metadata, data) = peer.format.mime_types();
    let (interval, lifetime) = setup.keepalive.unwrap_or((Duration::from_secs(20), Duration::from_secs(90)));
    builder = builder.mime_type(metadata, data).keepalive(interval, lifetime, 1);
    if let Some(mtu) = peer.mtu {
        builder = builder.fragment(mtu);
    }
    if let Some(responder) = setup.responder {
        builder = builder.acceptor(responder);
    }
    builder.start().await
}

impl Session {
    fn payload(&self, method: &str, message: impl Message, user: &[u8]) -> Payload {
        Payload::new(Some(encode(message)), Some(self.format.write(SERVICE, method, user)))
    }

    /// One answer.
    pub async fn unary<T: Message + Default>(&self, method: &str, message: impl Message, user: &[u8]) -> Result<T> {
        let answered = self.client.request_response(self.payload(method, message, user)).await?;
        decode(&answered.unwrap_or_else(|| Payload::new(None, None)))
    }

    /// The same for any service and method, without a message.
    pub async fn call(&self, service: &str, method: &str) -> Result<()> {
        let metadata = self.format.write(service, method, &[]);
        self.client.request_response(Payload::new(Some(Bytes::new()), Some(metadata))).await?;
        Ok(())
    }

    pub async fn simple(&self, request: SimpleRequest) -> Result<SimpleResponse> {
        self.unary("UnaryCall", request, &[]).await
    }

    pub async fn fired(&self, key: &str) -> Result<FiredResponse> {
        self.unary("Fired", FiredRequest { key: key.into() }, &[]).await
    }

    pub async fn forget(&self, request: SimpleRequest) -> Result<()> {
        self.client.fire_and_forget(self.payload("FireAndForget", request, &[])).await
    }

    /// Many answers.
    pub fn stream(&self, request: StreamRequest) -> Flux<Result<SimpleResponse>> {
        let answers = self.client.request_stream(self.payload("ServerStream", request, &[]));
        Box::pin(answers.map(|item| item.and_then(|it| decode(&it))))
    }

    /// Many messages and many answers.
    pub fn channel<T: Message + Default + 'static>(
        &self,
        method: &'static str,
        requests: impl Stream<Item = SimpleRequest> + Send + 'static,
    ) -> Flux<Result<T>> {
        let format = self.format;
        let mut metadata = Some(format.write(SERVICE, method, &[]));
        let payloads = requests.map(move |it| Ok(Payload::new(Some(encode(it)), metadata.take())));
        let answers = self.client.request_channel(Box::pin(payloads));
        Box::pin(answers.map(|item| item.and_then(|it| decode(&it))))
    }

    pub fn channel_of<T: Message + Default + 'static>(
        &self,
        method: &'static str,
        requests: Vec<SimpleRequest>,
    ) -> Flux<Result<T>> {
        self.channel(method, stream::iter(requests))
    }
}

impl Relay {
    async fn start(target: String) -> Result<Relay> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let task = tokio::spawn(async move {
            let mut pairs = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let target = target.clone();
                pairs.spawn(async move {
                    let mut far = TcpStream::connect(target).await?;
                    tokio::io::copy_bidirectional(&mut near, &mut far).await
                });
            }
        });
        Ok(Relay { address, task })
    }

    /// The link is taken from both ends.
    pub fn cut(&self) {
        self.task.abort();
    }
}

/// A key that nobody has used; the same in every run when INTEROP_SEED is set.
pub fn fresh_key(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    if std::env::var("INTEROP_SEED").is_ok() {
        return format!("{name}-{count}");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{name}-{count}-{}", now.as_nanos())
}

/// What the other end said, without the driver's words around it.
pub fn text_of(error: &anyhow::Error) -> String {
    match error.downcast_ref::<RSocketError>() {
        Some(RSocketError::ApplicationException(text)) => text.clone(),
        _ => error.to_string(),
    }
}

/// So that connections and calls can be shared by tasks.
pub fn shared(session: Session) -> Arc<Session> {
    Arc::new(session)
}
