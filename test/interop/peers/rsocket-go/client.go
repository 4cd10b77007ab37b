// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rsocket/rsocket-go"
	"github.com/rsocket/rsocket-go/core/transport"
	"github.com/rsocket/rsocket-go/payload"
	"google.golang.org/protobuf/proto"

	pb "rsocket-rpc.test/interop/rsocket-go/dist/interop"
)

const caseTimeout = 60 * time.Second

// A case that can't be run here.
type skipped string

func (s skipped) Error() string { return string(s) }

// runClient runs cases one after the other, in the order of the table: a line for each.
func runClient(o *options) error {
	wanted := strings.Split(o.cases, ",")
	failed := 0
	for _, c := range cases {
		if o.cases != "all" && !slices.Contains(wanted, c.name) {
			continue
		}
		err := runCase(o, c.run)
		var why skipped
		switch {
		case err == nil:
			fmt.Println("PASS " + c.name)
		case errors.As(err, &why):
			fmt.Printf("SKIP %s: %s\n", c.name, oneLine(err))
		default:
			failed++
			fmt.Printf("FAIL %s: %s\n", c.name, oneLine(err))
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d failed", failed)
	}
	return nil
}

func oneLine(err error) string {
	quoted := fmt.Sprintf("%q", err.Error())
	return quoted[1 : len(quoted)-1]
}

func runCase(o *options, run func(*peer) error) error {
	p := &peer{options: o}
	defer p.close()
	done := make(chan error, 1)
	go func() { done <- run(p) }()
	select {
	case err := <-done:
		return err
	case <-time.After(caseTimeout):
		return fmt.Errorf("not within %s", caseTimeout)
	}
}

// The server as one case sees it. What the case opens is closed with it.
type peer struct {
	*options
	closers []func() error
	keys    int
}

func (p *peer) close() {
	for _, closer := range p.closers {
		_ = closer()
	}
}

// key is one that no other case uses; the same in each run with the same seed.
func (p *peer) key(of string) string {
	p.keys++
	if seed := os.Getenv("INTEROP_SEED"); seed != "" {
		return fmt.Sprintf("%s-%d", of, p.keys)
	}
	return fmt.Sprintf("%s-%x", of, rand.Uint64())
}

// How a connection differs from the usual one.
type connectOptions struct {
	url       string
	responder rsocket.RSocket
	change    func(rsocket.ClientBuilder) rsocket.ClientBuilder
}

// One connection, set up.
type session struct {
	socket    rsocket.Client
	composite bool
}

func (p *peer) connect(c connectOptions) (*session, error) {
	if c.url == "" {
		c.url = p.options.connect
	}
	dial, err := p.dialer(c.url)
	if err != nil {
		return nil, err
	}
	builder := rsocket.Connect().Fragment(p.mtu).ConnectTimeout(5 * time.Second)
	if p.composite {
		builder = builder.MetadataMimeType(compositeMime).DataMimeType("application/x-protobuf")
	}
	if c.change != nil {
		builder = c.change(builder)
	}
	starter := builder.Transport(dial)
	if c.responder != nil {
		starter = builder.Acceptor(func(context.Context, rsocket.RSocket) rsocket.RSocket { return c.responder }).Transport(dial)
	}
	socket, err := starter.Start(context.Background())
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, socket.Close)
	return &session{socket, p.composite}, nil
}

func (p *peer) dialer(text string) (transport.ClientTransporter, error) {
	at, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	var security *tls.Config
	if p.ca != "" {
		pem, err := os.ReadFile(p.ca)
		if err != nil {
			return nil, err
		}
		security = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: at.Hostname()}
		security.RootCAs.AppendCertsFromPEM(pem)
	}
	switch at.Scheme {
	case "unix":
		return rsocket.UnixClient().SetPath(pathOf(at)).Build(), nil
	case "ws", "wss":
		return rsocket.WebsocketClient().SetURL(text).SetTLSConfig(security).Build(), nil
	default:
		return rsocket.TCPClient().SetAddr(at.Host).SetTLSConfig(security).Build(), nil
	}
}

func (s *session) request(method string, message proto.Message) (payload.Payload, error) {
	return s.requestTo(route{serviceName, method, nil}, message)
}

func (s *session) requestTo(to route, message proto.Message) (payload.Payload, error) {
	metadata, err := to.encode(s.composite)
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(message)
	return payload.New(data, metadata), err
}

// unaryTo reads the one answer into `answer`.
func (s *session) unaryTo(ctx context.Context, to route, message, answer proto.Message) error {
	request, err := s.requestTo(to, message)
	if err != nil {
		return err
	}
	received, err := s.socket.RequestResponse(request).Block(ctx)
	if err != nil {
		return err
	}
	return proto.Unmarshal(received.Data(), answer)
}

func (s *session) unary(message *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	answer := &pb.SimpleResponse{}
	err := s.unaryTo(context.Background(), route{serviceName, "UnaryCall", nil}, message, answer)
	return answer, err
}

func (s *session) empty() error {
	return s.unaryTo(context.Background(), route{serviceName, "EmptyCall", nil}, &pb.SimpleRequest{}, &pb.SimpleRequest{})
}

func (s *session) fired(key string) (*pb.FiredResponse, error) {
	answer := &pb.FiredResponse{}
	err := s.unaryTo(context.Background(), route{serviceName, "Fired", nil}, &pb.FiredRequest{Key: key}, answer)
	return answer, err
}

func (s *session) fireAndForget(message *pb.SimpleRequest) error {
	request, err := s.request("FireAndForget", message)
	if err == nil {
		s.socket.FireAndForget(request)
	}
	return err
}

// stream asks for `window` messages at a time, 0: for all at once.
func (s *session) stream(message *pb.StreamRequest, window int, onNext func()) (*inbox, error) {
	request, err := s.request("ServerStream", message)
	if err != nil {
		return nil, err
	}
	return receive(context.Background(), s.socket.RequestStream(request), window, onNext), nil
}

// channel sends what `calls` gives until it is closed.
func (s *session) channel(ctx context.Context, method string, calls <-chan *pb.SimpleRequest) *inbox {
	sending := newSource(func(ctx context.Context, emit func(payload.Payload) error) error {
		for isFirst := true; ; isFirst = false {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case call, ok := <-calls:
				if !ok {
					return nil
				}
				if err := s.sendCall(method, call, isFirst, emit); err != nil {
					return err
				}
			}
		}
	})
	return receive(ctx, s.socket.RequestChannel(sending), 0, func() {})
}

// Only the first message says where it goes.
func (s *session) sendCall(method string, call *pb.SimpleRequest, isFirst bool, emit func(payload.Payload) error) error {
	request, err := s.request(method, call)
	if err == nil && !isFirst {
		request = payload.New(request.Data(), nil)
	}
	if err != nil {
		return err
	}
	return emit(request)
}

func nextResponse(in *inbox) (*pb.SimpleResponse, error) {
	received, err := in.next()
	if err != nil {
		return nil, err
	}
	answer := &pb.SimpleResponse{}
	return answer, proto.Unmarshal(received.Data(), answer)
}

func sendAll(calls ...*pb.SimpleRequest) <-chan *pb.SimpleRequest {
	all := make(chan *pb.SimpleRequest, len(calls))
	for _, call := range calls {
		all <- call
	}
	close(all)
	return all
}
