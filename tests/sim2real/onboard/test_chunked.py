from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from gambol.sim2real.contract import Chunk
from gambol.sim2real.onboard import chunked
from gambol.sim2real.onboard.chunked import Plan

SEEN = {"obs": np.ones((1, 3), np.float32)}
HELD = np.array([7.0, 7.0])
CHUNK = Chunk(6, 2, "guided", 0, "prev_chunk", "prev_left", "inference_delay", *[None] * 8)  # pyright: ignore[reportArgumentType]


def contract(**changes):
    return SimpleNamespace(chunk=replace(CHUNK, **changes), action=SimpleNamespace(joint_names=("a", "b")))


def made(number):
    """A chunk that says which it is and where in it one is."""
    return np.stack([np.full(6, number), np.arange(6)], -1).astype(np.float32)


def play(told, taken, ticks):
    """(actions, questions) of so many ticks in which every answer takes `taken`."""
    plan, actions, questions = Plan(), [], []
    for i in range(ticks):
        plan = chunked.passed(plan, 1 if i else 0)
        if plan.question is not None and plan.waited >= taken:
            plan = chunked.answered(plan, made(len(questions)))
        before = plan.question
        plan = chunked.asked(told, plan, SEEN)
        if plan.question is not None and before is None:
            questions.append((i, plan.question))
        actions.append(chunked.due(told, plan, HELD))
    return actions, questions


def test_an_action_is_the_one_that_its_chunk_meant_for_the_tick():
    actions, questions = play(contract(), taken=1, ticks=8)
    wanted = [HELD, (1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1)]
    np.testing.assert_array_equal(actions, wanted)
    assert [tick for tick, _ in questions] == [0, 2, 4, 6]


def test_a_question_holds_what_is_still_to_come():
    _, questions = play(contract(), taken=1, ticks=8)
    first, second = (question for _, question in questions[:2])
    assert first["prev_left"] == 0 and first["inference_delay"] == 0 and not first["prev_chunk"].any()
    assert first["obs"] is SEEN["obs"] and second["prev_left"] == 4 and second["inference_delay"] == 1
    np.testing.assert_array_equal(second["prev_chunk"][0, :4], made(1)[2:])
    assert second["prev_chunk"].shape == (1, 6, 2) and not second["prev_chunk"][0, 4:].any()


@pytest.mark.parametrize(("settled", "wanted"), [(0, 3), (2, 2)])
def test_the_delay_is_what_answers_took_and_no_more_than_was_learned(settled, wanted):
    method = "settled" if settled else "guided"
    actions, questions = play(contract(settled=settled, method=method), taken=3, ticks=20)
    delays = [int(question["inference_delay"][0]) for _, question in questions]
    assert delays[0] == 0 and set(delays[1:]) == {wanted} and len(delays) > 3
    np.testing.assert_array_equal(actions[:3], [HELD] * 3)
    np.testing.assert_array_equal(actions[3:9], [(1, 3), (1, 4), (1, 5), (2, 3), (2, 4), (2, 5)])


def test_there_is_no_action_beyond_the_end_of_a_chunk():
    actions, _ = play(contract(), taken=5, ticks=16)
    assert [action is None for action in actions] == [False] * 6 + [True] * 4 + [False] + [True] * 4 + [False]
    waiting, _ = play(contract(), taken=99, ticks=9)
    assert [action is None for action in waiting] == [False] * 6 + [True] * 3


def test_ticks_that_did_not_happen_pass_as_well():
    plan = chunked.answered(Plan(waited=1, question=SEEN), made(1))
    np.testing.assert_array_equal(chunked.due(contract(), chunked.passed(plan, 3), HELD), (1, 4))
