"""One fault of processes, in real time; `gambol faults` has them all."""

from gambol.sim2real.faults.live import FAULTS, play


def test_the_robot_damps_by_itself_when_its_controller_is_killed(walker_folder, walker):
    (fault,) = [fault for fault in FAULTS if fault.name == "controller killed"]
    outcome = play(walker_folder, walker, fault)
    assert outcome.ok, outcome
