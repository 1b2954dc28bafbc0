"""The protocol, and that who misbehaves harms nobody else."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gambol.sim2real.server import arrays
from gambol.sim2real.server.serve import Settings
from gambol.sim2real.server.served import Served
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from .conftest import Counting

ROOT = Path(__file__).parents[3]
OPENPI = ROOT / ".venv-openpi" / "bin" / "python"


class Client:
    """As the protocol says, in a few lines."""

    def __init__(self, port, **options):
        self.socket = connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None, **options)
        self.metadata = arrays.unpack(self.socket.recv(timeout=10))

    def infer(self, *numbers, **more):
        self.socket.send(arrays.pack({"obs": np.array(numbers, "f4"), **more}))
        return self.hear()

    def hear(self):
        answer = self.socket.recv(timeout=10)
        return answer if isinstance(answer, str) else arrays.unpack(answer)


def get(port, path, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.read().decode()


def test_the_server_speaks_first_and_answers_with_chunks(serving):
    with serving(Counting()) as (port, _):
        client = Client(port)
        assert client.metadata["policy"] == "counting"
        first, second = client.infer(1, 2, 3), client.infer(4, 5, 6)
        assert first["actions"].tolist() == [[1, 6]] and second["actions"].tolist() == [[2, 15]]
        assert first["policy_timing"]["infer_ms"] >= 0 and "prev_total_ms" not in first["server_timing"]
        assert second["server_timing"]["prev_total_ms"] >= first["policy_timing"]["infer_ms"]
        assert get(port, "/healthz") == (200, "OK\n")
        metrics = get(port, "/metrics")[1]
        assert "gambol_requests_total 2\n" in metrics and "gambol_clients_connected 1\n" in metrics


def test_an_answer_that_is_not_finite_is_not_sent(serving):
    with serving(Counting()) as (port, _):
        other, client = Client(port), Client(port)
        assert "the policy's answer is not finite" in client.infer(3e38, 3e38, 3e38)
        assert other.infer(1, 2, 3)["actions"].tolist() == [[1, 6]]


def test_each_client_has_its_own_memory_until_it_resets(serving):
    with serving(Counting()) as (port, _):
        one, other = Client(port), Client(port)
        for count in (1, 2, 3):
            assert one.infer(0, 0, 0)["actions"][0, 0] == count
        assert other.infer(0, 0, 0)["actions"][0, 0] == 1
        assert one.infer(0, 0, 0, reset=True)["actions"][0, 0] == 1
        assert one.infer(0, 0, 0, reset=False)["actions"][0, 0] == 2
        assert Client(port).infer(0, 0, 0)["actions"][0, 0] == 1


def test_what_is_wrong_is_told_as_text_and_only_that_client_is_let_go(serving):
    with serving(Counting(fails=99.0)) as (port, server):
        good = Client(port)
        for send, words in (
            (lambda c: c.infer(1, 2), "ValueError: obs has shape [2]: it must be [3]"),
            (lambda c: c.infer(1, 2, np.nan), "ValueError: obs is not finite"),
            (lambda c: c.infer(99, 0, 0), "RuntimeError: the policy failed"),
            (lambda c: (c.socket.send(b"\xc1garbage"), c.hear())[1], "ValueError: not a message"),
            (lambda c: (c.socket.send("hello"), c.hear())[1], "ValueError: a message is binary"),
        ):
            bad = Client(port)
            assert words in send(bad)
            with pytest.raises(ConnectionClosed) as closed:
                bad.socket.recv(timeout=10)
            assert closed.value.rcvd.code == 1011
            assert good.infer(1, 1, 1)["actions"][0, 1] == 3
        assert server.metrics.counts["errors"] == 5


def test_a_message_that_is_too_large_closes_its_connection(serving):
    with serving(Counting(), most_bytes=10_000) as (port, _):
        bad, good = Client(port), Client(port)
        bad.socket.send(bytes(20_000))
        with pytest.raises(ConnectionClosed) as closed:
            bad.socket.recv(timeout=10)
        assert closed.value.rcvd.code == 1009
        assert good.infer(1, 1, 1)["actions"][0, 1] == 3


def test_a_key_is_wanted_where_there_is_one(serving):
    with serving(Counting(), api_key="secret") as (port, _):
        for headers in ({}, {"Authorization": "Api-Key wrong"}):
            with pytest.raises(InvalidStatus) as refused:
                Client(port, additional_headers=headers)
            assert refused.value.response.status_code == 401
        assert Client(port, additional_headers={"Authorization": "Api-Key secret"}).infer(1, 1, 1)["actions"][0, 1] == 3
        assert get(port, "/healthz")[0] == 200
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(port, "/metrics")


def test_more_clients_than_it_takes_are_turned_away(serving):
    with serving(Counting(), most_clients=2) as (port, _):
        kept = [Client(port), Client(port)]
        with pytest.raises(InvalidStatus) as refused:
            Client(port)
        assert refused.value.response.status_code == 503
        kept.pop().socket.close()
        time.sleep(0.2)
        assert Client(port).infer(1, 1, 1)["actions"][0, 1] == 3


def test_requests_that_come_together_are_answered_together(serving):
    served = Counting(seconds=0.05)
    with serving(served, most_batch=8) as (port, _):
        clients = [Client(port) for _ in range(16)]
        served.sizes.clear()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda i: clients[i].infer(i, 0, 0)["actions"][0, 1], range(16)))
        assert answers == list(range(16))
        assert sum(served.sizes) == 16 and max(served.sizes) <= 8 and len(served.sizes) < 8


def test_many_clients_lose_nothing(serving):
    with serving(Counting()) as (port, server):

        def work(seed):
            client, right = Client(port), 0
            for count in range(1, 21):
                right += client.infer(seed, count, 0)["actions"].tolist() == [[count, seed + count]]
            client.socket.close()
            return right

        with ThreadPoolExecutor(64) as pool:
            assert list(pool.map(work, range(64))) == [20] * 64
        until = time.monotonic() + 10  # an answer is counted when it has been sent: a client may have it before
        while time.monotonic() < until and server.metrics.counts["requests"] < 64 * 20:
            time.sleep(0.01)
        assert server.metrics.counts["requests"] == 64 * 20


def test_half_open_sockets_and_slow_readers_are_let_go(serving):
    with serving(Counting(), patience=1.0) as (port, server):
        good = Client(port)
        half = socket.create_connection(("127.0.0.1", port))  # never finishes its handshake
        half.sendall(b"GET / HTTP/1.1\r\n")
        silent = socket.create_connection(("127.0.0.1", port))  # shakes hands, then never reads nor answers pings
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        until = time.monotonic() + 10
        assert good.infer(1, 1, 1)["actions"][0, 1] == 3
        while time.monotonic() < until and server.metrics.now > 1:
            time.sleep(0.1)
            good.socket.ping()
            assert good.infer(1, 1, 1)["actions"][0, 1] == 3
        assert server.metrics.now == 1
        half.settimeout(5)
        assert b"HTTP/1.1 101" not in half.recv(1000)  # told something else, or just closed
        half.close()
        silent.close()


@pytest.mark.skipif(not OPENPI.exists(), reason="make .venv-openpi/.made installs openpi-client")
def test_the_real_client_of_openpi(serving, walker):
    size = walker.contract.graph.inputs[0].shape[0]
    program = f"""
