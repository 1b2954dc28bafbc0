import copy
import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar import suites
from gambol.envs.planar.level import LevelError, grow, level_hash, parse_level, read_level, stack, write_level
from gambol.sim.planar.scene import CAPACITIES, Capacity, contact_slots

ARM = "kinetix/m/arm_up"


def published(name=ARM):
    return json.loads(suites.find((name,))[0].path.read_text())


def parse(document, **options):
    return parse_level(json.dumps(document), "here.json", **options)


def edited(document, path, value):
    """`document` with the member at a dotted path replaced, or removed if `value` is `...`."""
    document = copy.deepcopy(document)
    *parents, last = path.split(".")
    place = document
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    if value is ...:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return document


def same(a, b):
    return all(jax.tree.leaves(jax.tree.map(lambda x, y: x.dtype == y.dtype and np.array_equal(x, y), a, b)))


@pytest.fixture(scope="module")
def document():
    return published()


@pytest.fixture(scope="module")
def every():
    return [read_level(ref.path) for ref in suites.find(("kinetix",))]


def test_fields_are_those_of_the_file(document):
    level = parse(document)
    state, p = document["env_state"], document["static_env_params"]["num_polygons"]
    for i, body in enumerate(state["polygon"] + state["circle"]):
        assert level.role[i] == body["role"]
        assert level.scene.inverse_mass[i] == np.float32(body["inverse_mass"])
        assert level.scene.density[i] == np.float32(body["density"])
        assert level.scene.collision_mode[i] == body["collision_mode"]
        assert level.scene.active[i] == body["active"]
        assert level.state.angle[i] == np.float32(body["rotation"])
        for k in "01":
            assert level.state.position[int(k), i] == np.float32(body["position"][k])
            for v in "0123" if i < p else "":
                assert level.scene.vertices[int(k), int(v), i] == np.float32(body["vertices"][v][k])
    for j, joint in enumerate(state["joint"]):
        ours = level.scene.joints
        assert (ours.a[j], ours.b[j]) == (joint["a_index"], joint["b_index"])
        assert level.motor_binding[j] == joint["motor_binding"]
        assert (ours.lower[j], ours.upper[j]) == (np.float32(joint["min_rotation"]), np.float32(joint["max_rotation"]))
        assert (ours.limited[j], ours.fixed[j]) == (joint["motor_has_joint_limits"], joint["is_fixed_joint"])
        assert ours.anchor_b[1, j] == np.float32(joint["b_relative_pos"]["1"])
    for t, thruster in enumerate(state["thruster"]):
        assert level.scene.thrusters.body[t] == thruster["object_index"]
        assert level.thruster_binding[t] == thruster["thruster_binding"]
        assert level.scene.thrusters.power[t] == np.float32(thruster["power"])
    assert {leaf.dtype.name for leaf in jax.tree.leaves(level)} == {"float32", "int32", "bool"}
    assert not level.motor_auto.any() and not level.state.contact_impulse.any() and not level.state.joint_impulse.any()


def test_published_suites_hold_one_green_and_one_blue(every):
    assert [len(suites.find((name,))) for name in suites.suite_names()] == [10, 24, 40]
    for level in every:
        goal = np.asarray(level.role)[np.asarray(level.scene.active)]
        assert (goal == 1).sum() == (goal == 2).sum() == 1
    assert len({level_hash(level) for level in every}) == 74


def test_written_levels_read_back_identical(every, tmp_path):
    for level in every:
        auto = replace(level, motor_auto=level.motor_auto.at[-1].set(True))
        write_level(auto, tmp_path / "level.json")
        assert same(read_level(tmp_path / "level.json"), auto)
    assert [path.name for path in tmp_path.iterdir()] == ["level.json"]


