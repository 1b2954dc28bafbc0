"""2-D rigid bodies with Jax2D semantics: scenes of circles and convex polygons, joints, motors and thrusters."""

from .build import Joint, Shape, Thruster, box, build
from .engine import step
from .scene import CAPACITIES, Capacity, Joints, Physics, Scene, State, Thrusters, still

__all__ = [
    "CAPACITIES",
    "Capacity",
    "Joint",
    "Joints",
    "Physics",
    "Scene",
    "Shape",
    "State",
    "Thruster",
    "Thrusters",
    "box",
    "build",
    "step",
    "still",
]
