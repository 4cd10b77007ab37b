mkdir -p gen
npx protoc -I proto -I node_modules/protoc-gen-rsocket-rpc/proto \
  --es_out=gen --es_opt=target=ts,import_extension=js \
  --rsocket-rpc_out=gen --rsocket-rpc_opt=target=ts \
  proto/meter.proto node_modules/protoc-gen-rsocket-rpc/proto/rsocket/options.proto
