"""The page without a browser: what is in its scene, and what becomes of handles, sliders and buttons."""

import asyncio
import time
import urllib.request
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
from gambol.envs.track import goal as goals
from gambol.policies.judge import page as pages
from gambol.policies.judge import shapes
from gambol.policies.judge.page import GOAL, Page
from gambol.policies.judge.tracking import make_look


@pytest.fixture
def viewer(opened):
    """The same page for all, as it is at first."""
    opened.paused = False
    opened.page.follow.value = True
    opened.restart(0)
    return opened


def press(viewer, button):
    viewer.page.buttons[button].value = True


def touch(viewer):
    """What a visitor's browser says when it moves something."""
    asyncio.run(viewer.page.take_over(SimpleNamespace(client_id=7)))


def asked(viewer):
    """Goal [3] and [4], in its frame, and command [2] of the world that runs."""
    episode = viewer.now.state.episode
    place, turn = goals.pose(viewer.env.config.goal, episode.goal.now())
    return np.asarray(place[0]), np.asarray(turn[0]), np.asarray(episode.command.velocity[0])


def test_the_page_is_served(viewer):
    with urllib.request.urlopen(f"http://127.0.0.1:{viewer.page.port}") as answer:
        assert answer.status == 200 and b"<html" in answer.read()


def test_every_geom_is_in_the_scene_where_mujoco_has_it(viewer):
    for _ in range(5):
        viewer.step()
    page, world = viewer.page, viewer.env.world
    node = page.server.scene.get_handle_by_name
    data = mujoco.MjData(world.model)
    data.qpos[:] = viewer.now.state.episode.physics.qpos[0]
    mujoco.mj_kinematics(world.model, data)
    for geom in shapes.drawn(page.model):
        body = page.model.body(page.model.geom_bodyid[geom])
        assert node(f"/world/robot/{body.name}/{page.model.geom(geom).name or geom}") is not None
        assert node(f"/world/robot/{body.name}").position == pytest.approx(data.body(body.name).xpos, abs=1e-6)
        assert node(f"/world/robot/{body.name}").wxyz == pytest.approx(data.body(body.name).xquat, abs=1e-6)
    assert len(shapes.drawn(page.model)) == 24 and node("/world/ground") is not None
    base = data.body("trunk").xpos
    assert node("/world").position == pytest.approx([-base[0], -base[1], 0])
    assert node("/world/hand").position == pytest.approx(data.site("ee").xpos, abs=1e-6)


def test_handle_and_sliders_show_what_the_task_draws(viewer):
    start, moved = goals.place(goals.first(1).start)[0], 0.0
    for _ in range(200):
        viewer.step()
        moved = max(moved, np.abs(asked(viewer)[0] - start).max())
    place, turn, command = asked(viewer)
    page = viewer.page
    handle = page.server.scene.get_handle_by_name(GOAL)
    assert handle.position == pytest.approx(place, abs=1e-6) and handle.wxyz == pytest.approx(turn, abs=1e-6)
    assert [slider.value for slider in page.sliders] == pytest.approx(command, abs=0.006)
    assert moved > 0.05 and page.follow.value


def test_who_drags_the_handle_has_the_goal(viewer):
    viewer.step()
    viewer.page.goal.position, viewer.page.goal.wxyz = (0.5, 0.25, 0.1), (0.5, 0.5, 0.5, 0.5)
    touch(viewer)
    for _ in range(200):
        viewer.step()
        if viewer.metrics["fell"]:  # another episode, and the first step of it begins where all do
            continue
        place, turn, _ = asked(viewer)
        assert place == pytest.approx([0.5, 0.25, 0.1], abs=1e-5) and np.abs(turn) == pytest.approx(0.5, abs=1e-5)
    assert not viewer.page.follow.value
    viewer.page.follow.value = True
    for _ in range(150):
        viewer.step()
    assert np.abs(asked(viewer)[0] - [0.5, 0.25, 0.1]).max() > 0.01


def test_who_moves_a_slider_has_the_command(viewer):
    viewer.step()
    forward, turning = viewer.page.sliders
    forward.value, turning.value = 0.35, -0.5
    assert viewer.page.follow.value  # that the server moves them is no wish
    touch(viewer)
    for _ in range(200):
        viewer.step()
        if viewer.metrics["fell"]:
            continue
        assert asked(viewer)[2] == pytest.approx([0.35, -0.5])


def test_a_pause_stops_time_and_a_step_is_one_step(viewer):
    viewer.tick()
    press(viewer, "pause")
    for _ in range(3):
        viewer.tick()
    assert viewer.steps == 1 and viewer.paused
    press(viewer, "step")
    press(viewer, "step")
    for _ in range(3):
        viewer.tick()
    assert viewer.steps == 3 and viewer.paused
    press(viewer, "pause")
    viewer.tick()
    assert viewer.steps == 4 and not viewer.paused
    press(viewer, "step")  # also pauses
    viewer.tick()
    viewer.tick()
    assert viewer.steps == 5 and viewer.paused


def test_a_reset_starts_another_episode_even_in_a_pause(viewer):
    first = np.asarray(viewer.now.state.episode.physics.qpos)
    for _ in range(10):
        viewer.tick()
    press(viewer, "pause")
    press(viewer, "reset")
    viewer.tick()
    again = np.asarray(viewer.now.state.episode.physics.qpos)
    assert (viewer.steps, viewer.falls) == (0, 0) and viewer.paused
    assert np.abs(again - first).max() > 0.01 and viewer.now.state.episode.steps[0] == 0
    assert viewer.page.server.scene.get_handle_by_name("/world/robot/trunk").position == pytest.approx(again[0, :3])


def test_time_runs_no_faster_than_real(viewer):
    began = time.monotonic()
    viewer.run(until=lambda: time.monotonic() - began > 0.6)
    assert 0 < viewer.steps <= 32
    assert "real time" in viewer.page.text.content and viewer.page.buttons["pause"].label == "Pause"
    press(viewer, "pause")
    began, steps = time.monotonic(), viewer.steps
    viewer.run(until=lambda: time.monotonic() - began > 0.4)
    assert viewer.steps == steps
    assert "paused" in viewer.page.text.content and viewer.page.buttons["pause"].label == "Go on"


def test_rough_ground_and_a_robot_without_an_arm(armless, standing):
    pytest.importorskip("viser", reason="the page needs viser")
    page = Page(armless, "small", port=0)
    node = page.server.scene.get_handle_by_name
    assert node("/world/ground").vertices.shape == (41 * 41, 3)
    assert node(GOAL) is None and node("/world/hand") is None
    page.show(make_look(armless)(standing(armless)))
    assert node("/world/robot/torso").position == pytest.approx([0, 0, 0.326], abs=1e-6)
    wish = page.wish()
    assert wish.free and np.isfinite(wish.place).all()
    page.tell(1.0, {"height": 0.3, "forward_error": 0.1, "yaw_error": 0.2}, 2, None)
    assert "falls: 2" in page.text.content and "goal" not in page.text.content
    page.close()


def test_without_viser_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(pages, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r'needs the package viser: pip install "gambol\[view\]"'):
        pages.require_viser()
