// SPDX-License-Identifier: Apache-2.0
// rsocket_rust as a peer: `peer server --listen URL…` serves TestService, `peer client --connect URL …` runs cases.

mod cases;
mod client;
mod metadata;
mod server;
mod service;

pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/rsocket.interop.v1.rs"));
}

/// The options of a command line, with their values; those without have none.
pub struct Options(Vec<(String, String)>);

impl Options {
    fn read(args: impl Iterator<Item = String>) -> Options {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for arg in args {
            match (arg.strip_prefix("--"), pairs.last_mut()) {
                (Some(name), _) => pairs.push((name.into(), String::new())),
                (None, Some(last)) => last.1 = arg,
                (None, None) => panic!("{arg} belongs to no option"),
            }
        }
        Options(pairs)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    pub fn mtu(&self) -> Option<usize> {
        self.get("mtu").map(|text| text.parse().expect("--mtu N"))
    }
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("server") => server::serve(Options::read(args)).await,
        Some("client") => client::run(Options::read(args)).await,
        _ => panic!("expected server or client"),
    }
}
