"""Remedies name parameters in Python, and options on the command line."""

from threading import Thread

import pytest

from skpneumo._messages import by_interface, command_line_messages


def remedy():
    return by_interface(python="Pass size=64.", shell="Add --size 64.")


def test_messages_are_for_python_by_default():
    assert remedy() == "Pass size=64."


def test_commands_word_messages_for_the_shell_in_all_threads():
    found = []
    with command_line_messages():
        thread = Thread(target=lambda: found.append(remedy()))
        thread.start()
        thread.join()
        assert found == [remedy()] == ["Add --size 64."]


def test_messages_are_for_python_again_after_an_error():
    with pytest.raises(KeyError), command_line_messages():
        raise KeyError
    assert remedy() == "Pass size=64."
