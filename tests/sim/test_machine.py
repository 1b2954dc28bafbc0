import os

from gambol.sim.machine import cores


def test_a_process_may_use_some_of_the_machines_cores():
    assert 1 <= cores() <= (os.cpu_count() or 1)
