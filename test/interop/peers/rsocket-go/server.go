// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/signal"
	"syscall"
	"time"

	"github.com/rsocket/rsocket-go"
	"github.com/rsocket/rsocket-go/core/transport"
	"github.com/rsocket/rsocket-go/lease"
	"github.com/rsocket/rsocket-go/payload"
)

// runServer serves until SIGTERM or SIGINT. The mime type in SETUP tells which mode a connection has.
func runServer(o *options) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ended := make(chan error, len(o.listen))
	for _, text := range o.listen {
		listener, at, err := listen(text, o)
		if err != nil {
			return err
		}
		defer listener.Close() // which takes a Unix socket out of the file system
		builder, err := serverBuilder(o)
		if err != nil {
			return err
		}
		go func() {
			ended <- builder.Acceptor(accept).Transport(func(context.Context) (transport.ServerTransport, error) {
				factory := func(context.Context) (net.Listener, error) { return listener, nil }
				if at.Scheme == "ws" || at.Scheme == "wss" {
					return transport.NewWebsocketServerTransport(factory, at.Path, nil), nil
				}
				return transport.NewTCPServerTransport(factory), nil
			}).Serve(ctx)
		}()
		fmt.Println("LISTENING " + at.String())
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		if err == nil {
			err = errors.New("a server ended by itself")
		}
		return err
	}
}

func accept(_ context.Context, setup payload.SetupPayload, other rsocket.CloseableRSocket) (rsocket.RSocket, error) {
	return service{composite: setup.MetadataMimeType() == compositeMime, other: other}.responder(), nil
}

func serverBuilder(o *options) (rsocket.ServerBuilder, error) {
	builder := rsocket.Receive().Fragment(o.mtu)
	if o.resume {
		builder = builder.Resume()
	}
	if o.lease == 0 {
		return builder, nil
	}
	perSecond, err := lease.NewSimpleFactory(time.Second, time.Second, time.Millisecond, uint32(o.lease))
	return builder.Lease(perSecond), err
}

// listen gives the URL with its real port.
func listen(text string, o *options) (net.Listener, *url.URL, error) {
	at, err := url.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	if at.Scheme == "unix" {
		listener, err := net.Listen("unix", pathOf(at))
		return listener, at, err
	}
	listener, err := net.Listen("tcp", at.Host)
	if err != nil {
		return nil, nil, err
	}
	at.Host = listener.Addr().String()
	if at.Scheme == "tls" || at.Scheme == "wss" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, nil, err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	return listener, at, nil
}

// unix:/path is opaque to the parser when it has no slash in front.
func pathOf(at *url.URL) string {
	if at.Opaque != "" {
		return at.Opaque
	}
	return at.Path
}
