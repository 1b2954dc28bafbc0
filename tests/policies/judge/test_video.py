"""Films are decoded again and compared with the frames that went in."""

import av
import numpy as np
import pytest
from gambol.policies.judge.video import GAP, tile, write_video


def clip(frames: int = 12, height: int = 64, width: int = 96) -> list[np.ndarray]:
    """A light square that moves over a coloured ground."""
    pictures = np.empty((frames, height, width, 3), np.uint8)
    pictures[:] = (64, 120, 85)
    for i in range(frames):
        pictures[i, 16:40, 4 + 4 * i : 28 + 4 * i] = (240, 200, 90)
    return list(pictures)


def decode(path) -> tuple[str, float, np.ndarray]:
    with av.open(path) as file:
        stream = file.streams.video[0]
        pictures = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(stream)])
        assert stream.pix_fmt == "yuv420p"
        assert stream.average_rate is not None
        return stream.codec_context.name, float(stream.average_rate), pictures


@pytest.mark.parametrize("fps", [30, 25.0, 29.97])
def test_the_film_shows_the_frames(tmp_path, fps):
    path = tmp_path / "videos" / "film.mp4"
    write_video(path, iter(clip()), fps)
    codec, rate, seen = decode(path)
    assert codec == "h264"
    assert rate == pytest.approx(fps, rel=1e-4)
    assert seen.shape == (12, 64, 96, 3)
    assert np.abs(seen - np.stack(clip()).astype(int)).mean() < 4
    assert [p.name for p in path.parent.iterdir()] == ["film.mp4"]


def test_odd_sizes_gain_a_row_and_a_column(tmp_path):
    write_video(tmp_path / "film.mp4", clip(3, 65, 97))
    _, _, seen = decode(tmp_path / "film.mp4")
    assert seen.shape == (3, 66, 98, 3)
    assert np.abs(seen[:, :65, :97] - np.stack(clip(3, 65, 97)).astype(int)).mean() < 4


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "frames is empty"),
        ([*clip(2), clip(1, 32, 32)[0]], r"frames\[2\] is \[32, 32, 3\]"),
        ([clip(1)[0].astype(np.float32)], r"frames\[0\] is float32"),
        ([clip(1)[0][..., 0]], r"frames\[0\] is uint8 \[64, 96\]"),
        ([clip(1)[0][:8]], "at least 16 pixels"),
    ],
)
def test_wrong_frames_are_named_and_the_old_film_stays(tmp_path, frames, message):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=message):
        write_video(path, frames)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def test_wrong_rates_and_places(tmp_path):
    with pytest.raises(ValueError, match="fps is 0"):
        write_video(tmp_path / "film.mp4", clip(1), 0)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        write_video(tmp_path / "file" / "film.mp4", clip(1))


def test_tile_lays_pictures_out_row_by_row():
    pictures = [np.full((10, 20, 3), 10 * i, np.uint8) for i in range(5)]
    grid = tile(pictures, 3)
    assert grid.shape == (20 + GAP, 60 + 2 * GAP, 3)
    assert [grid[5, 10 + i * (20 + GAP), 0] for i in range(3)] == [0, 10, 20]
    assert [grid[15 + GAP, 10 + i * (20 + GAP), 0] for i in range(3)] == [30, 40, 255]
    assert (grid[10 : 10 + GAP] == 255).all()


def test_tile_takes_clips_and_few_pictures():
    clips = [np.stack(clip(3)), np.stack(clip(3))]
    grid = tile(clips, 4)
    assert grid.shape == (3, 64, 2 * 96 + GAP, 3)
    np.testing.assert_array_equal(grid[2], tile([c[2] for c in clips], 4))


@pytest.mark.parametrize(
    ("pictures", "columns"), [([], 2), ([np.zeros((4, 4, 3)), np.zeros((4, 5, 3))], 2), (clip(1), 0)]
)
def test_tile_refuses_what_makes_no_grid(pictures, columns):
    with pytest.raises(ValueError, match="grid"):
        tile(pictures, columns)