def test_written_levels_are_in_the_published_format(document, tmp_path):
    """The published loader refuses unknown members of a body, joint, thruster or contact, and counts on full lists."""
    write_level(parse(document), tmp_path / "level.json")
    written = json.loads((tmp_path / "level.json").read_text())
    assert written.keys() == document.keys()
    assert written["env_params"] == document["env_params"]
    assert written["static_env_params"] == document["static_env_params"]
    state, right = written["env_state"], document["env_state"]
    assert state.pop("motor_auto") == {"0": False, "1": False}
    assert state.keys() == right.keys()
    assert state["collision_matrix"] == right["collision_matrix"]
    for name in set(right) - {"collision_matrix", "gravity"}:
        assert [thing.keys() for thing in state[name]] == [thing.keys() for thing in right[name]]
    for joint, other in zip(state["joint"], right["joint"], strict=True):
        assert joint["global_position"]["0"] == pytest.approx(other["global_position"]["0"], abs=0.02)


def test_a_level_that_cannot_be_read_is_not_written(document, tmp_path):
    level = parse(document)
    bad = replace(level, scene=replace(level.scene, friction=level.scene.friction.at[4].set(jnp.nan)))
    with pytest.raises(LevelError, match="friction"):
        write_level(bad, tmp_path / "bad.json")
    with pytest.raises(LevelError, match="one by one"):
        write_level(stack([level]), tmp_path / "bank.json")
    with pytest.raises(OSError):
        write_level(level, tmp_path / "nowhere" / "level.json")
    assert not list(tmp_path.iterdir())


def test_growing_moves_circles_and_links():
    small = read_level(suites.find(("kinetix/s/h3_point_the_thruster",))[0].path)
    large = grow(small, CAPACITIES["l"])
    assert large.scene.capacity == CAPACITIES["l"]
    assert large.state.contact_impulse.shape == (2, contact_slots(CAPACITIES["l"]))
    assert large.scene.active.sum() == small.scene.active.sum()
    for j in np.flatnonzero(small.scene.joints.active):
        for before, now in ((small.scene.joints.a, large.scene.joints.a), (small.scene.joints.b, large.scene.joints.b)):
            np.testing.assert_array_equal(small.state.position[:, before[j]], large.state.position[:, now[j]])
    np.testing.assert_array_equal(large.scene.radius[:2], small.scene.radius)
    np.testing.assert_array_equal(large.role[12:14], small.role[5:])
    linked = ~np.asarray(large.scene.separable) & ~np.eye(16, dtype=bool)
    assert linked.sum() == (~np.asarray(small.scene.separable)).sum() - 7
    assert level_hash(large) == level_hash(small)
    assert same(read_level(suites.find(("kinetix/s/h3_point_the_thruster",))[0].path, CAPACITIES["l"]), large)
    with pytest.raises(ValueError, match="does not fit"):
        grow(large, CAPACITIES["m"])


def test_hash_tells_content_from_form(document):
    right = level_hash(parse(document))
    rounded = edited(document, "env_state.polygon.4.friction", 1)
    idle = next(i for i, body in enumerate(document["env_state"]["circle"]) if not body["active"])
    stale = edited(document, f"env_state.circle.{idle}.position.0", 3.0)
    assert level_hash(parse(rounded)) == level_hash(parse(stale)) == right
    for path in ("polygon.4.position.0", "polygon.4.vertices.0.0", "joint.0.motor_speed"):
        assert level_hash(parse(edited(document, f"env_state.{path}", 0.51))) != right
    assert level_hash(parse(edited(document, "env_state.joint.0.motor_binding", 3))) != right


def test_quirks_decide_about_gravity_and_masses(document):
    changed = edited(document, "env_state.gravity.1", -1.62)
    changed = edited(changed, "env_state.polygon.4.inverse_mass", 123.0)
    published, honest = parse(changed), parse(changed, quirks=False)
    np.testing.assert_array_equal(published.scene.gravity, np.float32([0, -9.81]))
    np.testing.assert_array_equal(honest.scene.gravity, np.float32([0, -1.62]))
    assert published.scene.inverse_mass[4] == 123
    corner = np.asarray(published.scene.vertices[:, :, 4], float)
    following = np.roll(corner, -1, axis=1)
    area = abs((corner[0] * following[1] - corner[1] * following[0]).sum()) / 2
    assert float(honest.scene.inverse_mass[4]) == pytest.approx(1 / area / float(published.scene.density[4]), rel=1e-4)
    with pytest.raises(LevelError, match=r"here.json: env_state.polygon.4.density: is 0: "):
        parse(edited(changed, "env_state.polygon.4.density", 0.0), quirks=False)


