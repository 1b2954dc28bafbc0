"""Make the README's pictures from films: four moments side by side.

python benchmarks/demo_picture.py runs/demo/<time>/videos/<film>.mp4 docs/demo.png
python benchmarks/demo_picture.py walk.mp4 docs/track.png
"""

import sys
from pathlib import Path

import av
import cv2
import numpy as np
from gambol.policies.judge.show import HOLD

MOMENTS = 4
PIXELS = 300


def main(film: Path, picture: Path) -> None:
    """Take frames at equal distances from the first to the end of the episode, after which the film stands still."""
    with av.open(str(film)) as container:
        rate = container.streams.video[0].average_rate
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    end = len(frames) - round(HOLD * float(rate or 0))
    strip = np.hstack([small(frames[round(i)]) for i in np.linspace(0, end, MOMENTS)])
    cv2.imwrite(str(picture), cv2.cvtColor(strip, cv2.COLOR_RGB2BGR))


def small(frame: np.ndarray) -> np.ndarray:
    """The picture, so many pixels high."""
    height, width, _ = frame.shape
    return cv2.resize(frame, (round(PIXELS * width / height), PIXELS), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
