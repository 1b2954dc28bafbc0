"""Record the pixel observations of kinetix-env 3.0.2 as golden images for tests/envs/planar/test_pixels.py.

Run with the python of the peer environment (`make peers`): `python benchmarks/record_pixels_golden.py OUT.npz`.
Keys are `LEVEL|MOMENT|WHAT`: MOMENT is `start`, `later` (after random actions) or `enlarged` (the start with all
vertices and radii but the walls' tripled, so that patches cut the bodies); WHAT is image [125, 125, 3] uint8,
position [2, N] or angle [N].
"""

import sys

import jax
import kinetix.environment  # noqa: F401  (kinetix.render cannot be imported before it)
import numpy as np
from jax2d.engine import PhysicsEngine
from kinetix.render.renderer_pixels import make_render_pixels_rl
from kinetix.util.saving import load_from_json_file

LEVELS = {
    "s": ("h2_one_wheel_car", "h4_thrust_aim"),
    "m": ("h1_car_left", "h4_thrust_the_needle"),
    "l": ("h17_unicycle", "gears", "mjc_half_cheetah", "hard_lunar_lander"),
}
STEPS = 40


def main(out: str) -> None:
    """Write the golden file."""
    golden = {}
    for size, names in LEVELS.items():
        engine = render = None
        for name in names:
            start, static, params = load_from_json_file(f"{size}/{name}.json")
            engine = engine or jax.jit(PhysicsEngine(static).step)
            render = render or jax.jit(make_render_pixels_rl(params, static))
            later = start
            for key in jax.random.split(jax.random.key(0), STEPS):
                action = jax.random.uniform(key, (static.num_joints + static.num_thrusters,))
                later, _ = engine(later, params, action)
            enlarged = start.replace(
                polygon=start.polygon.replace(vertices=start.polygon.vertices.at[4:].multiply(3)),
                circle=start.circle.replace(radius=start.circle.radius * 3),
            )
            for moment, state in {"start": start, "later": later, "enlarged": enlarged}.items():
                image = np.asarray(render(state).image)
                bodies = (state.polygon, state.circle)
                key = f"kinetix/{size}/{name}|{moment}"
                golden[f"{key}|image"] = np.round(image * 255).astype(np.uint8)
                golden[f"{key}|position"] = np.concatenate([b.position for b in bodies]).T
                golden[f"{key}|angle"] = np.concatenate([b.rotation for b in bodies])
    np.savez_compressed(out, **golden)


if __name__ == "__main__":
    main(sys.argv[1])
