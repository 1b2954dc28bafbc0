"""Sizes of the real-time chunking benchmark (Black et al. 2025, arXiv 2506.07339): what is published, and less.

Not as published in any preset: of the twelve levels eight can be had; actions of experts are clipped, not squashed;
data are counted in episodes, at most 8,000 per level, where the paper has 1,015,808 steps, and 2 % of them are held
out; flow times are Beta, not uniform; actions are z-scored; steps past an episode's end do not count, where the paper
has actions of zero; runs that go on from another warm up anew.
"""

from dataclasses import dataclass, replace
from typing import Literal

from ....envs.planar.env import PlanarConfig
from ...learn.config import RunConfig, TrainConfig
from ...learn.flow.config import FlowLearning
from ...learn.ppo.config import PPOConfig
from ...nets.config import NetworkConfig
from ...nets.flow.config import ExpertConfig, FlowConfig
from ...nets.flow.mixer import MixerConfig
from ...rtc.config import Method, PlayConfig

Kind = Literal["first", "naive", "settled", "reflex"]
"""Of the runs of a policy: its beginning; from there on without and with settled actions; a reflex on the latter."""
Judged = Method | Literal["reflex"]
"""reflex: as settled, and each action is corrected for what is observed when it is executed."""


@dataclass(frozen=True)
class RtcBench:
    """One preset. Raises ValueError, in one line, for a setting that cannot work."""

    levels: tuple[str, ...]
    """Every one has experts, data and policies of its own."""
    ppo: PPOConfig
    network: NetworkConfig
    """Of experts."""
    expert_steps: int
    """Control steps of training of an expert."""
    flow: FlowLearning
    """Of policies; data, start, settled and reflex are filled in."""
    chunks: int
    """That a policy learns from."""
    episodes: int
    """Recorded per data set."""
    size: str = "l"
    """Capacity of the levels."""
    sets: int = 1
    """Data sets per level, each of experts of its own. Policies take them in turn."""
    experts: int = 1
    """Per data set, of different seeds."""
    tries: int = 1
    """Experts that are trained for a data set at most, until `experts` are good enough."""
    least: float = 0.65
    """Share of episodes that an expert must solve for its episodes to be learned from."""
    frames: int = 1
    """That experts see at once; policies see one."""
    seeds: int = 2
    """Policies per level."""
    settled: int = 4
    """Most settled actions."""
    apart: float = 0.25
    """Share of the learning, its end, that is done twice: with settled actions and without."""
    reflex: tuple[int, ...] = (256, 256)
    """Hidden layers of reflexes."""
    reflex_chunks: int = 100_000
    """That they learn from."""
    action_noise: float = 0.1
    """Disturbances, always."""
    methods: tuple[Judged, ...] = (
        *("naive", "guided", "identity", "hard", "settled", "ensemble", "bidirectional"),
        "reflex",
    )
    delays: tuple[int, ...] = (0, 1, 2, 3, 4)
    blocks: tuple[int, ...] = ()
    """Steps of a chunk that are executed: as many as the delay, at least one, and these, where horizon and delay allow.
    """
    rollouts: int = 256
    """Episodes per level, policy, method, delay and length of blocks."""
    max_steps: int = 256

    def __post_init__(self):
        counts = ("expert_steps", "chunks", "reflex_chunks", "episodes", "sets", "experts", "seeds", "rollouts")
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.tries < self.experts or self.seeds % self.sets:
            raise ValueError(
                f"tries is {self.tries} and seeds {self.seeds}: at least {self.experts}, a multiple of {self.sets}"
            )
        if len({slug(level) for level in self.levels}) < len(self.levels):
            raise ValueError(f"levels is {', '.join(self.levels)}: two have the same last name, which names a folder")
        if not self.levels or "naive" not in self.methods:
            raise ValueError("name a level at least, and 'naive' among the methods")
        if not 0 < self.apart < 1:
            raise ValueError(f"apart is {self.apart}: it must be a share between 0 and 1")
        if 2 * max(self.delays) > self.flow.horizon:
            raise ValueError(f"a delay of {max(self.delays)} needs a horizon of twice that")

    def paces(self) -> list[tuple[int, int]]:
        """Delays, and the lengths of blocks with each."""
        found = [(delay, shortest(delay)) for delay in self.delays]
        for every in self.blocks:
            found += [(delay, every) for delay in self.delays if delay <= every <= self.flow.horizon - delay]
        return list(dict.fromkeys(found))

    def env(self, level: str, frames: int = 1) -> PlanarConfig:
        """The task: one level, with the published dense reward for experts."""
        return PlanarConfig(
            size=self.size,  # pyright: ignore[reportArgumentType]
            levels=(level,),
            action="continuous",
            frames=frames,
            action_noise=self.action_noise,
            max_steps=self.max_steps,
        )

    def expert(self, level: str, seed: int) -> TrainConfig:
        """The run of an expert."""
        run = RunConfig(total_steps=self.expert_steps, log_every=10, checkpoint_every=50, tensorboard=False)
        return TrainConfig("expert", seed, self.env(level, self.frames), self.network, self.ppo, run=run)

    def policy(self, level: str, seed: int, data: str, kind: Kind, start: str = "") -> TrainConfig:
        """A run of a policy, from `start` on unless it is the first."""
        rest = round(self.apart * self.chunks)
        chunks = {"first": self.chunks - rest, "reflex": self.reflex_chunks}.get(kind, rest)
        flow = replace(
            self.flow,
            data=(data,),
            start=start,
            settled=self.settled if kind in ("settled", "reflex") else 0,
            reflex=self.reflex if kind == "reflex" else (),
        )
        run = RunConfig(total_steps=chunks, log_every=100, checkpoint_every=1000, tensorboard=False)
        return TrainConfig("policy", seed, self.env(level), flow=flow, run=run)