WRONG = [
    ("env_state", ..., "env_state: is missing"),
    ("env_state.circle", ..., "env_state.circle: is missing"),
    ("env_state.circle.0.radius", ..., "env_state.circle.0.radius: is missing"),
    ("env_state.joint.1.motor_binding", ..., "env_state.joint.1.motor_binding: is missing"),
    ("env_state.polygon.4.vertices.3.1", ..., "env_state.polygon.4.vertices.3.1: is missing"),
    ("env_state.polygon.4.mass", 1.0, "env_state.polygon.4.'mass': is unknown"),
    ("env_state.joint.0.motor_sped", 1.0, "did you mean motor_speed"),
    ("env_state.polygon.4.friction", "1", 'env_state.polygon.4.friction: is "1": must be a number'),
    ("env_state.polygon.4.friction", True, "friction: is true: must be a number"),
    ("env_state.polygon.4.active", 1, "active: is 1: must be true or false"),
    ("env_state.polygon.4.role", 1.0, "role: is 1.0: must be an integer"),
    ("env_state.polygon.4.role", 4, "role: is 4: must be from 0 to 3"),
    ("env_state.polygon.4", None, "env_state.polygon.4: is null: must be an object"),
    ("env_state.polygon", {}, "env_state.polygon: is an object: must be a list"),
    ("env_state.polygon.4.position.0", float("nan"), "env_state.polygon.4.position.0: is NaN"),
    ("env_state.circle.0.velocity.1", float("inf"), "env_state.circle.0.velocity.1: is Infinity"),
    ("env_state.circle.0.velocity.1", 10**400, "env_state.circle.0.velocity.1: is 1000"),
    ("env_state.acc_rr_manifolds.3.penetration", float("nan"), "env_state.acc_rr_manifolds.3.penetration: is NaN"),
    ("env_state.gravity.1", float("-inf"), "env_state.gravity.1: is -Infinity"),
    ("env_state.joint.0.a_index", 9, "env_state.joint.0.a_index: is 9: must be a body, 0 to 8"),
    ("env_state.joint.0.b_index", -1, "env_state.joint.0.b_index: is -1"),
    ("env_state.thruster.1.object_index", 99, "env_state.thruster.1.object_index: is 99"),
    ("env_state.joint.0.motor_binding", 4, "env_state.joint.0.motor_binding: is 4: must be an action, 0 to 3"),
    ("env_state.polygon.4.n_vertices", 2, "env_state.polygon.4.n_vertices: is 2: must be 3 or 4"),
    ("env_state.polygon.4.n_vertices", 5, "env_state.polygon.4.n_vertices: is 5"),
    ("env_state.polygon.4.vertices.0.0", -9.0, "env_state.polygon.4.vertices: must make a convex polygon"),
    ("env_state.polygon.4.inverse_mass", -1.0, "env_state.polygon.4.inverse_mass: is -1.0"),
    ("env_state.polygon.0.inverse_mass", 1.0, "env_state.polygon.0.inverse_mass: is 1: the first 4 polygons are walls"),
    ("env_state.circle.0.radius", -0.1, "env_state.circle.0.radius: is -0.1"),
    ("env_state.motor_auto", {"0": True}, "env_state.motor_auto.1: is missing"),
    ("static_env_params.num_circles", 4, "env_state.circle: has 3 entries: static_env_params says 4"),
    ("static_env_params.num_joints", 3, "env_state.joint: has 2 entries: static_env_params says 3"),
    ("static_env_params.num_polygons", 10**9, "static_env_params.num_polygons: is 1000000000: must be from 5 to 64"),
    ("static_env_params.num_polygons", 4, "static_env_params.num_polygons: is 4"),
    ("static_env_params.num_solver_iterations", 20, "num_solver_iterations: is 20: only 10 is supported"),
    ("static_env_params.do_warm_starting", False, "do_warm_starting: is false: only True is supported"),
    ("env_params.base_friction", 0.5, "env_params.base_friction: is 0.5: only 0.4 is supported"),
    ("env_params.dt", ..., "env_params.dt: is missing"),
    ("env_params.max_timesteps", [256], "env_params.max_timesteps: is a list: must be a number"),
]


