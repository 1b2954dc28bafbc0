"""The tables of `docs/track.md`, made of rows of results."""

from typing import Any

Row = dict[str, Any]

PUBLISHED = (
    ("VBC (Liu et al. 2024), standing", "", "", "", "", "4.7", "", "49"),
    ("VBC, walking", "", "", "", "", "2.9", "", "19"),
    ("Portela et al. 2024, standing, no walk", "", "", "", "0.83", "", "3.4", ""),
    ("UMI on Legs (Ha et al. 2024), trajectories", "", "", "", "", "2.1", "", "3.4"),
)
"""What others report, from their papers, in the columns of `MEASURES`; how they measured is said under the table."""
MEASURES = {
    "survival": "survival, %",
    "vx_rmse": "vx RMSE, m/s",
    "yaw_rate_rmse": "yaw rate RMSE, rad/s",
    "ee_pos_hold_cm": "hold, cm",
    "ee_pos_move_cm": "move, cm",
    "ee_ang_hold_deg": "hold, deg",
    "ee_ang_move_deg": "move, deg",
}
GROUPS = ("standing", "walking", "low", "middle", "high")


def tracking(row: Row) -> str:
    """The judgement of a policy: all steps, then by command and by height of the goal, and what others report."""
    report, trained = row["report"], row["trained"]
    effort = report["metrics"]
    lines = [
        *_head("steps"),
        _line("all", report["metrics"], interval=True),
        *(_line(group, report["groups"][group]) for group in GROUPS),
        *(f"| {' | '.join(cells)} |" for cells in PUBLISHED),
        "",
        f"{effort['survival']['n']:,} episodes of 10 s of `{report['suite']}`, engine `{row['engine']}`, 95 % "
        f"intervals in brackets. Leg torque {effort['torque_nm']['mean']:.0f} N m (RMS of a joint), power "
        f"{effort['power_w']['mean']:.0f} W, foot slip {effort['foot_slip_mps']['mean']:.2f} m/s. Trained for "
        f"{trained['steps']:,} control steps, seed {trained['seed']}, commit {trained['commit'][:7]}.",
    ]
    return "\n".join(lines)


def headline(row: Row) -> str:
    """What the front page says of a judgement."""
    found = row["report"]["metrics"]

    def of(name: str, show: str, factor: float = 1.0) -> str:
        return show.format(factor * found[name]["mean"])

    lines = [
        f"| `{row['report']['suite']}`: {found['survival']['n']:,} episodes of 10 s, everything random | mean |",
        "|---|---:|",
        f"| episodes without a fall | {of('survival', '{:.1f} %', 100)} |",
        f"| forward speed, RMSE | {of('vx_rmse', '{:.3f} m/s')} |",
        f"| turning rate, RMSE | {of('yaw_rate_rmse', '{:.3f} rad/s')} |",
        f"| gripper to a goal at rest | {of('ee_pos_hold_cm', '{:.2f} cm')}, {of('ee_ang_hold_deg', '{:.1f}°')} |",
        f"| gripper to a moving goal | {of('ee_pos_move_cm', '{:.2f} cm')}, {of('ee_ang_move_deg', '{:.1f}°')} |",
    ]
    return "\n".join(lines)


def beside(rows: list[Row]) -> str:
    """The same policy on other ground and other engines, one line for each judgement."""
    return "\n".join(
        [
            *_head("suite, engine, episodes"),
            *(
                _line(
                    f"`{row['report']['suite']}`, `{row['engine']}`, {row['report']['metrics']['survival']['n']:,}",
                    row["report"]["metrics"],
                )
                for row in rows
            ),
        ]
    )


def engines(row: Row) -> str:
    """Speed of the physics."""
    lines = [
        "| engine, ground | worlds | physics steps/s | compile, s |",
        "|---|---:|---:|---:|",
        *(
            f"| `{of['engine']}`, {of['terrain']} | {of['worlds']:,} | {of['physics_steps_per_second']:,} | "
            f"{of['compile_seconds']:.0f} |"
            for of in row["engines"]
        ),
        "",
        f"{_machine(row)}, mujoco {row['versions']['mujoco']}, jax {row['versions']['jax']}.",
    ]
    return "\n".join(lines)


def speed(row: Row) -> str:
    """Speed of task and training."""
    return (
        f"Preset `{row['preset']}`, {row['worlds']:,} worlds, engine `{row['engine']}`: "
        f"{row['env_steps_per_second']:,} control steps/s ({row['physics_steps_per_second']:,} physics steps/s, to "
        f"which the task adds {100 * row['overhead']:.0f} %), {row['training_steps_per_second']:,} with learning. "
        f"{_machine(row)}."
    )


def quick(row: Row) -> str:
    """What a preset comes to, from nothing."""
    found = {name: of["mean"] for name, of in row["report"]["metrics"].items()}
    return (
        f"`gambol train {row['preset']}`: {row['steps']:,} control steps in {row['wall_seconds'] / 60:.1f} minutes, "
        f"from nothing, compilation included ({_machine(row)}). Then {100 * found['survival']:.1f} % survive "
        f"`{row['report']['suite']}`; vx RMSE {found['vx_rmse']:.3f} m/s, yaw rate RMSE {found['yaw_rate_rmse']:.3f} "
        f"rad/s, end effector {found['ee_pos_hold_cm']:.2f} cm off at rest and {found['ee_pos_move_cm']:.2f} cm moving."
    )


def _machine(row: Row) -> str:
    return f"{row['cores']} cores of an {row['device']}"


def _head(first: str) -> list[str]:
    return [f"| {first} | {' | '.join(MEASURES.values())} |", f"|---|{'---:|' * len(MEASURES)}"]


def _line(name: str, of: dict[str, Any], interval: bool = False) -> str:
    def cell(measure: str) -> str:
        found = of.get(measure)
        if found is None or found["mean"] is None:
            return ""
        show = "{:.1f}".format if measure == "survival" else "{:.3g}".format
        factor = 100 if measure == "survival" else 1
        mean, lo, hi = (show(factor * found[end]) for end in ("mean", "lo", "hi"))
        return f"{mean} ({lo} to {hi})" if interval else mean

    return f"| {name} | {' | '.join(map(cell, MEASURES))} |"
