// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rsocket/rsocket-go"
	"github.com/rsocket/rsocket-go/payload"
	"github.com/rsocket/rsocket-go/rx"
	"github.com/rsocket/rsocket-go/rx/flux"
	"github.com/rsocket/rsocket-go/rx/mono"
	"google.golang.org/protobuf/proto"

	pb "rsocket-rpc.test/interop/rsocket-go/dist/interop"
)

// What FireAndForget was called with, by key, of all connections. A cancelled call counts as `cancelled:<key>`.
type firedCalls struct {
	lock     sync.Mutex
	payloads map[string][][]byte
}

var fired = firedCalls{payloads: map[string][][]byte{}}

func (f *firedCalls) remember(key string, value []byte) {
	f.lock.Lock()
	f.payloads[key] = append(f.payloads[key], value)
	f.lock.Unlock()
}

func (f *firedCalls) answer(key string) *pb.FiredResponse {
	f.lock.Lock()
	defer f.lock.Unlock()
	all := f.payloads[key]
	if len(all) == 0 {
		return &pb.FiredResponse{}
	}
	return &pb.FiredResponse{Count: uint32(len(all)), LastPayload: all[len(all)-1]}
}

// The service for one connection. `other` is its requester, for CallBack.
type service struct {
	composite bool
	other     rsocket.RSocket
}

func (s service) responder() rsocket.RSocket {
	return rsocket.NewAbstractSocket(
		rsocket.FireAndForget(s.fireAndForget),
		rsocket.RequestResponse(s.unary),
		rsocket.RequestStream(s.stream),
		rsocket.RequestChannel(s.channel),
	)
}

func (s service) routeOf(request payload.Payload) (route, error) {
	metadata, _ := request.Metadata()
	r, err := decodeRoute(metadata, s.composite)
	if err == nil && r.service != serviceName {
		err = errors.New("can not find service " + r.service)
	}
	return r, err
}

func (s service) fireAndForget(request payload.Payload) {
	r, err := s.routeOf(request)
	call := &pb.SimpleRequest{}
	if err == nil && r.method == "FireAndForget" && proto.Unmarshal(request.Data(), call) == nil {
		fired.remember(call.Key, call.Payload)
	}
}

func (s service) unary(pooled payload.Payload) mono.Mono {
	request := payload.Clone(pooled)
	ctx, cancel := context.WithCancelCause(context.Background())
	return mono.Create(func(_ context.Context, sink mono.Sink) {
		go func() {
			answer, err := s.answerUnary(ctx, request)
			switch {
			case ctx.Err() != nil: // cancelled: the library has sent its answer to that
			case err != nil:
				sink.Error(err)
			default:
				sink.Success(answer)
			}
		}()
	}).DoFinally(func(end rx.SignalType) {
		if end == rx.SignalCancel {
			cancel(errCancelled)
		} else {
			cancel(errEnd)
		}
	})
}

func (s service) answerUnary(ctx context.Context, request payload.Payload) (payload.Payload, error) {
	r, err := s.routeOf(request)
	if err != nil {
		return nil, err
	}
	switch r.method {
	case "EmptyCall":
		return payload.New(nil, nil), nil
	case "UnaryCall":
		call := &pb.SimpleRequest{}
		if err := proto.Unmarshal(request.Data(), call); err != nil {
			return nil, err
		}
		watch(ctx, call.Key)
		return encoded(respond(ctx, call, 0, r.user))
	case "Fired":
		call := &pb.FiredRequest{}
		if err := proto.Unmarshal(request.Data(), call); err != nil {
			return nil, err
		}
		return encoded(fired.answer(call.Key), nil)
	case "CallBack":
		return s.callBack(ctx, request.Data())
	default:
		return nil, errors.New("unknown method " + r.method)
	}
}

func (s service) callBack(ctx context.Context, data []byte) (payload.Payload, error) {
	metadata, err := route{serviceName, "UnaryCall", nil}.encode(s.composite)
	if err != nil {
		return nil, err
	}
	return s.other.RequestResponse(payload.New(data, metadata)).Block(ctx)
}