@pytest.mark.parametrize(("path", "value", "message"), WRONG, ids=[message[:50] for _, _, message in WRONG])
def test_a_wrong_field_is_named(document, path, value, message):
    with pytest.raises(LevelError) as error:
        parse(edited(document, path, value))
    assert str(error.value).startswith("here.json: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 250


def test_senseless_joints_are_refused(document):
    idle = next(i for i, body in enumerate(document["env_state"]["circle"]) if not body["active"])
    with pytest.raises(LevelError, match=r"joint.0.b_index: is \d+: must be a body that is active"):
        parse(edited(document, "env_state.joint.0.b_index", 6 + idle))
    limited = edited(document, "env_state.joint.0.motor_has_joint_limits", True)
    with pytest.raises(LevelError, match=r"joint.0.min_rotation: is 9: must not be above max_rotation"):
        parse(edited(limited, "env_state.joint.0.min_rotation", 9.0))
    with pytest.raises(LevelError, match="must be another body"):
        parse(edited(document, "env_state.joint.0.b_index", document["env_state"]["joint"][0]["a_index"]))


def test_inactive_things_may_be_stale(document):
    stale = edited(document, "env_state.joint.1.active", False)
    stale = edited(stale, "env_state.joint.1.motor_binding", 17)
    assert parse(stale).motor_binding[1] == 17
    assert not parse(edited(document, "env_state.polygon.4.highlighted", ...)).highlighted.any()


def test_a_level_too_big_for_the_asked_capacity_is_refused(document):
    with pytest.raises(LevelError, match=r"here.json: static_env_params.num_polygons: is 6: more than the asked 5"):
        parse(document, capacity=CAPACITIES["s"])
    assert parse(document, capacity=Capacity(6, 3, 2, 3)).thruster_binding.shape == (3,)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00" * 1000,
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"{",
        b"[]",
        b"null",
        b"1" * 5000,
        b"[" * 10,
        b"[" * 10 + b"]" * 10,
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"env_state":' * 100_000,
        b'{"\\ud800\\n": 1}',
        json.dumps("x" * 10_000).encode(),
    ],
    ids=range(15),
)
def test_what_is_no_level_is_refused_in_one_line(text):
    with pytest.raises(LevelError, match=r"^here.json: ") as error:
        parse_level(text, "here.json")
    assert "\n" not in str(error.value) and len(str(error.value)) < 250
    str(error.value).encode()


@pytest.mark.parametrize("depth", [10, 100_000])
def test_nesting_inside_a_level_is_refused(document, depth):
    marked = json.dumps(edited(document, "env_state.polygon.4.position.0", "HERE"))
    with pytest.raises(LevelError, match=r"position.0: is an object|nested too deeply"):
        parse_level(marked.replace('"HERE"', '{"0":' * depth + "1" + "}" * depth), "here.json")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(LevelError, match=r"none.json: No such file"):
        read_level(tmp_path / "none.json")
    with pytest.raises(LevelError, match="is not a regular file"):
        read_level(tmp_path)
    zeros = tmp_path / "zeros.json"
    with zeros.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(LevelError, match=r"zeros.json: has 1000000000 bytes: a level has at most 16777216"):
        read_level(zeros)
