import asyncio
import threading

import pytest

from skpneumo.serving._queue import BusyError, ModelQueue, WaitingRoom


def run_with(queue, body):
    """Run a coroutine function while the queue works."""

    async def both():
        worker = asyncio.create_task(queue.run())
        try:
            return await body()
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)

    return asyncio.run(both())


def test_images_that_wait_are_given_to_the_model_together_and_answers_fit():
    batches, first_is_in, go = [], threading.Event(), threading.Event()

    def predict(contents):
        batches.append(list(contents))
        first_is_in.set()
        assert go.wait(10)
        return [content.decode() for content in contents]

    queue = ModelQueue(predict, batch_size=4)

    async def body():
        asked = [asyncio.create_task(queue.predict(b"0"))]
        await asyncio.to_thread(first_is_in.wait, 10)
        asked += [asyncio.create_task(queue.predict(str(i).encode())) for i in range(1, 8)]
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*asked)

    assert run_with(queue, body) == [str(i) for i in range(8)]
    assert [len(batch) for batch in batches] == [1, 4, 3]


def test_one_error_is_one_answer_and_the_queue_goes_on():
    def predict(contents):
        return [ValueError("bad") if content == b"bad" else content for content in contents]

    queue = ModelQueue(predict, batch_size=8)

    async def body():
        return await asyncio.gather(
            *(queue.predict(each) for each in (b"a", b"bad", b"c")), return_exceptions=True
        )

    first, second, third = run_with(queue, body)
    assert (first, third) == (b"a", b"c")
    assert isinstance(second, ValueError)


def test_an_error_of_the_model_is_the_answer_of_its_batch_alone():
    def predict(contents):
        if contents[0] == b"kill":
            raise MemoryError
        return contents

    queue = ModelQueue(predict, batch_size=1)

    async def body():
        return await asyncio.gather(
            queue.predict(b"kill"), queue.predict(b"a"), return_exceptions=True
        )

    killed, answered = run_with(queue, body)
    assert isinstance(killed, MemoryError)
    assert answered == b"a"


def test_functions_use_the_model_alone_in_their_turn():
    order = []

    def predict(contents):
        order.append(len(contents))
        return contents

    queue = ModelQueue(predict, batch_size=8)

    async def body():
        await asyncio.gather(
            queue.predict(b"a"),
            queue.predict(b"b"),
            queue.call(lambda: order.append("map")),
            queue.predict(b"c"),
        )

    run_with(queue, body)
    assert order == [2, "map", 1]


def test_cancelled_requests_are_not_answered_and_others_are():
    queue = ModelQueue(lambda contents: contents, batch_size=8)

    async def body():
        gone = asyncio.create_task(queue.predict(b"gone"))
        await asyncio.sleep(0)
        gone.cancel()
        return await queue.predict(b"there")

    assert run_with(queue, body) == b"there"


def test_places_are_bounded_and_given_back_after_errors_too():
    places = WaitingRoom(2)
    with places.reserve(), places.reserve():
        with pytest.raises(BusyError, match="2 images"), places.reserve():
            pass
        assert places.n_reserved == 2
    with pytest.raises(KeyError), places.reserve():
        raise KeyError
    assert places.n_reserved == 0
