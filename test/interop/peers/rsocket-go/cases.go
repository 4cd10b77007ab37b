// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rsocket/rsocket-go"
	"github.com/rsocket/rsocket-go/core"
	"github.com/rsocket/rsocket-go/payload"
	"github.com/rsocket/rsocket-go/rx/mono"
	"google.golang.org/protobuf/proto"

	pb "rsocket-rpc.test/interop/rsocket-go/dist/interop"
)

type namedCase struct {
	name string
	run  func(*peer) error
}

// What a case does is said in ../../cases.
var cases []namedCase

func init() {
	cases = []namedCase{
		{"empty_unary", emptyUnary},
		{"large_unary", largeUnary},
		{"client_streaming", clientStreaming},
		{"server_streaming", serverStreaming},
		{"server_streaming_slow_reader", slowReader},
		{"ping_pong", pingPong},
		{"empty_stream", emptyStream},
		{"fire_and_forget", fireAndForget},
		{"custom_metadata", customMetadata},
		{"status_code_and_message", func(p *peer) error { return statusMessage(p, "test status message") }},
		{"special_status_message", func(p *peer) error {
			return statusMessage(p, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")
		}},
		{"unimplemented_method", func(p *peer) error { return unimplemented(p, serviceName, "unknown method") }},
		{"unimplemented_service", func(p *peer) error { return unimplemented(p, noService, "can not find service") }},
		{"fail_mid_stream", failMidStream},
		{"cancel_after_begin", cancelAfterBegin},
		{"cancel_after_first_response", cancelAfterFirstResponse},
		{"timeout_on_sleeping_server", timeoutOnSleepingServer},
		{"concurrent_large_unary", concurrentLargeUnary},
		{"many_small", manySmall},
		{"call_back", callBack},
		{"fragmented", fragmented},
		{"big_message", bigMessage},
		{"keepalive", keepalive},
		{"peer_disconnects", peerDisconnects},
		{"lease", leased},
		{"resume", resumed},
		{"composite_routing", compositeRouting},
	}
}

var pingSizes = []int{27182, 8, 1828, 45904}

// pattern has bytes in which a piece that is lost, doubled or out of its place shows.
func pattern(length, seed int) []byte {
	out := make([]byte, length)
	for i := range out {
		out[i] = byte(i*31 + (i>>8)*7 + (i >> 16) + seed)
	}
	return out
}

func equal(what string, got, wanted []byte) error {
	if bytes.Equal(got, wanted) {
		return nil
	}
	return fmt.Errorf("%s: %d bytes aren't the %d expected", what, len(got), len(wanted))
}

func expect(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// failsWith says what is wrong with an error that came from the server.
func failsWith(err error, text string) error {
	var failure core.CustomError
	if !errors.As(err, &failure) {
		return fmt.Errorf("the call ended with %v, expected an ERROR frame", err)
	}
	if got := string(failure.ErrorData()); got != text {
		return fmt.Errorf("message %q, expected %q", got, text)
	}
	return nil
}

func eventually(what string, holds func() (bool, error)) error {
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok, err := holds(); ok || err != nil {
			return err
		}
	}
	return errors.New(what + ": not within 2 s")
}

func (s *session) expectHandlerTold(key string) error {
	return eventually("the server's handler is told", func() (bool, error) {
		answer, err := s.fired("cancelled:" + key)
		return answer.GetCount() == 1, err
	})
}

func emptyUnary(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	return s.empty()
}

func (s *session) large() error {
	answer, err := s.unary(&pb.SimpleRequest{Payload: pattern(271_828, 0), ResponseSize: 314_159})
	if err != nil {
		return err
	}
	return equal("the answer", answer.Payload, make([]byte, 314_159))
}

func (s *session) echo(length, seed int) error {
	sent := pattern(length, seed)
	answer, err := s.unary(&pb.SimpleRequest{Payload: sent})
	if err != nil {
		return err
	}
	return equal("the echo", answer.Payload, sent)
}

func largeUnary(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	return errors.Join(s.large(), s.echo(271_828, 0))
}

func bigMessage(p *peer) error {
	if p.mtu > 0 && p.mtu < 1024 {
		return skipped(fmt.Sprintf("not run with an mtu of %d", p.mtu))
	}
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	return s.echo(20<<20, 0)
}

func clientStreaming(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	var calls []*pb.SimpleRequest
	for _, size := range pingSizes {
		calls = append(calls, &pb.SimpleRequest{Payload: pattern(size, 0)})
	}
	in := s.channel(context.Background(), "ClientStream", sendAll(calls...))
	received, err := in.next()
	if err != nil {
		return err
	}
	sum := &pb.AggregateResponse{}
	if err := proto.Unmarshal(received.Data(), sum); err != nil {
		return err
	}
	_, err = in.next()
	return expect(err == errEnd && sum.Count == 4 && sum.Bytes == 74_922, "%v, then %v", sum, err)
}

func serverStreaming(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	sizes := []uint32{31415, 9, 2653, 58979}
	in, err := s.stream(&pb.StreamRequest{Sizes: sizes}, 0, func() {})
	if err != nil {
		return err
	}
	for number, size := range sizes {
		answer, err := nextResponse(in)
		if err != nil {
			return err
		}
		if err := equal(fmt.Sprint("message ", number), answer.Payload, make([]byte, size)); err != nil {
			return err
		}
	}
	_, err = in.next()
	return expect(err == errEnd, "the stream ended with %v", err)
}

func slowReader(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	count := 0
	rest := func() {
		if count++; count%20 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	in, err := s.stream(&pb.StreamRequest{Sizes: slices.Repeat([]uint32{1024}, 1000)}, 16, rest)
	if err != nil {
		return err
	}
	for number := range uint32(1000) {
		answer, err := nextResponse(in)
		if err != nil {
			return fmt.Errorf("message %d: %w", number, err)
		}
		if answer.Sequence != number || len(answer.Payload) != 1024 {
			return fmt.Errorf("message %d has %d bytes and number %d", number, len(answer.Payload), answer.Sequence)
		}
	}
	_, err = in.next()
	return expect(err == errEnd, "the stream ended with %v", err)
}

func pingPong(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	calls := make(chan *pb.SimpleRequest)
	in := s.channel(context.Background(), "BidiStream", calls)
	for number, size := range pingSizes {
		calls <- &pb.SimpleRequest{Payload: pattern(size, 0)}
		answer, err := nextResponse(in)
		if err != nil {
			return err
		}
		if err := equal(fmt.Sprint("answer ", number), answer.Payload, pattern(size, 0)); err != nil {
			return err
		}
	}
	close(calls)
	_, err = in.next()
	return expect(err == errEnd, "the channel ended with %v", err)
}

func emptyStream(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = s.channel(ctx, "BidiStream", sendAll()).next()
	return expect(err != ctx.Err() || err == nil, "neither an error nor an end within 5 s")
}

func fireAndForget(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	key := p.key("fire_and_forget")
	if err := s.fireAndForget(&pb.SimpleRequest{Key: key, Payload: pattern(100, 0)}); err != nil {
		return err
	}
	var answer *pb.FiredResponse
	err = eventually("it arrives", func() (bool, error) {
		answer, err = s.fired(key)
		return answer.GetCount() > 0, err
	})
	if err != nil {
		return err
	}
	if answer.Count != 1 {
		return fmt.Errorf("it arrived %d times", answer.Count)
	}
	return equal("the last payload", answer.LastPayload, pattern(100, 0))
}

func customMetadata(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	for _, user := range [][]byte{{0x00, 0x01, 0xab, 0xff}, {}} {
		answer := &pb.SimpleResponse{}
		to := route{serviceName, "UnaryCall", user}
		if err := s.unaryTo(context.Background(), to, &pb.SimpleRequest{Payload: []byte{1}}, answer); err != nil {
			return err
		}
		if err := equal("metadata that the handler saw", answer.RequestMetadata, user); err != nil {
			return err
		}
	}
	return nil
}

func statusMessage(p *peer, text string) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	failing := &pb.SimpleRequest{FailWith: &pb.Failure{Code: 2, Message: text}}
	_, unaryErr := s.unary(failing)
	_, channelErr := s.channel(context.Background(), "BidiStream", sendAll(failing)).next()
	return errors.Join(failsWith(unaryErr, text), failsWith(channelErr, text))
}

func unimplemented(p *peer, service, text string) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	to := route{service, "UnimplementedCall", nil}
	err = s.unaryTo(context.Background(), to, &pb.SimpleRequest{}, &pb.SimpleResponse{})
	var failure core.CustomError
	if !errors.As(err, &failure) {
		return fmt.Errorf("the call ended with %v, expected an ERROR frame", err)
	}
	return expect(strings.HasPrefix(string(failure.ErrorData()), text), "%q, expected %q …", failure.ErrorData(), text)
}