func (s service) stream(pooled payload.Payload) flux.Flux {
	request := payload.Clone(pooled)
	return newSource(func(ctx context.Context, emit func(payload.Payload) error) error {
		r, err := s.routeOf(request)
		if err != nil {
			return err
		}
		if r.method != "ServerStream" {
			return errors.New("unknown method " + r.method)
		}
		call := &pb.StreamRequest{}
		if err := proto.Unmarshal(request.Data(), call); err != nil {
			return err
		}
		return serverStream(ctx, call, emit)
	})
}

func serverStream(ctx context.Context, call *pb.StreamRequest, emit func(payload.Payload) error) error {
	for sequence, size := range call.Sizes {
		if call.FailWith != nil && sequence == int(call.FailAfter) {
			break
		}
		if sequence > 0 {
			pause(ctx, call.IntervalMs)
		}
		item, err := encoded(&pb.SimpleResponse{Payload: make([]byte, size), Sequence: uint32(sequence)}, nil)
		if err == nil {
			err = emit(item)
		}
		if err != nil {
			return err
		}
	}
	return failure(call.FailWith)
}

func (s service) channel(requests flux.Flux) flux.Flux {
	return newSource(func(ctx context.Context, emit func(payload.Payload) error) error {
		in := receive(ctx, requests, 0, func() {})
		first, err := in.next()
		if err != nil {
			return err
		}
		r, err := s.routeOf(first)
		if err != nil {
			return err
		}
		calls := func(each func(*pb.SimpleRequest) error) error { return forEachCall(in, first, each) }
		switch r.method {
		case "ClientStream":
			return clientStream(ctx, calls, emit)
		case "BidiStream":
			return bidiStream(ctx, calls, r.user, emit)
		default:
			return errors.New("unknown method " + r.method)
		}
	})
}

func forEachCall(in *inbox, first payload.Payload, each func(*pb.SimpleRequest) error) error {
	for next, err := first, error(nil); err != errEnd; next, err = in.next() {
		if err != nil {
			return err
		}
		call := &pb.SimpleRequest{}
		if err := proto.Unmarshal(next.Data(), call); err != nil {
			return err
		}
		if err := each(call); err != nil {
			return err
		}
	}
	return nil
}

type forEach func(each func(*pb.SimpleRequest) error) error

func clientStream(ctx context.Context, calls forEach, emit func(payload.Payload) error) error {
	sum := &pb.AggregateResponse{}
	err := calls(func(call *pb.SimpleRequest) error {
		watch(ctx, call.Key)
		sum.Count++
		sum.Bytes += uint64(len(call.Payload))
		return nil
	})
	if err != nil {
		return err
	}
	answer, err := encoded(sum, nil)
	if err != nil {
		return err
	}
	return emit(answer)
}

func bidiStream(ctx context.Context, calls forEach, user []byte, emit func(payload.Payload) error) error {
	sequence := uint32(0)
	return calls(func(call *pb.SimpleRequest) error {
		watch(ctx, call.Key)
		answer, err := encoded(respond(ctx, call, sequence, user))
		if err != nil {
			return err
		}
		sequence++
		return emit(answer)
	})
}

func respond(ctx context.Context, call *pb.SimpleRequest, sequence uint32, user []byte) (*pb.SimpleResponse, error) {
	pause(ctx, call.DelayMs)
	if call.FailWith != nil {
		return nil, failure(call.FailWith)
	}
	answer := &pb.SimpleResponse{Payload: call.Payload, Sequence: sequence, Tag: call.Tag, RequestMetadata: user}
	if call.ResponseSize > 0 {
		answer.Payload = make([]byte, call.ResponseSize)
	}
	return answer, nil
}

// watch counts when the call with `key` is cancelled.
func watch(ctx context.Context, key string) {
	if key == "" {
		return
	}
	context.AfterFunc(ctx, func() {
		if context.Cause(ctx) == errCancelled {
			fired.remember("cancelled:"+key, nil)
		}
	})
}

func failure(f *pb.Failure) error {
	if f == nil {
		return nil
	}
	return errors.New(f.Message)
}

// A handler that nobody waits for any more doesn't wait either.
func pause(ctx context.Context, ms uint32) {
	if ms == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(ms) * time.Millisecond):
	}
}

func encoded(message proto.Message, err error) (payload.Payload, error) {
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(message)
	return payload.New(data, nil), err
}
