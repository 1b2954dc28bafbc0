import numpy as np
from gambol.sim2real.brain import Brain, Mode, limits_of
from gambol.sim2real.controller import run
from gambol.sim2real.faults.fault import Fault
from gambol.sim2real.faults.stage import Stage
from gambol.sim2real.onboard import model as models
from gambol.sim2real.thinking import AtOnce


def test_folded_legs_have_their_feet_where_they_stand_only_nearer(walker):
    contract = walker.contract
    body = models.read(walker.files["robot.xml"], contract)
    still = np.zeros(19)
    stands, _ = models.soles(body, np.array(contract.default_joint_pos), still)
    folded, _ = models.soles(body, np.array(contract.folded_joint_target), still)
    np.testing.assert_allclose(folded[:, :2], stands[:, :2], atol=0.03)
    assert (folded[:, 2] > 0.6 * stands[:, 2]).all() and (folded[:, 2] < -0.1).all()
    lower, upper = np.array(contract.joint_pos_limits).T
    legs = [contract.index[name] for name in contract.action.joint_names]
    targets = np.array(contract.folded_joint_target)[legs]
    assert (targets > lower[legs]).all() and (targets < upper[legs]).all()
    np.testing.assert_allclose(targets[:3] * [-1, 1, 1], targets[3:6], atol=1e-4)  # left and right alike


def test_it_rises_level_from_the_ground(walker):
    """The robot first falls to the ground with drives that damp."""
    contract = walker.contract
    stage = Stage(walker, Fault("nothing", "walks"), 0)
    mind = AtOnce(lambda inputs: {})
    brain = Brain(contract, models.read(walker.files["robot.xml"], contract), limits_of(contract), mind)

    def operator(seconds, mode):
        ask = stage.operator(0.0, mode)
        return None if seconds > 5 else ask._replace(mode=Mode.STAND if seconds > 2 else Mode.PASSIVE)

    run(brain, mind, stage, operator, None, stage)
    lies = [seen for seen in stage.seen if 1.5 < seen.time < 2]
    rises = [seen for seen in stage.seen if 2 < seen.time < 5]
    assert max(seen.place[2] for seen in lies) < 0.15
    assert max(seen.tilt for seen in rises) < 0.12 and rises[-1].place[2] > 0.45 and not stage.complaints