func failMidStream(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	in, err := s.stream(&pb.StreamRequest{
		Sizes: []uint32{10, 20, 30, 40, 50}, FailAfter: 3, FailWith: &pb.Failure{Code: 10, Message: "after three"},
	}, 0, func() {})
	if err != nil {
		return err
	}
	for number := range 3 {
		answer, err := nextResponse(in)
		if err != nil {
			return err
		}
		if len(answer.Payload) != 10*(number+1) {
			return fmt.Errorf("message %d has %d bytes", number, len(answer.Payload))
		}
	}
	_, err = in.next()
	return failsWith(err, "after three")
}

func cancelAfterBegin(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	key := p.key("cancel_after_begin")
	calls := make(chan *pb.SimpleRequest)
	in := s.channel(ctx, "ClientStream", calls)
	calls <- &pb.SimpleRequest{Key: key, Payload: pattern(10, 0)}
	calls <- &pb.SimpleRequest{Payload: pattern(10, 0)}
	cancel()
	if _, err := in.next(); err != context.Canceled {
		return fmt.Errorf("the call ended with %v", err)
	}
	return s.expectHandlerTold(key)
}

func cancelAfterFirstResponse(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	key := p.key("cancel_after_first_response")
	calls := make(chan *pb.SimpleRequest)
	in := s.channel(ctx, "BidiStream", calls)
	calls <- &pb.SimpleRequest{Key: key, Payload: pattern(10, 0)}
	if _, err := in.next(); err != nil {
		return err
	}
	cancel()
	if _, err := in.next(); err != context.Canceled {
		return fmt.Errorf("the call ended with %v", err)
	}
	return s.expectHandlerTold(key)
}

