import os

import pytest


@pytest.fixture(autouse=True)
def environment():
    """Commands set environment variables for the process they own; here they share one with other tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
