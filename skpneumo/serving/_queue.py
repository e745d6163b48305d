"""Queue requests for one thread, which predicts waiting images together."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["BusyError", "ModelQueue", "WaitingRoom"]


class BusyError(RuntimeError):
    """Error raised if there is no room for one more image."""


class WaitingRoom:
    """A limited number of places for requests; more are refused before their images are read.

    Parameters
    ----------
    n_places : int
        Number of places.

    Attributes
    ----------
    n_reserved : int
        Number of places in use.
    """

    def __init__(self, n_places: int) -> None:
        self.n_places = n_places
        self.n_reserved = 0

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Reserve a place while the block runs; raise BusyError if none is free."""
        if self.n_reserved >= self.n_places:
            raise BusyError(
                f"{self.n_places} images are waiting, which is the limit; try again later."
            )
        self.n_reserved += 1
        try:
            yield
        finally:
            self.n_reserved -= 1


@dataclass
class _Job:
    """An image to predict, or a function to call instead."""

    content: bytes
    answer: "asyncio.Future[Any]"
    function: Callable[[], Any] | None = None


class ModelQueue:
    """Queue of jobs for the model, in order of arrival.

    Networks already use all processors, so a second thread would not be faster.

    Parameters
    ----------
    predict : callable
        Function from a list of contents to a list of answers or exceptions.
    batch_size : int
        Largest number of contents to predict at once.
    """

    def __init__(
        self, predict: Callable[[Sequence[bytes]], Sequence[Any]], batch_size: int
    ) -> None:
        self._predict = predict
        self._batch_size = batch_size
        self._jobs: deque[_Job] = deque()
        self._batch: list[_Job] = []
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="skpneumo-model")

    async def predict(self, content: bytes) -> Any:
        """Return the answer for one image, or raise it if it is an exception."""
        return await self._answer(content, None)

    async def call(self, function: Callable[[], Any]) -> Any:
        """Call a function that needs the model exclusively, and return its result."""
        return await self._answer(b"", function)

    async def run(self) -> None:
        """Work on jobs until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._batch = await self._next_batch()
                work = loop.run_in_executor(self._thread, self._work, self._batch)
                for job, answer in zip(self._batch, await work, strict=True):
                    _set_answer(job, answer)
                self._batch = []  # releases the images
        finally:
            for job in (*self._batch, *self._jobs):
                job.answer.cancel()
            self._thread.shutdown(wait=True, cancel_futures=True)

    async def _answer(self, content: bytes, function: Callable[[], Any] | None) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(content, future, function))
        self._arrived.set()
        return await future

    async def _next_batch(self) -> list[_Job]:
        """Wait for a job, and collect the predictions queued after it."""
        while not self._jobs:
            self._arrived.clear()
            await self._arrived.wait()
        batch = [self._jobs.popleft()]
        while (
            batch[0].function is None
            and len(batch) < self._batch_size
            and self._jobs
            and self._jobs[0].function is None
        ):
            batch.append(self._jobs.popleft())
        return batch

    def _work(self, batch: list[_Job]) -> Sequence[Any]:
        """Run in the thread; an error becomes the answer of the batch."""
        try:
            if batch[0].function is not None:
                return [batch[0].function()]
            return self._predict([job.content for job in batch])
        except Exception as error:
            return [error] * len(batch)


def _set_answer(job: _Job, answer: Any) -> None:
    if job.answer.done():  # the client has disconnected
        return
    if isinstance(answer, Exception):
        job.answer.set_exception(answer)
    else:
        job.answer.set_result(answer)
