// SPDX-License-Identifier: Apache-2.0
// Messages of the interop schema, at PEER_PROTO, without protoc.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=PEER_PROTO");
    let proto = std::env::var("PEER_PROTO").expect("PEER_PROTO: the path of interop.proto");
    println!("cargo:rerun-if-changed={proto}");
    let folder = Path::new(&proto).parent().expect("a folder");
    let files = protox::compile([&proto], [folder]).expect("a schema");
    prost_build::Config::new().bytes(["."]).compile_fds(files).expect("messages");
}
