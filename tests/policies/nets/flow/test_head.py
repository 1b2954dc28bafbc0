"""Sizes are the published ones, tokens see what they should, and encoding once changes nothing."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.policies.nets.flow.attention import attend, block_mask, positions, rotated
from gambol.policies.nets.flow.condition import Condition
from gambol.policies.nets.flow.config import PI0, PI05, TINY, FlowConfig
from gambol.policies.nets.flow.expert import Rows, normed
from gambol.policies.nets.flow.head import FlowHead
from gambol.policies.nets.flow.transformer import Transformer

BATCH, KNOWN, ACTIONS = 2, 3, 2
VALID = jnp.array([[True, True, True], [True, False, True]])
STATED = replace(TINY, time="concat", state=5)


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("config", "expert", "projections"), [(PI0, 311_464_960, 3_248_160), (PI05, 427_932_672, 2_165_792)]
)
def test_sizes_are_those_of_pi0(config, expert, projections):
    head = nnx.state(nnx.eval_shape(lambda: FlowHead(config, 32, rngs=nnx.Rngs(0))))
    transformer = head.pop("transformer")
    assert count(transformer["action"]) + count(transformer["last"]) == expert
    assert count(head) == projections


def make(config):
    head = FlowHead(config, ACTIONS, rngs=nnx.Rngs(0))
    keys = iter(jax.random.split(jax.random.key(9), 500))

    def stirred(leaf):  # adaptive norms begin at zero: then nothing would reach the actions
        return leaf + 0.1 * jax.random.normal(next(keys), leaf.shape)

    graph, state = nnx.split(head)
    return nnx.merge(graph, jax.tree.map(stirred, state))


def inputs(config, seed=0):
    keys = jax.random.split(jax.random.key(seed), 4)
    tokens = jax.random.normal(keys[0], (BATCH, KNOWN, config.prefix.width))
    chunk = jax.random.normal(keys[1], (BATCH, config.horizon, ACTIONS))
    time = jax.random.uniform(keys[2], (BATCH, config.horizon))
    state = jax.random.normal(keys[3], (BATCH, config.state)) if config.state else None
    return tokens, chunk, time, state


def says(head, tokens, chunk, time, state, settled=None):
    return head.velocity(head.encode(tokens, VALID), chunk, time, settled, state)


@pytest.mark.parametrize("config", [TINY, STATED, replace(TINY, state=5)], ids=["adaptive", "concat", "both"])
def test_what_is_filled_up_is_not_seen_and_time_is_told_token_by_token(config):
    head, (tokens, chunk, time, state) = make(config), inputs(config)
    found = says(head, tokens, chunk, time, state)
    assert found.shape == chunk.shape and found.dtype == jnp.float32
    hidden = says(head, tokens.at[1, 1].add(10), chunk, time, state)
    np.testing.assert_allclose(hidden, found, atol=1e-6)
    shown = says(head, tokens.at[0, 1].add(10), chunk, time, state)
    assert np.abs(shown[0] - found[0]).min(-1).max() > 1e-4 and np.allclose(shown[1], found[1], atol=1e-6)
    later = says(head, tokens, chunk, time.at[:, 2].set(1.0), state)
    moved = np.abs(later - found).max((0, 2))
    others = np.delete(moved, 2)
    assert moved[2] > np.median(others) and others.min() > 0  # its own more than most, by attention all others'


@pytest.mark.parametrize("config", [TINY, STATED, replace(TINY, state=5)], ids=["adaptive", "concat", "both"])
def test_what_is_told_to_all_at_once_is_as_told_to_each(config):
    head, (tokens, chunk, _, state) = make(config), inputs(config)
    settled = jnp.arange(config.horizon) < jnp.array([[2]] * (BATCH - 1) + [[0]])
    each = jnp.where(settled, 1.0, 0.3)
    np.testing.assert_allclose(
        says(head, tokens, chunk, jnp.full((1, 1), 0.3), state, settled),
        says(head, tokens, chunk, each, state),
        rtol=1e-4,
        atol=1e-4,
    )
    for time in (jnp.full((1, 1), 0.3), jnp.full((BATCH, 1), 0.3)):
        found = says(head, tokens, chunk, time, state)
        np.testing.assert_allclose(found, says(head, tokens, chunk, jnp.full_like(each, 0.3), state), atol=1e-5)


def test_a_state_sees_what_is_known_but_no_action():
    head, (tokens, chunk, _, state) = make(STATED), inputs(STATED)
    transformer, seen = head.transformer, []
    known = head.encode(tokens, VALID)
    for actions in (chunk, chunk + 1):
        look = jnp.concatenate([head.state(state)[:, None], head.look(actions)], axis=1)[..., : TINY.action.width]
        blocks = jnp.array([0] + [1] * TINY.horizon)
        seen.append(transformer.decode(known, look, blocks, None)[:, 0])
    np.testing.assert_allclose(*seen, atol=1e-6)


def by_hand(transformer, config, tokens, chunk_tokens, condition):
    """One pass over all tokens together, layer by layer and head by head, in plain loops over matrices."""
    count, batch = KNOWN + config.horizon, BATCH
    real = np.concatenate([VALID, np.ones((batch, config.horizon), bool)], axis=1)
    block = np.array([0] * KNOWN + [1] * config.horizon)
    place = np.cumsum(real, axis=1) - 1
    x = [np.asarray(tokens, np.float64), np.asarray(chunk_tokens, np.float64)]
    stacks = (transformer.prefix, transformer.action)

    def norm(x, rows, which):
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
        if rows.scales is not None:
            return x * (1 + np.asarray(rows.scales[which])), 1.0
        told = np.asarray(condition) @ np.asarray(rows.modulation.kernel[...]) + np.asarray(rows.modulation.bias[...])
        scale, shift, gate = np.split(told, 3 * rows.count, axis=-1)[3 * which : 3 * which + 3]
        return x * (1 + scale) + shift, gate

    for depth in range(config.depth):
        layers = [jax.tree.map(lambda leaf, i=depth: leaf[i], nnx.state(stack.layers)) for stack in stacks]
        layers = [nnx.merge(nnx.graphdef(stack.layers), state) for stack, state in zip(stacks, layers, strict=True)]
        queries, keys, values, gates = [], [], [], []
        for tokens_, layer in zip(x, layers, strict=True):
            seen, gate = norm(tokens_, layer.rows, 0)
            gates.append(gate)
            width = config.head_dim
            queries.append((seen @ np.asarray(layer.queries[...])).reshape(batch, -1, config.heads, width))
            shared = (seen @ np.asarray(layer.shared[...])).reshape(batch, -1, 2 * config.kv_heads, width)
            keys.append(shared[:, :, : config.kv_heads])
            values.append(shared[:, :, config.kv_heads :])
        queries, keys, values = (np.concatenate(parts, axis=1) for parts in (queries, keys, values))
        angle = place[..., None] * 10_000.0 ** (-np.arange(width // 2) / (width // 2))
        turn = np.exp(1j * angle)[:, :, None]

        def turned(z, turn=turn, half=width // 2):
            z = (z[..., :half] + 1j * z[..., half:]) * turn
            return np.concatenate([z.real, z.imag], axis=-1)

        queries, keys = turned(queries), turned(keys)
        mixed = np.zeros((batch, count, config.heads, width))
        for b in range(batch):
            for q in range(count):
                sees = [k for k in range(count) if real[b, k] and block[k] <= block[q]]
                for h in range(config.heads):
                    kv = h // (config.heads // config.kv_heads)
                    logits = np.array([queries[b, q, h] @ keys[b, k, kv] for k in sees]) / width**0.5
                    shares = np.exp(logits - logits.max())
                    mixed[b, q, h] = sum(s * values[b, k, kv] for s, k in zip(shares / shares.sum(), sees, strict=True))
        for i, (layer, rows) in enumerate(zip(layers, (slice(0, KNOWN), slice(KNOWN, None)), strict=True)):
            out = mixed[:, rows].reshape(batch, -1, config.heads * width) @ np.asarray(layer.out[...])
            x[i] = x[i] + out * gates[i]
            seen, gate = norm(x[i], layer.rows, 1)
            hidden = np.asarray(jax.nn.gelu(seen @ np.asarray(layer.gate[...]))) * (seen @ np.asarray(layer.up[...]))
            x[i] = x[i] + hidden @ np.asarray(layer.down[...]) * gate
    return norm(x[1], transformer.last, 0)[0]


@pytest.mark.parametrize("config", [replace(TINY, heads=4, kv_heads=2, horizon=3), replace(STATED, state=0, horizon=3)])
def test_encoded_once_is_as_all_together(config):
    head, (tokens, chunk, *_) = make(config), inputs(config)
    condition = jax.random.normal(jax.random.key(5), (BATCH, config.horizon, config.action.width))
    condition = condition if config.time == "adaptive" else None
    look = head.look(chunk)
    told = None if condition is None else Condition(condition)
    found = head.transformer.decode(head.encode(tokens, VALID), look, jnp.zeros(config.horizon, int), told)
    np.testing.assert_allclose(found, by_hand(head.transformer, config, tokens, look, condition), atol=1e-5)


def test_bfloat16_and_recomputed_layers_say_nearly_the_same():
    tokens, chunk, time, state = inputs(TINY)
    head = make(TINY)
    weights = nnx.state(head)

    def slopes(config):
        other = nnx.graphdef(FlowHead(config, ACTIONS, rngs=nnx.Rngs(0)))
        return jax.value_and_grad(lambda w: (says(nnx.merge(other, w), tokens, chunk, time, state) ** 2).mean())(
            weights
        )

    exact = slopes(TINY)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), slopes(replace(TINY, remat=True)), exact)
    assert slopes(replace(TINY, compute="bfloat16"))[0] == pytest.approx(float(exact[0]), rel=0.05)


def test_a_fresh_adaptive_layer_passes_tokens_on():
    transformer = Transformer(TINY, rngs=nnx.Rngs(0))
    tokens, *_ = inputs(TINY)
    known = transformer.encode(tokens, VALID)
    look = jax.random.normal(jax.random.key(3), (BATCH, 8, TINY.action.width))
    found = transformer.decode(known, look, jnp.zeros(8, int), Condition(jnp.ones_like(look)))
    np.testing.assert_allclose(found, look / jnp.sqrt((look**2).mean(-1, keepdims=True)), rtol=1e-4)


def test_blocks_see_themselves_and_what_came_before():
    valid = jnp.array([[True, True, False, True, True]])
    mask = block_mask(jnp.array([0, 0, 0, 1, 2]), jnp.array([0, 0, 0, 1, 2]), valid)[0].astype(int)
    np.testing.assert_array_equal(mask[0], [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(mask[3], [1, 1, 0, 1, 0])
    np.testing.assert_array_equal(mask[4], [1, 1, 0, 1, 1])
    np.testing.assert_array_equal(positions(valid), [[0, 1, 1, 2, 3]])


def test_rotation_keeps_length_and_tells_distance_alone():
    query, key = jax.random.normal(jax.random.key(0), (2, 1, 1, 1, 16))

    def product(a, b):
        return float((rotated(query, jnp.array([[a]])) * rotated(key, jnp.array([[b]]))).sum())

    assert product(3, 7) == pytest.approx(product(10, 14), rel=1e-4) != pytest.approx(product(3, 8), rel=1e-2)
    np.testing.assert_allclose(jnp.linalg.norm(rotated(query, jnp.array([[9]]))), jnp.linalg.norm(query), rtol=1e-5)


def test_heads_that_share_keys_are_as_heads_with_copies_of_them():
    keys = jax.random.split(jax.random.key(0), 3)
    queries, shared, values = (jax.random.normal(k, (2, 5, n, 8)) for k, n in zip(keys, (6, 2, 2), strict=True))
    mask = jnp.ones((2, 5, 5), bool)
    copied = attend(queries, jnp.repeat(shared, 3, 2), jnp.repeat(values, 3, 2), mask)
    np.testing.assert_allclose(attend(queries, shared, values, mask), copied, atol=1e-6)


def test_norms_are_those_of_the_paper():
    x = jnp.array([[[3.0, -4.0]]])
    rows = Rows(1, 2, False, rngs=nnx.Rngs(0))
    rows.scales[...] = jnp.array([[1.0, 0.0]])
    np.testing.assert_allclose(normed(x, rows(None)[0])[0, 0], np.array([2 * 3.0, -4.0]) / 12.5**0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 0}, "flow.depth is 0"),
        ({"kv_heads": 3}, "flow.kv_heads is 3: it must divide heads"),
        ({"head_dim": 7}, "flow.head_dim is 7: it must be even"),
        ({"time": "late"}, "flow.time is 'late': use adaptive or concat"),
        ({"compute": "float16"}, "flow.compute is 'float16'"),
        ({"state": -1}, "flow.state is -1"),
        ({"action": replace(TINY.action, width=3)}, "flow.action is"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        FlowConfig(**change)


DEEP = replace(TINY, depth=4, horizon=2)


def test_random_layer_token_dropping():
    """Nothing skipped is the plain model; what a layer skips goes on as it was; first and last skip nothing."""
    head = make(DEEP)
    tokens, valid, key = jax.random.normal(jax.random.key(3), (2, 5, 32)), jnp.ones((2, 5), bool), jax.random.key(4)
    plain, same, less = (
        head.encode(tokens, valid),
        head.encode(tokens, valid, key, 0.0),
        head.encode(tokens, valid, key, 0.4),
    )
    np.testing.assert_array_equal(plain.keys, same.keys)
    np.testing.assert_allclose(
        plain.keys[:2], less.keys[:2], rtol=1e-5, atol=1e-6
    )  # those of the second are made of the first
    changed = ~jnp.isclose(plain.keys[2], less.keys[2], atol=1e-5).all(axis=(2, 3))
    assert changed.sum(axis=1).min() >= 2
    other = head.encode(tokens, valid, jax.random.key(5), 0.4)
    assert not jnp.allclose(other.keys[2], less.keys[2])
    flat = head.encode(tokens, valid, key, 0.8)  # one token of five goes on, and sees itself alone
    assert flat.keys.shape == plain.keys.shape and jnp.isfinite(flat.values).all()