import numpy as np
from openpi_client.action_chunk_broker import ActionChunkBroker
from openpi_client.websocket_client_policy import WebsocketClientPolicy
policy = WebsocketClientPolicy("127.0.0.1", PORT, api_key="k")
assert policy.get_server_metadata()["policy"] == "track-b1z1"
answer = policy.infer({{"obs": np.zeros({size}, np.float32), "prompt": "walk"}})
print(answer["actions"].shape, answer["actions"].dtype, answer["server_timing"]["infer_ms"] > 0)
broker = ActionChunkBroker(policy, 1)
print(np.abs(broker.infer({{"obs": np.zeros({size}, np.float32)}})["actions"] - answer["actions"][0]).max())
try:
    policy.infer({{"obs": np.zeros(3)}})
except RuntimeError as error:
    print(error)
"""
    with serving(Served(walker, 1), api_key="k") as (port, _):
        words = [str(OPENPI), "-c", program.replace("PORT", str(port))]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    shape, same, *error = done.stdout.splitlines()
    assert shape == "(1, 12) float32 True" and float(same) == 0.0
    assert "obs has shape [3]" in " ".join(error)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 70_000}, "port is 70000: it must be 0 to 65535"),
        ({"most_bytes": 0}, "most_bytes is 0"),
        ({"api_key": ""}, "api_key is empty"),
        ({"patience": float("nan")}, "patience is nan"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Settings(**settings)