def shortest(delay: int) -> int:
    """Steps of the shortest block that a delay allows."""
    return max(delay, 1)


def slug(level: str) -> str:
    """A level's name as a folder's."""
    return level.removesuffix(".json").rsplit("/", 1)[-1]


HEAD = FlowConfig(depth=3, heads=4, head_dim=16, prefix=ExpertConfig(64, 128), action=ExpertConfig(64, 128), steps=5)
EXPERT = PPOConfig(
    worlds=256, rollout_steps=32, epochs=4, minibatches=8, learning_rate=3e-4, gamma=0.995, gae_lambda=0.9, clip=0.2
)
LEARNING = FlowLearning(
    head=HEAD,
    play=PlayConfig(every=1),
    batch=512,
    learning_rate=1e-3,
    final_rate=1.0,
    max_grad_norm=10.0,
    held_out=0.02,
)
SMALL = RtcBench(
    levels=tuple(f"kinetix/l/{name}" for name in ("mjc_half_cheetah", "mjc_walker", "mjc_swimmer", "grasp_easy")),
    ppo=EXPERT,
    network=NetworkConfig((256, 256), (256, 256)),
    expert_steps=4_000_000,
    flow=replace(
        LEARNING, batch=128, learning_rate=3e-3, final_rate=0.05, settled_decay=1.0
    ),  # else few delays are long
    chunks=2_000_000,
    apart=0.5,
    reflex_chunks=300_000,
    episodes=1500,
    sets=2,  # so that a policy of another seed is of another expert
    tries=4,
    blocks=(4,),
    methods=("naive", "guided", "identity", "hard", "settled", "ensemble", "reflex"),  # 16 chunks for each are too dear
)
TINY = replace(
    SMALL,
    levels=("kinetix/s/h6_unicycle_right",),
    size="s",
    ppo=replace(EXPERT, worlds=128),
    expert_steps=300_000,
    chunks=100_000,
    reflex_chunks=25_000,
    episodes=200,
    seeds=1,
    sets=1,
    blocks=(),
    methods=RtcBench.methods,
    delays=(0, 4),
    rollouts=64,
)
FULL = RtcBench(
    levels=tuple(
        f"kinetix/l/{name}"
        for name in (
            *("grasp_easy", "hard_lunar_lander", "mjc_half_cheetah", "mjc_swimmer", "mjc_walker"),
            *("h17_unicycle", "chain_lander", "car_launch"),
        )
    ),
    ppo=replace(EXPERT, rollout_steps=256, max_grad_norm=1.0, robustness=0.3),
    network=NetworkConfig((256, 256), (256, 256)),
    expert_steps=65_536_000,
    flow=replace(
        LEARNING,
        mixer=MixerConfig(),
        learning_rate=3e-4,
        warm_up=1000,
        average=0.0,
        beta2=0.999,
        observation_scaling="none",
    ),
    chunks=32 * 1_015_808,
    reflex_chunks=4 * 1_015_808,
    episodes=8000,
    experts=6,
    tries=8,
    frames=4,
    seeds=3,
    blocks=(1, 2, 3, 4, 5, 6, 7),
    rollouts=2048,
)
OWN = replace(
    SMALL,
    levels=("gambol/catapult", "gambol/cartpole_thrust", "gambol/catcher", "gambol/trampoline"),
    ppo=replace(EXPERT, robustness=0.3),  # without it none learns to balance the pole
)
PRESETS: dict[str, RtcBench] = {"tiny": TINY, "small": SMALL, "own": OWN, "full": FULL}
