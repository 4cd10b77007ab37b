// SPDX-License-Identifier: Apache-2.0
// The cases, from this driver's side: the sizes and codes of docs/interop.md.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail, ensure, Result};
use async_stream::stream;
use bytes::Bytes;
use futures::future::{join_all, BoxFuture, FutureExt};
use futures::stream::StreamExt;
use rsocket_rust::async_trait;
use rsocket_rust::prelude::{Flux, Payload, RSocket};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::client::{fresh_key, shared, text_of, Peer, Session, Setup};
use crate::metadata::Format;
use crate::proto::*;
use crate::service::{decode, encode, payload_of};

pub const ALL: &str = "empty_unary,large_unary,client_streaming,server_streaming,server_streaming_slow_reader,\
ping_pong,empty_stream,fire_and_forget,custom_metadata,status_code_and_message,special_status_message,\
unimplemented_method,unimplemented_service,fail_mid_stream,cancel_after_begin,cancel_after_first_response,\
timeout_on_sleeping_server,concurrent_large_unary,many_small,call_back,fragmented,big_message,keepalive,\
peer_disconnects,lease,resume,composite_routing";

const SENT_BYTES: usize = 271_828;
const ANSWERED_BYTES: usize = 314_159;
const SIZES_SENT: [usize; 4] = [27_182, 8, 1_828, 45_904];
const SIZES_ASKED: [u32; 4] = [31_415, 9, 2_653, 58_979];
const BIG_BYTES: usize = 20 * 1024 * 1024;
const LEAST_MTU_FOR_BIG: usize = 1_024;
const RAW: [u8; 4] = [0x00, 0x01, 0xab, 0xff];
const MESSAGE: &str = "test status message";
const SPECIAL_MESSAGE: &str = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
const TOLD: Duration = Duration::from_secs(2);

/// Why it was skipped, or nothing.
pub async fn run(name: &str, peer: &Peer) -> Result<Option<String>> {
    match name {
        "empty_unary" => empty_unary(peer).await?,
        "large_unary" => large_unary(peer).await?,
        "client_streaming" => client_streaming(peer).await?,
        "server_streaming" => server_streaming(peer).await?,
        "ping_pong" => ping_pong(peer).await?,
        "fire_and_forget" => fire_and_forget(peer).await?,
        "custom_metadata" => custom_metadata(peer).await?,
        "status_code_and_message" => expect_message(peer, MESSAGE).await?,
        "special_status_message" => expect_message(peer, SPECIAL_MESSAGE).await?,
        "unimplemented_method" => unimplemented_method(peer).await?,
        "unimplemented_service" => unimplemented_service(peer).await?,
        "fail_mid_stream" => fail_mid_stream(peer).await?,
        "cancel_after_first_response" => cancel_after_first_response(peer).await?,
        "concurrent_large_unary" => concurrent_large_unary(peer).await?,
        "many_small" => many_small(peer).await?,
        "call_back" => call_back(peer).await?,
        "fragmented" => fragmented(peer).await?,
        "big_message" if peer.mtu.is_some_and(|mtu| mtu < LEAST_MTU_FOR_BIG) => {
            return Ok(Some(format!("not run with an mtu of {}", peer.mtu.unwrap_or(0))));
        }
        "big_message" => big_message(peer).await?,
        "keepalive" => keepalive(peer).await?,
        "peer_disconnects" => peer_disconnects(peer).await?,
        "composite_routing" => composite_routing(peer).await?,
        _ => return Ok(Some("the driver has nothing for it".into())),
    }
    Ok(None)
}

async fn connect(peer: &Peer) -> Result<Session> {
    peer.connect(Setup::default()).await
}

async fn empty_unary(peer: &Peer) -> Result<()> {
    connect(peer).await?.unary("EmptyCall", (), &[]).await
}

