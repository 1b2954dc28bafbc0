"""MuJoCo Warp: MuJoCo as kernels for NVIDIA GPUs, called from XLA through Warp's FFI. On a CPU it runs too, slowly.

Warp and `mujoco_warp` are imported on first use. All that they allocate belongs to the engine and is scratch: each call
brings its state and model fields, and takes its results away. It is on one device, the first that JAX has.

On a height field a robot that lies on its side may be thrown off: boxes that went in deep were pushed with forces of
20 kN and more, where the C code has 0.5 kN.
"""

import copy
import importlib.util
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..physics import Fields, ModelField, Outcome, State
from ..world import World
from .fields import filled

PLATFORMS = ("cpu", "gpu", "cuda")
NEEDED = {"warp": "warp-lang", "mujoco_warp": "mujoco-warp"}
CONTACTS = 64
"""Room per world for contacts, and for pairs of shapes that are near each other. Worlds share it."""
ROWS = 256
"""Room per world for rows of constraints: one per joint at a limit, four per contact."""


def unavailable(platform: str) -> str:
    """Why this engine does not run on a JAX platform; empty if it does."""
    if platform not in PLATFORMS:
        return f"Warp does not support {platform}"
    for module, package in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            return f"{package} is not installed"
    if platform != "cpu":
        import warp as wp

        if not wp.is_cuda_available():
            return "Warp finds no NVIDIA driver"
    return ""


class Engine:
    """`Physics` by MuJoCo Warp. Deterministic. Raises ValueError for a model that it does not support."""

    engine = "warp"

    def __init__(self, world: World, fields: tuple[ModelField, ...] = ()):
        self.world, self.fields = world, fields
        self.varied = tuple(dict.fromkeys(field.name for field in fields))
        self.calls: dict[tuple[int, int], Callable[[Array], tuple[Array, Array]]] = {}
        put(world, self.varied, 1)

    def step(self, state: State, control: Array, values: Fields, steps: int) -> tuple[State, Outcome]:
        """See `Physics.step`."""
        worlds = state.qpos.shape[0]
        if (worlds, steps) not in self.calls:
            self.calls[worlds, steps] = compiled(self.world, self.varied, worlds, steps)
        model = self.world.model
        whole = filled(lambda name: jnp.asarray(getattr(model, name)), self.fields, values)
        given = [jnp.asarray(x, jnp.float32).ravel() for x in (state.qpos, state.qvel, control, *whole.values())]
        found, lacked = self.calls[worlds, steps](jnp.concatenate(given))
        sizes = (model.nq, model.nv, model.nsensordata, model.nu)
        parts = jnp.split(found, worlds * np.cumsum(sizes)[:-1])
        qpos, qvel, sensors, torque = (part.reshape(worlds, size) for part, size in zip(parts, sizes, strict=True))
        return State(qpos, qvel), Outcome(sensors, torque, lacked != 0)


def compiled(world: World, varied: tuple[str, ...], worlds: int, steps: int):
    """Some physics steps of some worlds, for XLA.

    It takes state, control and varied fields as one array [N], end to end, and returns likewise state, sensors and
    torques, and bits [W] of what lacked room in the last step.
    """
    wp, mjw = libraries()
    model, data = put(world, varied, worlds)
    targets = [flat(x) for x in (data.qpos, data.qvel, data.ctrl, *(getattr(model, name) for name in varied))]
    sources = [flat(x) for x in (data.qpos, data.qvel, data.sensordata, data.actuator_force)]

    def advance(given: wp.array[wp.float32], found: wp.array[wp.float32], lacked: wp.array[wp.int32]):  # pyright: ignore[reportInvalidTypeForm]
        start = 0
        for target in targets:
            wp.copy(target, given, src_offset=start, count=target.size)
            start += target.size
        for _ in range(steps):
            data.overflow.zero_()
            mjw.step(model, data)
        start = 0
        for source in sources:
            wp.copy(found, source, dest_offset=start, count=source.size)
            start += source.size
        wp.copy(lacked, data.overflow)

    staged = wp.JaxCallableGraphMode.WARP_STAGED if data.qpos.device.is_cuda else wp.JaxCallableGraphMode.NONE
    call = wp.jax_callable(
        advance,
        num_outputs=2,
        graph_mode=staged,
        output_dims={"found": sum(source.size for source in sources), "lacked": worlds},
    )
    room = int(mjw.OverflowType.NEFC | mjw.OverflowType.BROADPHASE | mjw.OverflowType.NARROWPHASE)
    room |= int(mjw.OverflowType.NJMAX_NNZ | mjw.OverflowType.CCD | mjw.OverflowType.HFIELD)

    def call_masked(given: Array) -> tuple[Array, Array]:
        found, bits = call(given)
        return found, bits & room

    return call_masked


def put(world: World, varied: tuple[str, ...], worlds: int):
    """Model and data of some worlds on the device. Raises ValueError for what MuJoCo Warp does not know."""
    wp, mjw = libraries()
    model = copy.copy(world.model)
    # The others are of the C code alone.
    model.opt.disableflags &= int(np.bitwise_or.reduce(list(mjw.DisableBit)))
    try:
        with wp.ScopedDevice(wp.device_from_jax(jax.devices()[0])):
            there = mjw.put_model(model, batch_sizes=dict.fromkeys(varied, worlds))
            data = mjw.make_data(model, nworld=worlds, nconmax=CONTACTS, njmax=ROWS)
    except (NotImplementedError, ValueError) as error:
        raise ValueError(f"engine is 'warp': {' '.join(str(error).split())}: use engine 'batch'") from None
    there.opt.warn_overflow = 0
    there.opt.deterministic = int(mjw.DeterminismType.ALL)
    return there, data


def libraries():
    """Warp, which then reports no compilation, and MuJoCo Warp."""
    import mujoco_warp as mjw
    import warp as wp

    wp.config.log_level = max(wp.config.log_level, wp.LOG_WARNING)
    return wp, mjw


def flat(array):
    """A Warp array of float32, or of vectors of them, as numbers end to end [N]. It shares the memory."""
    wp, _ = libraries()
    count = array.size * array.strides[-1] // 4
    return wp.array(ptr=array.ptr, dtype=wp.float32, shape=count, device=array.device)
