"""Models of legged robots made ready for pictures. Their joints are those of the world's own model, so `qpos` fits."""

import mujoco

from ...sim.legged.meshes import dress
from ...sim.legged.terrain import GROUND
from ...sim.legged.world import World, assemble

PLANE = 50.0
"""Half a side of the plane that is drawn, m. One without end, as it is, gets blotches for shadows."""


def dressed(world: World) -> mujoco.MjSpec:
    """The world once more, not yet compiled, with meshes where there are any."""
    spec = assemble(world.robot.config, world.terrain, world.model.opt.timestep)
    dress(spec)
    return spec


def scenery(world: World, width: int, height: int) -> mujoco.MjModel:
    """The model of a world with sky, light and tiles a metre wide, for pictures of a size in pixels."""
    spec = dressed(world)
    view = spec.visual
    view.global_.offwidth, view.global_.offheight, view.quality.shadowsize = width, height, 2048
    view.headlight.ambient, view.headlight.diffuse, view.headlight.specular = [0.4] * 3, [0.35] * 3, [0.1] * 3
    view.map.haze, view.rgba.haze = 0.3, [0.86, 0.9, 0.94, 1]
    gradient, checker = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, mujoco.mjtBuiltin.mjBUILTIN_CHECKER
    spec.add_texture(
        name="picture/sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=gradient,
        rgb1=[0.93, 0.95, 0.97],
        rgb2=[0.6, 0.72, 0.84],
        width=64,
        height=384,
    )
    spec.add_texture(
        name="picture/tiles",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=checker,
        rgb1=[0.78, 0.8, 0.82],
        rgb2=[0.7, 0.73, 0.76],
        width=128,
        height=128,
    )
    tiles = spec.add_material(name="picture/tiles", texuniform=True, texrepeat=[0.5, 0.5], specular=0)
    tiles.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "picture/tiles"
    ground = spec.geom(GROUND)
    ground.material, ground.rgba = "picture/tiles", [1, 1, 1, 1]
    if world.terrain.heights is None:
        ground.size = [PLANE, PLANE, 1]
    spec.body(world.robot.config.base).add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACK,
        pos=[-0.9, -0.6, 3],
        dir=[0.3, 0.2, -1],
        diffuse=[0.5] * 3,
        specular=[0.2] * 3,
    )
    return spec.compile()