async fn large_unary(peer: &Peer) -> Result<()> {
    let session = connect(peer).await?;
    let payload = pattern(SENT_BYTES);
    let request =
        SimpleRequest { payload: payload.clone(), response_size: ANSWERED_BYTES as u32, ..Default::default() };
    ensure!(session.simple(request).await?.payload == vec![0; ANSWERED_BYTES], "the answer");
    ensure!(session.simple(with(payload.clone())).await?.payload == payload, "the echo");
    Ok(())
}

async fn client_streaming(peer: &Peer) -> Result<()> {
    let messages = SIZES_SENT.map(|size| with(pattern(size))).to_vec();
    let session = connect(peer).await?;
    let mut answers = session.channel_of::<AggregateResponse>("ClientStream", messages);
    let AggregateResponse { count, bytes } = answers.next().await.ok_or_else(|| anyhow!("no answer"))??;
    ensure!((count, bytes) == (4, 74_922), "{count} messages, {bytes} bytes");
    ensure!(answers.next().await.is_none(), "a second answer");
    Ok(())
}

async fn server_streaming(peer: &Peer) -> Result<()> {
    let session = connect(peer).await?;
    let mut answers = session.stream(StreamRequest { sizes: SIZES_ASKED.to_vec(), ..Default::default() });
    let mut sizes = Vec::new();
    while let Some(answer) = answers.next().await {
        sizes.push(answer?.payload.len() as u32);
    }
    ensure!(sizes == SIZES_ASKED, "sizes {sizes:?}");
    Ok(())
}

async fn ping_pong(peer: &Peer) -> Result<()> {
    let (answered, mut answer) = mpsc::channel::<()>(1);
    let pings = stream! {
        for size in SIZES_SENT {
            yield with(pattern(size));
            answer.recv().await;
        }
    };
    let session = connect(peer).await?;
    let mut answers = session.channel::<SimpleResponse>("BidiStream", pings);
    let mut count = 0;
    while let Some(next) = answers.next().await {
        ensure!(next?.payload == pattern(SIZES_SENT[count]), "answer {count}");
        count += 1;
        answered.send(()).await?;
    }
    ensure!(count == 4, "{count} answers");
    Ok(())
}

async fn fire_and_forget(peer: &Peer) -> Result<()> {
    let session = connect(peer).await?;
    let key = fresh_key("fire_and_forget");
    let payload = pattern(100);
    session.forget(SimpleRequest { key: key.clone(), payload: payload.clone(), ..Default::default() }).await?;
    expect_fired(&session, &key).await?;
    let FiredResponse { count, last_payload } = session.fired(&key).await?;
    ensure!(count == 1 && last_payload == payload, "it came {count} times");
    Ok(())
}

async fn custom_metadata(peer: &Peer) -> Result<()> {
    let session = connect(peer).await?;
    for user in [&RAW[..], &[]] {
        let answer: SimpleResponse = session.unary("UnaryCall", with(Bytes::from_static(&[1])), user).await?;
        ensure!(answer.request_metadata == user, "metadata {:x}", answer.request_metadata);
    }
    Ok(())
}

async fn expect_message(peer: &Peer, message: &str) -> Result<()> {
    let session = connect(peer).await?;
    let failing = SimpleRequest { fail_with: Some(Failure { code: 2, message: message.into() }), ..Default::default() };
    expect_text(message, session.simple(failing.clone()).await)?;
    let mut answers = session.channel_of::<SimpleResponse>("BidiStream", vec![failing]);
    expect_text(message, answers.next().await.ok_or_else(|| anyhow!("no answer"))?)
}

async fn unimplemented_method(peer: &Peer) -> Result<()> {
    let session = connect(peer).await?;
    let call = session.call(crate::service::SERVICE, "UnimplementedCall").await;
    expect_text("unknown method", call)
}

async fn unimplemented_service(peer: &Peer) -> Result<()> {
    let service = "rsocket.interop.v1.UnimplementedService";
    let session = connect(peer).await?;
    let call = session.call(service, "UnimplementedCall").await;
    expect_text("can not find service", call)
}

