# SPDX-License-Identifier: Apache-2.0
"""Streams of messages as async generators."""

import asyncio
from collections.abc import AsyncIterator

from reactivestreams.publisher import Publisher
from reactivestreams.subscriber import Subscriber
from reactivestreams.subscription import Subscription
from rsocket.frame import MAX_REQUEST_N
from rsocket.payload import Payload

# Messages that a channel's receiver has asked for and not taken.
WINDOW = 16


class Source(Publisher, Subscription):
    """Sends what a generator yields, as fast as it is asked for, and then COMPLETE alone. The library's own stream of a
    generator ends with one more item, an empty one."""

    def __init__(self, items: AsyncIterator[Payload]):
        self._items = items
        self._credit = 0
        self._changed = asyncio.Event()
        self._task = None

    def subscribe(self, subscriber: Subscriber):
        subscriber.on_subscribe(self)
        self._task = asyncio.create_task(self._send(subscriber))

    def request(self, n: int):
        self._credit += n
        self._changed.set()

    def cancel(self):
        if self._task is not None:
            self._task.cancel()

    async def _send(self, to: Subscriber):
        try:
            async for item in self._items:
                while self._credit == 0:
                    self._changed.clear()
                    await self._changed.wait()
                self._credit -= 1
                to.on_next(item)
                await asyncio.sleep(0)  # a frame that has come goes first
            to.on_complete()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            to.on_error(error)


class Inbox(Subscriber):
    """Keeps what has come until somebody takes it. `window`: messages to ask for at a time; None: the initial request
    was for all there are."""

    def __init__(self, window: int | None):
        self._window = window
        self._queue: asyncio.Queue = asyncio.Queue()
        self._taken = 0
        self.subscription = None

    def on_subscribe(self, subscription):
        self.subscription = subscription

    def on_next(self, value, is_complete=False):
        self._queue.put_nowait(value)
        if is_complete:
            self.on_complete()

    def on_complete(self):
        self._queue.put_nowait(None)

    def on_error(self, exception):
        self._queue.put_nowait(exception)

    def __aiter__(self):
        return self

    async def __anext__(self) -> Payload:
        item = await self._queue.get()
        if item is None or isinstance(item, Exception):
            self._queue.put_nowait(item)  # whoever asks once more hears the same
            raise item or StopAsyncIteration
        self._taken += 1
        if self._window is not None and self._taken % (self._window // 2) == 0:
            self.subscription.request(self._window // 2)
        return item


class RespondersInbox(Inbox):
    """A channel's responder asks for messages when it is subscribed."""

    def __init__(self):
        super().__init__(WINDOW)

    def on_subscribe(self, subscription):
        super().on_subscribe(subscription)
        subscription.request(WINDOW)


__all__ = ["MAX_REQUEST_N", "Inbox", "RespondersInbox", "Source"]