func timeoutOnSleepingServer(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	key := p.key("timeout_on_sleeping_server")
	begun := time.Now()
	to := route{serviceName, "UnaryCall", nil}
	err = s.unaryTo(ctx, to, &pb.SimpleRequest{DelayMs: 1000, Key: key}, &pb.SimpleResponse{})
	if took := time.Since(begun); err == nil || took > 200*time.Millisecond {
		return fmt.Errorf("the call ended after %s with %v", took, err)
	}
	return s.expectHandlerTold(key)
}

// atOnce makes `calls` calls, so many at a time.
func atOnce(calls, workers int, call func(number int) error) error {
	var begun atomic.Int64
	var group sync.WaitGroup
	failures := make([]error, workers)
	for worker := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for failures[worker] == nil {
				number := int(begun.Add(1)) - 1
				if number >= calls {
					return
				}
				failures[worker] = call(number)
			}
		}()
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *peer) calls(all int) int {
	if p.quick {
		return all / 10
	}
	return all
}

func concurrentLargeUnary(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	calls := p.calls(1000)
	return atOnce(calls, calls, func(int) error { return s.large() })
}

func manySmall(p *peer) error {
	s, err := p.connect(connectOptions{})
	if err != nil {
		return err
	}
	return atOnce(p.calls(10_000), 128, func(number int) error { return s.echo(64, number) })
}

func callBack(p *peer) error {
	backwards := rsocket.NewAbstractSocket(rsocket.RequestResponse(func(request payload.Payload) mono.Mono {
		call := &pb.SimpleRequest{}
		if err := proto.Unmarshal(request.Data(), call); err != nil {
			return mono.Error(err)
		}
		slices.Reverse(call.Payload)
		data, err := proto.Marshal(&pb.SimpleResponse{Payload: call.Payload})
		if err != nil {
			return mono.Error(err)
		}
		return mono.Just(payload.New(data, nil))
	}))
	s, err := p.connect(connectOptions{responder: backwards})
	if err != nil {
		return err
	}
	answer := &pb.SimpleResponse{}
	to := route{serviceName, "CallBack", nil}
	err = s.unaryTo(context.Background(), to, &pb.SimpleRequest{Payload: pattern(1000, 0)}, answer)
	if err != nil {
		return err
	}
	wanted := pattern(1000, 0)
	slices.Reverse(wanted)
	return equal("the answer", answer.Payload, wanted)
}

