// SPDX-License-Identifier: Apache-2.0

// Contestant: grpc-go, insecure, every option at its default but for the largest message.
package main

import (
	"context"
	"fmt"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	child "rsocket-rpc.test/bench/go-child"
	pb "rsocket-rpc.test/bench/go-child/dist/bench"
)

const (
	echoPath     = "/bench.v1.Bench/Echo"
	downloadPath = "/bench.v1.Bench/Download"
)

type bench struct{}

func (bench) echo(_ context.Context, request *pb.Item) (*pb.Item, error) {
	return &pb.Item{Payload: request.Payload}, nil
}

func (bench) download(request *pb.DownloadRequest, stream grpc.ServerStream) error {
	payload := make([]byte, request.PayloadBytes)
	for range request.Count {
		if err := stream.SendMsg(&pb.Item{Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

// What the generator would write.
var description = grpc.ServiceDesc{
	ServiceName: "bench.v1.Bench",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			request := new(pb.Item)
			if err := decode(request); err != nil {
				return nil, err
			}
			return bench{}.echo(ctx, request)
		},
	}},
	Streams: []grpc.StreamDesc{{
		StreamName:    "Download",
		ServerStreams: true,
		Handler: func(_ any, stream grpc.ServerStream) error {
			request := new(pb.DownloadRequest)
			if err := stream.RecvMsg(request); err != nil {
				return err
			}
			return bench{}.download(request, stream)
		},
	}},
}

func serve() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(child.MaxMessageBytes))
	server.RegisterService(&description, bench{})
	go server.Serve(listener)
	return listener.Addr().(*net.TCPAddr).Port, nil
}

type client struct{ connection *grpc.ClientConn }

func connect(port int) (child.Client, error) {
	connection, err := grpc.NewClient(
		fmt.Sprintf("127.0.0.1:%d", port),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(child.MaxMessageBytes)),
	)
	return client{connection}, err
}

func (c client) Echo(payload []byte) (int, error) {
	answer := new(pb.Item)
	err := c.connection.Invoke(context.Background(), echoPath, &pb.Item{Payload: payload}, answer)
	return len(answer.Payload), err
}

func (c client) Download(count, payloadBytes int, onItem func(int)) error {
	stream, err := c.connection.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true}, downloadPath)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&pb.DownloadRequest{Count: uint32(count), PayloadBytes: uint32(payloadBytes)}); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		item := new(pb.Item)
		if err := stream.RecvMsg(item); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		onItem(len(item.Payload))
	}
}

func main() { child.Main(child.Contestant{Serve: serve, Connect: connect}) }