async fn fail_mid_stream(peer: &Peer) -> Result<()> {
    let session = connect(peer).await?;
    let mut answers = session.stream(StreamRequest {
        sizes: vec![10, 20, 30, 40, 50],
        fail_after: 3,
        fail_with: Some(Failure { code: 10, message: "after three".into() }),
        ..Default::default()
    });
    for size in [10, 20, 30] {
        let answer = answers.next().await.ok_or_else(|| anyhow!("it ended before {size}"))??;
        ensure!(answer.payload.len() == size, "{} bytes", answer.payload.len());
    }
    expect_text("after three", answers.next().await.ok_or_else(|| anyhow!("no error"))?)
}

// The driver sends CANCEL when an item comes for a stream that was dropped: the second answer is what it needs.
async fn cancel_after_first_response(peer: &Peer) -> Result<()> {
    let session = connect(peer).await?;
    let key = fresh_key("cancel_after_first_response");
    let (go, mut gone) = mpsc::channel::<()>(1);
    let first = SimpleRequest { key: key.clone(), ..with(pattern(10)) };
    let messages = stream! {
        yield first;
        gone.recv().await;
        yield with(pattern(10));
        futures::future::pending::<()>().await;
    };
    let mut answers = session.channel::<SimpleResponse>("BidiStream", messages);
    answers.next().await.ok_or_else(|| anyhow!("no answer"))??;
    drop(answers);
    go.send(()).await?;
    expect_fired(&session, &format!("cancelled:{key}")).await
}

async fn concurrent_large_unary(peer: &Peer) -> Result<()> {
    let session = shared(connect(peer).await?);
    let payload = pattern(SENT_BYTES);
    let call = |_| {
        let (session, payload) = (session.clone(), payload.clone());
        async move {
            let response_size = ANSWERED_BYTES as u32;
            let answer = session.simple(SimpleRequest { payload, response_size, ..Default::default() }).await?;
            ensure!(answer.payload == vec![0; ANSWERED_BYTES], "an answer");
            Ok(())
        }
    };
    let calls = if peer.quick { 100 } else { 1_000 };
    join_all((0..calls).map(call)).await.into_iter().collect()
}

async fn many_small(peer: &Peer) -> Result<()> {
    let session = shared(connect(peer).await?);
    let calls = if peer.quick { 1_000 } else { 10_000 };
    let begun = Arc::new(AtomicU32::new(0));
    let worker = |_| {
        let (session, begun) = (session.clone(), begun.clone());
        async move {
            loop {
                let number = begun.fetch_add(1, Ordering::Relaxed);
                if number >= calls {
                    return Ok(());
                }
                let payload = Bytes::from([&number.to_be_bytes()[..], &pattern(60)].concat());
                ensure!(session.simple(with(payload.clone())).await?.payload == payload, "answer {number}");
            }
        }
    };
    join_all((0..128).map(worker)).await.into_iter().collect()
}

struct Backwards;

#[async_trait]
impl RSocket for Backwards {
    async fn metadata_push(&self, _: Payload) -> Result<()> {
        Ok(())
    }

    async fn fire_and_forget(&self, _: Payload) -> Result<()> {
        Ok(())
    }

    async fn request_response(&self, request: Payload) -> Result<Option<Payload>> {
        let asked: SimpleRequest = decode(&request)?;
        let payload = asked.payload.iter().rev().copied().collect();
        Ok(Some(payload_of(encode(SimpleResponse { payload, ..Default::default() }))))
    }

    fn request_stream(&self, _: Payload) -> Flux<Result<Payload>> {
        Box::pin(futures::stream::empty())
    }

    fn request_channel(&self, _: Flux<Result<Payload>>) -> Flux<Result<Payload>> {
        Box::pin(futures::stream::empty())
    }
}

