"""Make the README's pictures from films: four moments side by side, each the middle square of the film.

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
    chosen = [middle(frames[round(i)]) for i in np.linspace(0, end, MOMENTS)]
    strip = np.hstack([cv2.resize(frame, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA) for frame in chosen])
    cv2.imwrite(str(picture), cv2.cvtColor(strip, cv2.COLOR_RGB2BGR))


def middle(frame: np.ndarray) -> np.ndarray:
    """The largest square in the middle of a picture."""
    height, width, _ = frame.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
