"""The page in a headless Chromium, driven over its DevTools protocol: seen, clicked, dragged. Skipped without one."""

import base64
import itertools
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from gambol.policies.judge.film import matrix
from gambol.policies.judge.page import HANDLE

connect = pytest.importorskip("websockets.sync.client", reason="websockets comes with viser").connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; on Debian: apt-get install chromium")
PATIENCE = 120
"""Seconds for what takes a while on a busy machine: WebGL is computed in software."""


class Browser:
    """One tab. Use it as a context."""

    def __init__(self, home: Path, width: int = 1100, height: int = 700):
        assert CHROMIUM is not None
        self.ids = itertools.count(1)
        self.process = subprocess.Popen(
            [
                CHROMIUM,
                "--headless=new",
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--use-angle=swiftshader",
                "--enable-unsafe-swiftshader",
                "--remote-debugging-port=0",
                f"--user-data-dir={home}",
                f"--window-size={width},{height}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            told = home / "DevToolsActivePort"
            wait(lambda: told.exists() and len(told.read_text().splitlines()) == 2)
            port = told.read_text().splitlines()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                (tab,) = [tab for tab in json.load(answer) if tab["type"] == "page"]
            self.socket = connect(tab["webSocketDebuggerUrl"], max_size=None)
        except BaseException:
            self.process.kill()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *error) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(30)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One call of the protocol and its result."""
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=PATIENCE))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def text(self) -> str:
        """All that is written on the page."""
        return self.run("document.body.innerText") or ""

    def press(self, label: str) -> None:
        """Click the button of a label."""
        find = f"[...document.querySelectorAll('button')].find(b => b.innerText.trim() === {json.dumps(label)})"
        wait(lambda: self.run(f"!!{find}"))
        self.run(f"{find}.click()")

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move, press or release the left button at a place on the page, in pixels."""
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def picture(self) -> np.ndarray:
        """What is to be seen, uint8 [H, W, 3] BGR."""
        data = base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def wait(happened, seconds: float = PATIENCE) -> None:
    """Until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def viewer(opened):
    """The loop, running."""
    stop = threading.Event()
    thread = threading.Thread(target=opened.run, args=(stop.is_set,))
    opened.paused = False
    opened.page.follow.value = True
    thread.start()
    yield opened
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def browser(viewer, tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("chromium")) as made:
        made.open(f"http://127.0.0.1:{viewer.page.port}")
        wait(lambda: "Pause" in made.text() and len(viewer.page.server.get_clients()) == 1)
        yield made


def middle(picture):
    """The part of the page that the robot is in, without panels and messages at its sides."""
    width = picture.shape[1]
    return picture[:, width * 3 // 10 : width * 13 // 20].astype(int)


def settled(browser):
    """The middle once it stands still: the browser may be behind."""
    last = [middle(browser.picture())]

    def same():
        time.sleep(1)
        last.append(middle(browser.picture()))
        return np.array_equal(last[-1], last[-2])

    wait(same)
    return last[-1]


def test_the_robot_is_seen_in_the_middle(browser):
    wait(lambda: (middle(browser.picture()).max(2) < 110).sum() > 500)  # trunk and legs are dark, all else is light


def test_clicks_pause_step_and_reset(viewer, browser):
    browser.press("Pause")
    wait(lambda: viewer.paused and "paused" in browser.text())
    steps, before = viewer.steps, middle(browser.picture())
    browser.press("Step")
    wait(lambda: viewer.steps == steps + 1)
    browser.press("Reset")
    wait(lambda: viewer.steps == 0)
    wait(lambda: np.abs(middle(browser.picture()) - before).mean() > 1)
    browser.press("Go on")
    wait(lambda: viewer.steps > 0)


def test_the_goal_is_dragged_with_the_mouse(viewer, browser):
    browser.press("Pause")
    wait(lambda: viewer.paused)
    still = settled(browser)
    page = viewer.page
    (client,) = page.server.get_clients().values()
    size = browser.run("[innerWidth, innerHeight]")
    goal, turn = np.array(page.goal.position), matrix(page.goal.wxyz)

    def pixel(place):
        """Where on the page something is whose place in the goal frame is given."""
        in_world = page.centre.position + matrix(page.centre.wxyz) @ place + page.world.position
        seen = matrix(client.camera.wxyz).T @ (in_world - client.camera.position)
        return np.array(size) / 2 + size[1] / 2 / np.tan(client.camera.fov / 2) * seen[:2] / seen[2]

    # The bar that is seen best from the side, by its tip, pulled along itself.
    axis = max(range(3), key=lambda i: np.linalg.norm(pixel(goal + HANDLE * turn[:, i]) - pixel(goal)))
    start, end = pixel(goal + 0.9 * HANDLE * turn[:, axis]), pixel(goal + 1.9 * HANDLE * turn[:, axis])
    browser.mouse("mouseMoved", *start)
    wait(lambda: not np.array_equal(middle(browser.picture()), still))  # the bar lights up under the mouse
    browser.mouse("mousePressed", *start)
    for share in np.linspace(0, 1, 8):
        browser.mouse("mouseMoved", *(start + share * (end - start)))
        time.sleep(0.1)
    wait(lambda: np.linalg.norm(page.goal.position - goal) > 0.6 * HANDLE, 30)
    browser.mouse("mouseReleased", *end)
    moved = np.array(page.goal.position) - goal
    assert moved @ turn[:, axis] == pytest.approx(HANDLE, abs=0.4 * HANDLE)
    assert np.linalg.norm(np.cross(moved, turn[:, axis])) < 0.01
    assert not page.follow.value
    steps = viewer.steps
    browser.press("Step")
    wait(lambda: viewer.steps > steps)
    radius = float(viewer.now.state.episode.goal.end[0, 0])
    assert radius == pytest.approx(np.linalg.norm(page.goal.position), abs=1e-4)
