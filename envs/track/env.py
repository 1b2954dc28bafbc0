"""Whole-body tracking as an `Env`: walk where told while the end effector follows its goal.

One control step: drive targets from the action (legs) and from the arm's controller; physics; what was reached is
rewarded against what was asked; then new commands, goals and pushes. A world that ended starts again in the same step
with a fresh draw of everything.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import mujoco
from jax import Array

from ...sim.legged import physics as engines
from ...sim.legged.physics import Fields, Outcome, Physics, State
from ...sim.legged.standing import standing
from ...sim.legged.world import World, build
from ..contract import EnvSpec, Observation, ObservationTerm, Step
from . import blowup, episode, gait, randomise, reach, reward, spec
from . import command as commands
from . import goal as goals
from . import observe as views
from .blowup import Evidence
from .config import TrackConfig
from .episode import Episode
from .goal import Goal
from .measure import Places, Seen, find, measure
from .reach import Reach

MOST_SPEED = 1e3
"""A world with a faster joint or base (rad/s, m/s) has blown up, as has one that is not finite."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrackState:
    """Where the worlds are."""

    episode: Episode
    evidence: Evidence
    key: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class TrackEnv:
    """See the module. Made by `make_track`."""

    config: TrackConfig = field(metadata={"static": True})
    physics: Physics = field(metadata={"static": True})
    places: Places = field(metadata={"static": True})
    feet: tuple[tuple[float, float], ...] = field(metadata={"static": True})
    """Places of the feet around the base in the default pose, m."""
    standing: tuple[float, ...] = field(metadata={"static": True})
    """Drive targets [J] that hold the default pose, rad: what an action of zero means."""
    share: Array
    """[] float32: how far the curriculum has come, 0 to 1."""

    @property
    def world(self) -> World:
        """Robot and ground."""
        return self.physics.world

    @property
    def engine(self) -> str:
        """Name of the physics engine."""
        return self.physics.engine

    @property
    def driven(self) -> slice:
        """The joints that the policy drives."""
        return spec.driven(self.config, self.world.robot)

    @property
    def terms(self) -> tuple[ObservationTerm, ...]:
        """Of what the policy sees."""
        return views.policy_terms(self.world.robot, self.driven.stop)

    @property
    def spec(self) -> EnvSpec:
        """See `Env.spec`."""
        return spec.make(self.config, self.world.robot, self.standing)

    def at(self, steps: Array) -> "TrackEnv":
        """The env as its curriculum has it after so many control steps of training, [], summed over worlds."""
        grows = self.config.curriculum
        if not grows.steps:
            return self
        return replace(self, share=jnp.minimum(grows.start + (1 - grows.start) * steps / grows.steps, 1.0))

    def reset(self, key: Array, worlds: int) -> tuple[TrackState, Observation]:
        """See `Env.reset`."""
        key, starting, noise = jax.random.split(key, 3)
        observation, fresh = self._start(starting, noise, worlds)
        control = jnp.zeros((worlds, self.world.model.nu))
        values = randomise.values(self.world, fresh.drawn)
        return TrackState(fresh, blowup.nothing(fresh.physics, control, values), key), observation

    def step(self, state: TrackState, action: Array) -> tuple[TrackState, Step]:
        """See `Env.step`."""
        config, robot, dt = self.config, self.world.robot, self.config.control_dt
        before, worlds = state.episode, action.shape[0]
        keys = jax.random.split(state.key, 7)
        # MuJoCo takes a target that is not a number for zero and goes on; here its world has blown up.
        sound = jnp.isfinite(action).all(-1)
        action = jnp.where(sound[:, None], jnp.clip(action, -spec.MOST_ACTION, spec.MOST_ACTION), 0.0)
        goal = goals.advance(config.goal, before.goal, keys[1], dt)
        control, reaching = self.control(before, action, goal)
        moved, felt, blown, evidence = self._advance(before, control, state.evidence, ~sound)
        seen = measure(self.world, self.places, moved, felt)

        moving = before.command.moving
        speed = jnp.linalg.norm(seen.velocity[:, :2], axis=-1)
        phase = gait.advance(config.gait, before.phase, moving, speed, dt)
        moment = self._moment(before, seen, goal, phase, action, blown)
        earned = reward.terms(config.reward, robot, dt, moment)
        earned = {name: jnp.where(blown & (name != "fall"), 0.0, value) for name, value in earned.items()}
        steps = before.steps + 1
        ended = replace(
            before,
            physics=self._push(moved, keys[2], steps * dt, moving),
            command=commands.advance(config.command, before.command, keys[3], dt),
            goal=goal,
            reach=reaching,
            phase=phase,
            last_action=action,
            steps=steps,
        )
        final, ended = self._observe(ended, seen, keys[4])
        truncated = (steps >= config.max_steps) & ~moment.fell
        first, fresh = self._start(keys[5], keys[6], worlds)
        observation, after = _where(moment.fell | truncated, (first, fresh), (final, ended))
        rewards = reward.channels(earned)
        told = spec.measures(config, robot, moment, goal, blown, felt.overflow)
        return TrackState(after, evidence, keys[0]), Step(
            observation=observation,
            reward=rewards.sum(-1),
            rewards=rewards if robot.has_arm else None,
            terminated=moment.fell,
            truncated=truncated,
            final_observation=final,
            metrics=told | {f"reward_{name}": value for name, value in earned.items()},
        )

    def save_evidence(self, state: TrackState, path: Path) -> None:
        """Write down the last world that blew up, for `blowup.replay`."""
        blowup.write(state.evidence, path)

    def _start(self, key: Array, noise: Array, worlds: int) -> tuple[Observation, Episode]:
        """Fresh episodes and what is seen of them."""
        nothing_done = jnp.zeros((worlds, self.driven.stop))
        nothing_seen = jnp.zeros((worlds, views.size(self.terms)))
        fresh = episode.start(self.config, self.world, self.feet, key, nothing_done, nothing_seen, self.share)
        return self._observe(fresh, measure(self.world, self.places, fresh.physics, self._nothing_felt(worlds)), noise)

    def control(self, before: Episode, action: Array, goal: Goal) -> tuple[Array, Reach]:
        """Drive targets [W, U] of the next step, rad, for an `action` [W, A] and the `goal` at its end; and what the
        arm's controller remembers then."""
        robot, worlds = self.world.robot, action.shape[0]
        applied = jnp.where(before.drawn.action_late[:, None], before.last_action, action)
        targets = jnp.tile(jnp.array(self.standing), (worlds, 1))
        targets = targets.at[:, self.driven].add(jnp.asarray(robot.action_scale[self.driven], jnp.float32) * applied)
        reaching = before.reach
        if robot.has_arm and self.config.arm == "ik":
            seen = measure(self.world, self.places, before.physics, self._nothing_felt(worlds))
            place, turn = self.goal_pose(goal, seen)
            arm, reaching = reach.advance(robot, self.places, reaching, seen, place, turn, self.config.control_dt)
            targets = targets.at[:, robot.arm].set(arm)
        targets = jnp.clip(targets, robot.lower + spec.TARGET_MARGIN, robot.upper - spec.TARGET_MARGIN)
        return jnp.zeros((worlds, self.world.model.nu)).at[:, robot.actuator].set(targets), reaching

    def _advance(
        self, before: Episode, control: Array, evidence: Evidence, unsound: Array
    ) -> tuple[State, Outcome, Array, Evidence]:
        """Physics. A world that blows up [W] bool, as `unsound` ones do, stays where it was, feels nothing, and leaves
        evidence."""
        values: Fields = randomise.values(self.world, before.drawn)
        moved, felt = self.physics.step(before.physics, control, values, self.config.decimation)
        blown = unsound | ~(jnp.isfinite(moved.qpos).all(-1) & (jnp.abs(moved.qvel) < MOST_SPEED).all(-1))
        evidence = blowup.keep(evidence, blown, before.physics, control, values)
        nothing = self._nothing_felt(control.shape[0])
        moved, felt = _where(blown, (before.physics, nothing), (moved, felt))
        return moved, felt, blown, evidence

    def _moment(
        self, before: Episode, seen: Seen, goal: Goal, phase: Array, action: Array, blown: Array
    ) -> reward.Moment:
        """The step as the rewards see it."""
        config = self.config
        stance, swing = gait.feet(config.gait, phase, gait.stepping(phase, before.command.moving))
        tilted = jnp.maximum(jnp.abs(seen.roll), jnp.abs(seen.pitch)) > config.most_tilt
        place, turn = self.goal_pose(goal, seen)
        return reward.Moment(
            seen=seen,
            joint_rates=before.physics.qvel[:, self.world.robot.qvel],
            command=before.command.velocity,
            stance=stance,
            swing=swing,
            ee_off=place - seen.ee_place,
            ee_turn_off=reward.angle(seen.ee_turn, turn),
            action=action,
            last_action=before.last_action,
            fell=blown | tilted | (seen.height < config.least_height),
        )

    def goal_pose(self, goal: Goal, seen: Seen) -> tuple[Array, Array]:
        """Place [W, 3] from the base and rotation [W, 4] of the goal, heading frame."""
        place, turn = goals.pose(self.config.goal, goal.now())
        ahead = jnp.full_like(seen.height, float(self.places.arm_base[0]))
        centre = jnp.stack([ahead, jnp.zeros_like(ahead), self.config.goal.height - seen.height], -1)
        return centre + place, turn

    def _push(self, state: State, key: Array, seconds: Array, moving: Array) -> State:
        first, random = self.world.robot.base_qvel, self.config.random
        velocity = state.qvel[:, first : first + 2]
        pushed = randomise.push(random, key, seconds, moving, velocity, self.config.control_dt, self.share)
        return replace(state, qvel=state.qvel.at[:, first : first + 2].set(pushed))

    def _observe(self, now: Episode, seen: Seen, key: Array) -> tuple[Observation, Episode]:
        """What is seen of episodes, and the episodes with it kept."""
        robot = self.world.robot
        place, turn = self.goal_pose(now.goal, seen)
        view = views.View(
            seen=seen,
            last_action=now.last_action,
            command=now.command.velocity,
            clock=gait.clock(now.phase, gait.stepping(now.phase, now.command.moving)),
            ee_off=place - seen.ee_place,
            goal_place=place,
            goal_turn=turn,
            goal_roll=self.config.goal.roll,
            drawn=now.drawn,
        )
        clean = views.vector(self.terms, view, robot)
        late = now.drawn.observation_late & (now.steps > 0)
        on_time_or_late = jnp.where(late[:, None], now.seen, clean)
        shown = views.noisy(self.terms, on_time_or_late, key, self.config.random.noise)
        privileged = views.vector(views.privileged_terms(robot), view, robot)
        if not self.config.history:
            return Observation(shown, jnp.concatenate([clean, privileged], -1)), replace(now, seen=clean)
        frames = views.lengthened(now.frames, shown, now.steps == 0)
        told = Observation({"now": shown, "history": frames}, {"now": clean, "privileged": privileged})
        return told, replace(now, seen=clean, frames=frames)

    def _nothing_felt(self, worlds: int) -> Outcome:
        """What sensors say before the first step: no contact."""
        model = self.world.model
        return Outcome(jnp.zeros((worlds, model.nsensordata)), jnp.zeros((worlds, model.nu)), jnp.zeros(worlds, bool))


def _where(choose: Array, one, other):
    """Leaf by leaf, worlds that are chosen [W] from `one`, the rest from `other`."""
    return jax.tree.map(lambda a, b: jnp.where(choose.reshape(-1, *[1] * (a.ndim - 1)), a, b), one, other)


def make_track(config: TrackConfig) -> TrackEnv:
    """The env of a config. Raises ValueError for a robot, a ground or an engine that cannot be had."""
    world = build(config.robot, config.terrain, config.timestep)
    robot = world.robot
    data = mujoco.MjData(world.model)
    data.qpos[robot.qpos] = robot.default
    mujoco.mj_kinematics(world.model, data)
    feet = data.geom_xpos[robot.feet, :2] - data.xpos[robot.base, :2]
    return TrackEnv(
        config=config,
        physics=engines.make(config.engine, world, randomise.fields(world)),
        places=find(world),
        feet=tuple((float(x), float(y)) for x, y in feet),
        standing=tuple(float(x) for x in standing(world)),
        share=jnp.float32(1),
    )
