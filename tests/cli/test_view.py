"""`gambol view` with a stand-in for the loop, which takes a while to compile."""

import importlib.util
from types import SimpleNamespace

import pytest
from gambol.cli import main as cli
from gambol.cli import view as command
from gambol.envs.planar.env import PlanarConfig, make_planar
from gambol.policies.judge import page as pages
from gambol.policies.judge import viewer as viewers

needs_viser = pytest.mark.skipif(importlib.util.find_spec("viser") is None, reason="the page needs viser")


@needs_viser
def test_it_serves_until_it_is_stopped(monkeypatch, capsys):
    seen = []

    class Loop:
        def __init__(self, env, policy, params, page, seed):
            seen.append(
                (env.engine, env.config.episode_seconds, page.server.scene.get_handle_by_name(pages.GOAL), seed)
            )
            self.page = page

        def run(self):
            seen.append(self.page.port)
            raise KeyboardInterrupt

    monkeypatch.setattr(viewers, "Viewer", Loop)
    monkeypatch.setattr(pages.Page, "close", lambda page, close=pages.Page.close: seen.append("closed") or close(page))
    assert cli.main(["view", "noop", "--engine", "batch", "--port", "0", "--seed", "3"]) == 130
    (engine, seconds, goal, seed), port, closed = seen
    assert (engine, seconds, seed, closed) == ("batch", 1e6, 3, "closed") and goal is not None and port > 0
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().out


def test_without_viser_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setattr(pages, "find_spec", lambda name: None)
    assert cli.main(["view", "noop"]) == 2
    assert capsys.readouterr().err == 'gambol: the page needs the package viser: pip install "gambol[view]"\n'


def test_a_port_that_cannot_be_is_refused(capsys):
    assert cli.main(["view", "noop", "--port", "70000"]) == 2
    assert capsys.readouterr().err == "gambol: --port is 70000: it must be between 0 and 65535\n"


@needs_viser
def test_a_planar_run_is_sent_to_the_film(monkeypatch, capsys):
    env = make_planar(PlanarConfig(size="s", levels=("kinetix/s/h0_weak_thrust",)))
    monkeypatch.setattr(command, "find_actor", lambda *asked: SimpleNamespace(env=env))
    assert cli.main(["view", "runs/toy"]) == 2
    assert (
        capsys.readouterr().err == "gambol: runs/toy is of the task planar-s: the page shows track; use gambol video\n"
    )