async fn call_back(peer: &Peer) -> Result<()> {
    let responder: Option<rsocket_rust::prelude::ClientResponder> = Some(Box::new(|| Box::new(Backwards)));
    let session = peer.connect(Setup { responder, ..Default::default() }).await?;
    let payload = pattern(1_000);
    let answer: SimpleResponse = session.unary("CallBack", with(payload.clone()), &[]).await?;
    ensure!(answer.payload.iter().eq(payload.iter().rev()), "the answer");
    Ok(())
}

async fn fragmented(peer: &Peer) -> Result<()> {
    for mtu in peer.mtu.map_or(vec![64, 16_384], |only| vec![only]) {
        let small = Peer { mtu: Some(mtu), ..peer.clone() };
        large_unary(&small).await?;
        server_streaming(&small).await?;
        client_streaming(&small).await?;
        ping_pong(&small).await?;
    }
    Ok(())
}

async fn big_message(peer: &Peer) -> Result<()> {
    let session = connect(&Peer { mtu: peer.mtu.or(Some(65_536)), ..peer.clone() }).await?;
    let payload = pattern(BIG_BYTES);
    ensure!(session.simple(with(payload.clone())).await?.payload == payload, "the answer");
    Ok(())
}

async fn keepalive(peer: &Peer) -> Result<()> {
    let keepalive = Some((Duration::from_millis(400), Duration::from_millis(1_000)));
    let session = peer.connect(Setup { keepalive, ..Default::default() }).await?;
    sleep(Duration::from_millis(1_250)).await;
    session.unary("EmptyCall", (), &[]).await
}

async fn peer_disconnects(peer: &Peer) -> Result<()> {
    let (session, relay) = peer.connect_cuttable().await?;
    let session = shared(session);
    let sleeping = session.clone();
    let sleeping =
        tokio::spawn(async move { sleeping.simple(SimpleRequest { delay_ms: 20_000, ..Default::default() }).await });
    let mut answers = session.stream(StreamRequest { sizes: vec![100; 1_000], interval_ms: 5, ..Default::default() });
    for _ in 0..3 {
        answers.next().await.ok_or_else(|| anyhow!("it ended"))??;
    }
    relay.cut();
    let ended = async {
        while let Some(Ok(_)) = answers.next().await {}
        sleeping.await
    };
    match within("the end of both calls", ended).await?? {
        Ok(_) => bail!("the call succeeded"),
        Err(_) => Ok(()),
    }
}

async fn composite_routing(peer: &Peer) -> Result<()> {
    let peer = &Peer { format: Format::Composite, ..peer.clone() };
    let calls: Vec<BoxFuture<Result<()>>> = vec![
        empty_unary(peer).boxed(),
        large_unary(peer).boxed(),
        client_streaming(peer).boxed(),
        server_streaming(peer).boxed(),
        ping_pong(peer).boxed(),
        fire_and_forget(peer).boxed(),
        call_back(peer).boxed(),
        custom_metadata(peer).boxed(),
        expect_message(peer, MESSAGE).boxed(),
        unimplemented_method(peer).boxed(),
    ];
    for call in calls {
        call.await?;
    }
    Ok(())
}

fn with(payload: Bytes) -> SimpleRequest {
    SimpleRequest { payload, ..Default::default() }
}

// Bytes of which none is where another would do.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|at| (at * 31 + 7) as u8).collect()
}

fn expect_text<T>(text: &str, result: Result<T>) -> Result<()> {
    match result {
        Ok(_) => bail!("the call succeeded, expected it to fail"),
        Err(error) => {
            let said = text_of(&error);
            ensure!(said.starts_with(text), "it said {said:?}, expected {text:?}");
            Ok(())
        }
    }
}

async fn expect_fired(session: &Session, key: &str) -> Result<()> {
    let fired = async {
        while session.fired(key).await?.count == 0 {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    };
    within(key, fired).await?
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    timeout(TOLD, future).await.map_err(|_| anyhow!("{what}: not within 2 s"))
}