func fragmented(p *peer) error {
	mtus := []int{64, 16384}
	if p.mtu > 0 {
		mtus = []int{p.mtu}
	}
	for _, mtu := range mtus {
		changed := *p.options
		changed.mtu = mtu
		small := &peer{options: &changed}
		err := errors.Join(largeUnary(small), serverStreaming(small), pingPong(small))
		small.close()
		if err != nil {
			return fmt.Errorf("mtu %d: %w", mtu, err)
		}
	}
	return nil
}

// Three intervals are longer than the lifetime: a connection whose KEEPALIVE frames weren't answered would end.
func keepalive(p *peer) error {
	s, err := p.connect(connectOptions{change: func(b rsocket.ClientBuilder) rsocket.ClientBuilder {
		return b.KeepAlive(400*time.Millisecond, time.Second, 1)
	}})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	s.socket.OnClose(func(error) { close(ended) })
	select {
	case <-ended:
		return errors.New("the connection ended")
	case <-time.After(1250 * time.Millisecond):
		return s.empty()
	}
}

func peerDisconnects(p *peer) error {
	between, err := p.relay()
	if err != nil {
		return err
	}
	s, err := p.connect(connectOptions{url: between.url})
	if err != nil {
		return err
	}
	sleeping := make(chan error, 1)
	go func() {
		_, err := s.unary(&pb.SimpleRequest{DelayMs: 20_000})
		sleeping <- err
	}()
	in, err := s.stream(&pb.StreamRequest{Sizes: slices.Repeat([]uint32{100}, 1000), IntervalMs: 5}, 0, func() {})
	if err != nil {
		return err
	}
	for range 3 {
		if _, err := in.next(); err != nil {
			return err
		}
	}
	between.cut()
	streaming := make(chan error, 1)
	go func() {
		for err = error(nil); err == nil; _, err = in.next() {
		}
		streaming <- err
	}()
	for late := time.After(2 * time.Second); sleeping != nil || streaming != nil; {
		select {
		case err := <-sleeping:
			sleeping = nil
			if err == nil {
				return errors.New("the sleeping call succeeded")
			}
		case err := <-streaming:
			streaming = nil
			if err == errEnd {
				return errors.New("the stream ended as if it were complete")
			}
		case <-late:
			return fmt.Errorf("2 s later: unary ended %t, stream ended %t", sleeping == nil, streaming == nil)
		}
	}
	return nil
}

// The library refuses calls itself when it has no lease.
func leased(p *peer) error {
	s, err := p.connect(connectOptions{change: func(b rsocket.ClientBuilder) rsocket.ClientBuilder { return b.Lease() }})
	if err != nil {
		return err
	}
	if err := eventually("a lease comes", func() (bool, error) { return s.empty() == nil, nil }); err != nil {
		return err
	}
	used := 1
	for used < 10_000 && s.empty() == nil {
		used++
	}
	if used == 10_000 {
		return errors.New("10,000 calls were allowed")
	}
	return eventually("the next lease comes", func() (bool, error) { return s.empty() == nil, nil })
}

func resumed(p *peer) error {
	between, err := p.relay()
	if err != nil {
		return err
	}
	s, err := p.connect(connectOptions{url: between.url, change: func(b rsocket.ClientBuilder) rsocket.ClientBuilder {
		return b.Resume()
	}})
	if err != nil {
		return err
	}
	messages := uint32(p.calls(10_000))
	sizes := make([]uint32, messages)
	for i := range sizes {
		sizes[i] = uint32(i % 251)
	}
	in, err := s.stream(&pb.StreamRequest{Sizes: sizes}, 64, func() {})
	if err != nil {
		return err
	}
	for number := range messages {
		answer, err := nextResponse(in)
		if err != nil {
			return fmt.Errorf("message %d: %w", number, err)
		}
		if answer.Sequence != number || len(answer.Payload) != int(sizes[number]) {
			return fmt.Errorf("message %d has %d bytes and number %d", number, len(answer.Payload), answer.Sequence)
		}
		if (number+1)%100 == 0 && number+1 < messages {
			between.cut()
		}
	}
	return s.empty()
}

func compositeRouting(p *peer) error {
	changed := *p.options
	changed.composite = true
	names := []string{
		"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "fire_and_forget",
		"call_back", "custom_metadata", "status_code_and_message", "unimplemented_method",
	}
	for _, c := range cases {
		if !slices.Contains(names, c.name) {
			continue
		}
		composite := &peer{options: &changed}
		err := c.run(composite)
		composite.close()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}
