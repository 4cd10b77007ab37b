#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Generates the messages of bench.proto for Go into dist/.
set -e
cd "$(dirname "$0")"
mkdir -p dist/bench dist/options
go build -o dist/protoc-gen-go google.golang.org/protobuf/cmd/protoc-gen-go
module=rsocket-rpc.test/bench/go-child
../../../../node_modules/.bin/protoc --plugin=dist/protoc-gen-go --go_out=dist --go_opt=module=$module/dist \
  --go_opt=Mbench.proto=$module/dist/bench --go_opt=Mrsocket/options.proto=$module/dist/options \
  -I ../../proto bench.proto rsocket/options.proto
