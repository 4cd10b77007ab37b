// SPDX-License-Identifier: Apache-2.0

// Contestant: rsocket-go over TCP, every option at its default; the metadata is built once and the server doesn't route by it.
package main

import (
	"context"
	"net"

	"github.com/rsocket/rsocket-go"
	"github.com/rsocket/rsocket-go/core/transport"
	"github.com/rsocket/rsocket-go/logger"
	"github.com/rsocket/rsocket-go/payload"
	"github.com/rsocket/rsocket-go/rx/flux"
	"github.com/rsocket/rsocket-go/rx/mono"
	"google.golang.org/protobuf/proto"

	child "rsocket-rpc.test/bench/go-child"
	pb "rsocket-rpc.test/bench/go-child/dist/bench"
)

var (
	echoMetadata     = metadata("bench.v1.Bench", "Echo")
	downloadMetadata = metadata("bench.v1.Bench", "Download")
)

// u16 version 1 · u16 length + service · u16 length + method · u16 length of the tracing map, here empty.
func metadata(names ...string) []byte {
	bytes := []byte{0, 1}
	for _, name := range names {
		bytes = append(append(bytes, byte(len(name)>>8), byte(len(name))), name...)
	}
	return append(bytes, 0, 0)
}

func echo(request payload.Payload) mono.Mono {
	item := new(pb.Item)
	if err := proto.Unmarshal(request.Data(), item); err != nil {
		return mono.Error(err)
	}
	data, err := proto.Marshal(&pb.Item{Payload: item.Payload})
	if err != nil {
		return mono.Error(err)
	}
	return mono.Just(payload.New(data, nil))
}

func download(request payload.Payload) flux.Flux {
	asked := new(pb.DownloadRequest)
	if err := proto.Unmarshal(request.Data(), asked); err != nil {
		return flux.Error(err)
	}
	body := make([]byte, asked.PayloadBytes)
	return flux.Create(func(_ context.Context, sink flux.Sink) {
		for range asked.Count {
			data, err := proto.Marshal(&pb.Item{Payload: body})
			if err != nil {
				sink.Error(err)
				return
			}
			sink.Next(payload.New(data, nil))
		}
		sink.Complete()
	})
}

func serve() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	responder := rsocket.NewAbstractSocket(rsocket.RequestResponse(echo), rsocket.RequestStream(download))
	accept := func(context.Context, payload.SetupPayload, rsocket.CloseableRSocket) (rsocket.RSocket, error) {
		return responder, nil
	}
	listen := func(context.Context) (transport.ServerTransport, error) {
		return transport.NewTCPServerTransport(func(context.Context) (net.Listener, error) { return listener, nil }), nil
	}
	go rsocket.Receive().Acceptor(accept).Transport(listen).Serve(context.Background())
	return listener.Addr().(*net.TCPAddr).Port, nil
}

type client struct{ socket rsocket.Client }

func connect(port int) (child.Client, error) {
	to := rsocket.TCPClient().SetHostAndPort("127.0.0.1", port).Build()
	socket, err := rsocket.Connect().Transport(to).Start(context.Background())
	return client{socket}, err
}

func (c client) Echo(body []byte) (int, error) {
	data, err := proto.Marshal(&pb.Item{Payload: body})
	if err != nil {
		return 0, err
	}
	answer, release, err := c.socket.RequestResponse(payload.New(data, echoMetadata)).BlockUnsafe(context.Background())
	if err != nil {
		return 0, err
	}
	defer release()
	item := new(pb.Item)
	err = proto.Unmarshal(answer.Data(), item)
	return len(item.Payload), err
}

func (c client) Download(count, payloadBytes int, onItem func(int)) error {
	data, err := proto.Marshal(&pb.DownloadRequest{Count: uint32(count), PayloadBytes: uint32(payloadBytes)})
	if err != nil {
		return err
	}
	_, err = c.socket.RequestStream(payload.New(data, downloadMetadata)).
		DoOnNext(func(answer payload.Payload) error {
			item := new(pb.Item)
			if err := proto.Unmarshal(answer.Data(), item); err != nil {
				return err
			}
			onItem(len(item.Payload))
			return nil
		}).
		BlockLast(context.Background())
	return err
}

func main() {
	logger.SetLevel(logger.LevelError)
	child.Main(child.Contestant{Serve: serve, Connect: connect})
}
