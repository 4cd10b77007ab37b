// SPDX-License-Identifier: Apache-2.0
// TestService on the driver: sizes, pauses and failures as the caller asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{anyhow, Result};
use async_stream::stream;
use bytes::Bytes;
use prost::Message;
use rsocket_rust::async_trait;
use rsocket_rust::prelude::*;
use tokio::time::{sleep, timeout};

use crate::metadata::{Format, Route};
use crate::proto::*;

pub const SERVICE: &str = "rsocket.interop.v1.TestService";
/// The driver's own requests may get no answer, ever.
const CALL_BACK: Duration = Duration::from_secs(1);

/// What was fired, for all connections of a server.
#[derive(Clone, Default)]
pub struct Fired(Arc<Mutex<HashMap<String, Vec<Bytes>>>>);

/// The service for one connection. `peer` makes requests to its other end.
pub struct Service {
    pub fired: Fired,
    pub format: Format,
    pub peer: Arc<Box<dyn RSocket>>,
}

/// Remembers that a call was given up, unless it is over before it is dropped.
struct Watch {
    fired: Fired,
    keys: Vec<String>,
}

impl Fired {
    fn remember(&self, key: String, payload: Bytes) {
        self.0.lock().unwrap().entry(key).or_default().push(payload);
    }

    fn watch(&self) -> Watch {
        Watch { fired: self.clone(), keys: Vec::new() }
    }
}

impl Watch {
    fn add(&mut self, key: &str) {
        if !key.is_empty() {
            self.keys.push(format!("cancelled:{key}"));
        }
    }

    fn is_over(&mut self) {
        self.keys.clear();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for key in self.keys.drain(..) {
            self.fired.remember(key, Bytes::new());
        }
    }
}

impl Service {
    fn route(&self, request: &Payload) -> Result<Route> {
        let route = self.format.read(request.metadata())?;
        if route.service != SERVICE {
            return Err(anyhow!("can not find service {}", route.service));
        }
        Ok(route)
    }
}

#[async_trait]
impl RSocket for Service {
    async fn metadata_push(&self, _: Payload) -> Result<()> {
        Ok(())
    }

    async fn fire_and_forget(&self, request: Payload) -> Result<()> {
        self.route(&request)?;
        let SimpleRequest { key, payload, .. } = decode(&request)?;
        self.fired.remember(key, payload);
        Ok(())
    }

    async fn request_response(&self, request: Payload) -> Result<Option<Payload>> {
        let Route { method, user, .. } = self.route(&request)?;
        match method.as_str() {
            "EmptyCall" => Ok(Some(payload_of(Bytes::new()))),
            "UnaryCall" => {
                let asked: SimpleRequest = decode(&request)?;
                let mut watch = self.fired.watch();
                watch.add(&asked.key);
                let answered = answer(asked, user, 0).await;
                watch.is_over();
                Ok(Some(payload_of(encode(answered?))))
            }
            "Fired" => {
                let FiredRequest { key } = decode(&request)?;
                let fired = self.fired.0.lock().unwrap();
                let payloads = fired.get(&key);
                let count = payloads.map_or(0, |all| all.len() as u32);
                let last_payload = payloads.and_then(|all| all.last().cloned()).unwrap_or_default();
                Ok(Some(payload_of(encode(FiredResponse { count, last_payload }))))
            }
            "CallBack" => {
                let metadata = self.format.write(SERVICE, "UnaryCall", &[]);
                let call = Payload::new(request.data().cloned(), Some(metadata));
                timeout(CALL_BACK, self.peer.request_response(call)).await?
            }
            _ => Err(anyhow!("unknown method")),
        }
    }

    fn request_stream(&self, request: Payload) -> Flux<Result<Payload>> {
        let route = self.route(&request);
        Box::pin(stream! {
            let asked: StreamRequest = match route.and_then(|it| expect(&it, "ServerStream")).and_then(|()| decode(&request)) {
                Ok(asked) => asked,
                Err(error) => return yield Err(error),
            };
            for (sequence, size) in asked.sizes.iter().enumerate() {
                if asked.fail_with.is_some() && sequence as u32 == asked.fail_after {
                    break;
                }
                if sequence > 0 && asked.interval_ms > 0 {
                    sleep(Duration::from_millis(asked.interval_ms.into())).await;
                }
                let payload = vec![0; *size as usize].into();
                yield Ok(payload_of(encode(SimpleResponse { payload, sequence: sequence as u32, ..Default::default() })));
            }
            if let Some(failure) = asked.fail_with {
                yield Err(anyhow!(failure.message));
            }
        })
    }

    fn request_channel(&self, mut requests: Flux<Result<Payload>>) -> Flux<Result<Payload>> {
        let fired = self.fired.clone();
        let format = self.format;
        Box::pin(stream! {
            let Some(Ok(first)) = requests.next().await else { return };
            let route = match format.read(first.metadata()) {
                Ok(route) if route.service == SERVICE => route,
                Ok(route) => return yield Err(anyhow!("can not find service {}", route.service)),
                Err(error) => return yield Err(error),
            };
            let sums = route.method == "ClientStream";
            if !sums && route.method != "BidiStream" {
                return yield Err(anyhow!("unknown method"));
            }
            let mut watch = fired.watch();
            let mut total = AggregateResponse::default();
            let mut next = Some(Ok(first));
            while let Some(item) = next {
                let Ok(asked) = item.and_then(|it| decode::<SimpleRequest>(&it)) else { return };
                watch.add(&asked.key);
                if sums {
                    total.bytes += asked.payload.len() as u64;
                } else {
                    match answer(asked, route.user.clone(), total.count).await {
                        Ok(answered) => yield Ok(payload_of(encode(answered))),
                        Err(error) => {
                            watch.is_over();
                            return yield Err(error);
                        }
                    }
                }
                total.count += 1;
                next = requests.next().await;
            }
            watch.is_over();
            if sums {
                yield Ok(payload_of(encode(total)));
            }
        })
    }
}

async fn answer(asked: SimpleRequest, user: Bytes, sequence: u32) -> Result<SimpleResponse> {
    sleep(Duration::from_millis(asked.delay_ms.into())).await;
    if let Some(failure) = asked.fail_with {
        return Err(anyhow!(failure.message));
    }
    let payload = match asked.response_size {
        0 => asked.payload,
        size => vec![0; size as usize].into(),
    };
    Ok(SimpleResponse { payload, sequence, tag: asked.tag, request_metadata: user })
}

fn expect(route: &Route, method: &str) -> Result<()> {
    if route.method == method {
        Ok(())
    } else {
        Err(anyhow!("unknown method"))
    }
}

pub fn decode<T: Message + Default>(payload: &Payload) -> Result<T> {
    Ok(T::decode(payload.data().cloned().unwrap_or_default())?)
}

pub fn encode(message: impl Message) -> Bytes {
    message.encode_to_vec().into()
}

pub fn payload_of(data: Bytes) -> Payload {
    Payload::new(Some(data), None)
}
