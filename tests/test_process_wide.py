"""The first thread enters a context of the whole process, and the last one leaves it."""

import os
from contextlib import suppress
from threading import Thread

from skpneumo._process_wide import process_wide


def in_a_thread(function, *arguments):
    thread = Thread(target=function, args=arguments)
    thread.start()
    thread.join()


def test_a_change_lasts_until_the_last_thread_leaves():
    said = []

    @process_wide
    def change():
        said.append("on")
        yield
        said.append("off")

    other = change()
    with suppress(RuntimeError), change():
        in_a_thread(other.__enter__)
        raise RuntimeError("which leaves the context as well")
    assert said == ["on"]
    in_a_thread(other.__exit__, None, None, None)
    assert said == ["on", "off"]
    with change():
        assert said == ["on", "off", "on"]


def test_a_forked_child_does_not_wait_for_threads_of_its_parent(monkeypatch):
    in_child, said = [], []
    monkeypatch.setattr(
        os, "register_at_fork", lambda after_in_child: in_child.append(after_in_child)
    )

    @process_wide
    def change():
        said.append("on")
        if len(said) == 1:  # a thread that has the lock, while another forks
            in_child[0]()
            with change():
                pass
        yield
        said.append("off")

    with change():
        assert said == ["on", "on", "off"]
    assert said == ["on", "on", "off", "off"]
