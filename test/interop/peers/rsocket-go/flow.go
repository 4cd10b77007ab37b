// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"sync"

	"github.com/jjeffcaii/reactor-go/scheduler"
	"github.com/rsocket/rsocket-go/payload"
	"github.com/rsocket/rsocket-go/rx"
	"github.com/rsocket/rsocket-go/rx/flux"
)

// source sends what `run` emits, as fast as it is asked for. The library's own Create can lose credit when a request
// meets the end of a drain, and closes its queue under a sender that is cancelled.
type source struct {
	flux.Flux // for the operators, which the library doesn't use here
	run       func(ctx context.Context, emit func(payload.Payload) error) error
}

func newSource(run func(ctx context.Context, emit func(payload.Payload) error) error) flux.Flux {
	return source{flux.Empty(), run}
}

func (s source) SubscribeOn(scheduler.Scheduler) flux.Flux { return s }

func (s source) SubscribeWith(outer context.Context, to rx.Subscriber) {
	ctx, cancel := context.WithCancelCause(outer)
	demand := &demand{cancel: func() { cancel(errCancelled) }}
	demand.changed.L = &demand.lock
	context.AfterFunc(ctx, demand.wake)
	to.OnSubscribe(ctx, demand)
	go func() {
		defer cancel(errEnd)
		err := s.run(ctx, func(next payload.Payload) error {
			if !demand.take(ctx) {
				return ctx.Err()
			}
			to.OnNext(next)
			return nil
		})
		switch {
		case ctx.Err() != nil: // nobody listens any more
		case err != nil:
			to.OnError(err)
		default:
			to.OnComplete()
		}
	}()
}

// demand counts what a subscriber has asked for.
type demand struct {
	lock    sync.Mutex
	changed sync.Cond
	n       int64
	cancel  func()
}

func (d *demand) Cancel() { d.cancel() }

func (d *demand) Request(n int) {
	d.lock.Lock()
	d.n += int64(n)
	d.lock.Unlock()
	d.wake()
}

func (d *demand) wake() {
	d.lock.Lock()
	d.changed.Broadcast()
	d.lock.Unlock()
}

func (d *demand) take(ctx context.Context) bool {
	d.lock.Lock()
	defer d.lock.Unlock()
	for d.n == 0 && ctx.Err() == nil {
		d.changed.Wait()
	}
	d.n--
	return ctx.Err() == nil
}

var (
	errEnd       = errors.New("end of the stream")
	errCancelled = errors.New("cancelled by the other side")
)

// inbox keeps what has come until somebody takes it: a subscriber that waits would stop the frames of all streams.
type inbox struct {
	lock    sync.Mutex
	changed sync.Cond
	items   []payload.Payload
	err     error
}

// receive subscribes to `from`: for `window` items first, then for each half of it that has come. 0: no limit.
// `onNext` is called before an item is kept.
func receive(ctx context.Context, from flux.Flux, window int, onNext func()) *inbox {
	in := &inbox{}
	in.changed.L = &in.lock
	context.AfterFunc(ctx, func() { in.fail(ctx.Err()) })
	var subscription rx.Subscription
	count := 0
	from.Subscribe(ctx,
		rx.OnSubscribe(func(_ context.Context, s rx.Subscription) {
			subscription = s
			if window == 0 {
				s.Request(rx.RequestMax)
			} else {
				s.Request(window)
			}
		}),
		rx.OnNext(func(next payload.Payload) error {
			onNext()
			in.put(payload.Clone(next))
			// Only here, where the library's processor drains: what is asked for elsewhere doesn't wake it.
			if count++; window > 0 && count%(window/2) == 0 {
				subscription.Request(window / 2)
			}
			return nil
		}),
		rx.OnError(in.fail),
		rx.OnComplete(func() { in.fail(errEnd) }),
	)
	return in
}

func (in *inbox) put(item payload.Payload) {
	in.lock.Lock()
	in.items = append(in.items, item)
	in.changed.Broadcast()
	in.lock.Unlock()
}

func (in *inbox) fail(err error) {
	in.lock.Lock()
	if in.err == nil {
		in.err = err
	}
	in.changed.Broadcast()
	in.lock.Unlock()
}

// next gives errEnd behind the last item.
func (in *inbox) next() (payload.Payload, error) {
	in.lock.Lock()
	defer in.lock.Unlock()
	for len(in.items) == 0 && in.err == nil {
		in.changed.Wait()
	}
	if len(in.items) == 0 {
		return nil, in.err
	}
	item := in.items[0]
	in.items = in.items[1:]
	return item, nil
}
