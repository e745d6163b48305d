"""Start TensorFlow without its start-up messages on standard error."""

import os
import sys
import tempfile

__all__ = ["start_keras"]


def start_keras() -> None:
    """Import Keras, and with it TensorFlow, whose native messages no setting silences.

    TF_CPP_MIN_LOG_LEVEL is overlooked by those it writes before its logging is set up
    (tensorflow#100442), so standard error is held back meanwhile; an import that fails shows it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" in sys.modules:
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            held_back.seek(0)
            os.write(stderr, held_back.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
