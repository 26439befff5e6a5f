import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from judges import write_tiny_judge
from tiny import write_tiny_pack

pytest.importorskip("torchmetrics")

from dva.dva_plugin import evaluate_tables
from dva.dva_plugin.cli import main
from dva.dva_plugin.evaluate_clip import face_stills, open_judge, read_track
from dva.dva_plugin.report_svg import Chart, draw
from dva.model.errors import InputError
from dva.model.faces.align import crop_from_frame, quads_from_landmarks
from dva.model.faces.detect import FaceDetector
from dva.model.metrics.clip import FIGURES
from dva.model.video import ArraySource, open_video, write_video

RATE = Fraction(24000, 1001)
T, SIDE = 6, 200
HOSTILE = "<script>alert(1)</script>"


def write(path: Path, images: np.ndarray) -> Path:
    clip = ArraySource(images, RATE)
    write_video(path, clip, clip)
    return path


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """A face under a drifting camera."""
    photo = pytest.importorskip("skimage.data").astronaut()
    return np.stack([photo[i : i + SIDE, 130 + i : 130 + i + SIDE] for i in range(T)])


@pytest.fixture(scope="module")
def shots(images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one shot: the head a little darker, but for frame 4, which nobody edited."""
    folder = tmp_path_factory.mktemp("shots")
    edited = images.copy()
    edited[:, 50:80, 60:130] = images[:, 50:80, 60:130] // 4 * 3
    edited[4] = images[4]
    write(folder / "a&b.source.mkv", images)
    write(folder / "a&b.edited.mkv", edited)
    face = max(FaceDetector("cpu").detect(images[0]), key=lambda found: found.side)
    square = quads_from_landmarks(face.landmarks[None], 0, 0)[0]
    quads = [(square - [i, i]).tolist() for i in range(1, T)]
    quads[1] = None  # frame 2
    person = {"id": 0, "first": 1, "last": T - 1, "gaps": [[2, 2]], "quads": quads}
    (folder / "a&b.track.json").write_text(json.dumps({"frame_rate": str(RATE), "people": [person]}))
    (folder / "a&b.settings.json").write_text(json.dumps({"note": HOSTILE, "attributes": {"Eyeglasses": 1.0}}))
    return folder


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_judge(tmp_path_factory.mktemp("judges") / "judge"))


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No judge, flow or recogniser of this computer: what a test needs, it names."""
    monkeypatch.setenv("DVA_PACKS", str(tmp_path / "packs"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("dva.dva_plugin.evaluate_clip.ROOT", tmp_path)


def pair(shots: Path) -> list[str]:
    return [str(shots / "a&b.source.mkv"), str(shots / "a&b.edited.mkv")]


def test_eval_names_every_figure_and_what_is_missing(shots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "figures.json"
    track = ["--track", str(shots / "a&b.track.json")]
    assert main(["eval", *pair(shots), *track, "--json", str(out), "--device", "cpu"]) == 0
    figures = json.loads(out.read_text())
    assert set(FIGURES) <= set(figures)
    assert {name for name in FIGURES if figures[name] is None} == {"lpips", "tl_id", "tg_id", "id_cosine"}
    told = capsys.readouterr()
    assert "lpips was not measured: AlexNet's weights" in told.err
    assert "tg_id was not measured: neither the pack `judge`" in told.err
    assert figures["frames_without_face"] == [0, 2]
    assert "look at frames 0, 2: the track has no face here" in told.out
    assert not list(tmp_path.glob("*.part"))


def test_a_missing_package_is_named_before_anything_is_read(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr("dva.model.metrics.instruments.find_spec", lambda _: None)
    assert main(["eval", "no.mkv", "such.mkv", "--device", "cpu"]) == 1
    assert "pip install torchmetrics" in capsys.readouterr().err


def test_a_judge_fills_in_identity_and_attributes(shots: Path, judge: str, tmp_path: Path):
    out = tmp_path / "figures.json"
    assert main(["eval", *pair(shots), "--judge", judge, "--json", str(out), "--device", "cpu"]) == 0  # finds the face
    figures = json.loads(out.read_text())
    assert figures["lpips"] is None
    assert all(figures[name] is not None for name in FIGURES if name != "lpips")
    assert figures["frames_without_face"] == []
    assert set(figures["attributes"]) == {"Eyeglasses", "Gray_Hair"}
    assert figures["measured_with"]["identity"].startswith("judge ")


def test_an_installed_judge_is_found_by_itself(tmp_path: Path):
    import torch

    assert open_judge(None, torch.device("cpu")) is None
    write_tiny_judge(tmp_path / "packs" / "judge")
    found = open_judge(None, torch.device("cpu"))
    assert found is not None
    assert found.attributes == ("Eyeglasses", "Gray_Hair")


@pytest.mark.parametrize(
    ("cut", "told"),
    [(np.s_[:-1], f"has {T - 1} frames"), (np.s_[:, :-2], f"has {SIDE - 2} rows"), (np.s_[:, :, 2:], "pixels a row")],
)
def test_clips_that_differ_in_length_or_size_end_with_exit_code_4(
    images: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: object, told: str
):
    arguments = [str(write(tmp_path / "a.mkv", images)), str(write(tmp_path / "b.mkv", images[cut]))]
    assert main(["eval", *arguments, "--device", "cpu"]) == 4
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["one.mkv"], ["--tables", "x", "--track", "y"], ["a", "b", "--frames", "3"], ["a", "b", "--attribute", "x"]],
)
def test_a_request_that_makes_no_sense_ends_with_exit_code_2(arguments: list[str]):
    assert main(["eval", *arguments]) == 2


PERSON = {"first": 0, "last": 1, "quads": [[[0, 0], [0, 1], [1, 1], [1, 0]]] * 2}


@pytest.mark.parametrize(
    "track",
    ["no JSON", {"people": []}, {}, {"people": [PERSON | {"last": T}]}, {"people": [PERSON | {"last": 2}]},
     {"people": [PERSON | {"quads": [[[0, 0]], None]}]}],
)  # fmt: skip
def test_a_track_of_something_else_is_refused(shots: Path, tmp_path: Path, track: object):
    path = tmp_path / "track.json"
    path.write_text(track if isinstance(track, str) else json.dumps(track))
    with pytest.raises(InputError, match=r"track\.json"):
        read_track(path, open_video(shots / "a&b.source.mkv"))


def test_the_track_of_whoever_is_largest_is_taken(shots: Path, tmp_path: Path):
    large = {"first": 1, "last": 3, "gaps": [[2, 2]], "quads": [[[0, 0], [0, 9], [9, 9], [9, 0]]] * 3}
    path = tmp_path / "track.json"
    path.write_text(json.dumps({"people": [PERSON, large]}))
    quads = read_track(path, open_video(shots / "a&b.source.mkv"))
    assert np.isfinite(quads).all((1, 2)).tolist() == [False, True, False, True, False, False]
    assert quads[3].tolist() == large["quads"][0]


def test_a_report_is_one_page_that_shows_the_frame_nobody_edited(shots: Path, judge: str, capsys):
    assert main(["report", str(shots), "--judge", judge, "--device", "cpu"]) == 0
    assert "report.html" in capsys.readouterr().out
    facts = json.loads((shots / "a&b.report.json").read_text())
    # three frames with a face are no habit; the gap is flagged all the same
    assert [flag["frame"] for flag in facts["flags"] if flag["kind"] == "gap"] == [0, 2]
    assert facts["settings"]["note"] == HOSTILE
    assert facts["versions"].keys() >= {"dva", "torch"}
    change = facts["curves"]["change"]
    assert change[2] is None
    assert change[4] == 0 < min(change[k] for k in (1, 3, 5))
    page = (shots / "report.html").read_text(encoding="utf-8")
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<h2>a&amp;b</h2>" in page
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert links
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in links)
    assert "http" not in page


def test_a_shot_that_cannot_be_measured_says_why_and_the_others_go_on(images: np.ndarray, shots: Path, tmp_path: Path):
    for name in ("good.source", "good.edited"):
        write(tmp_path / f"{name}.mkv", images)
    (tmp_path / "good.track.json").write_text((shots / "a&b.track.json").read_text())
    write(tmp_path / "bad.source.mkv", images)
    write(tmp_path / "bad.edited.mkv", images[:3])
    assert main(["report", str(tmp_path), "--device", "cpu"]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "has 3 frames" in page
    assert (tmp_path / "good.report.json").exists()
    assert not (tmp_path / "bad.report.json").exists()
    assert "2 of 2 shots to look at" in page  # one cannot be measured, one has a gap


def test_a_folder_without_pairs_ends_with_exit_code_4(images: np.ndarray, tmp_path: Path, capsys):
    assert main(["report", str(tmp_path / "none")]) == 4
    assert main(["report", str(tmp_path)]) == 4
    write(tmp_path / "x.source.mkv", images[:2])
    assert main(["report", str(tmp_path)]) == 4
    assert "0 files x.edited.*" in capsys.readouterr().err


def test_a_curve_is_drawn_where_it_has_numbers():
    curve = np.array([0.0, 1.0, np.nan, 0.5, 2.0])
    svg = draw(Chart('a "curve" & more', curve, flagged=[4], missing=[2], high=1.5))
    lines = re.findall(r'<polyline class="edited" points="([^"]*)"', svg)
    assert [len(line.split()) for line in lines] == [2, 2]
    heights = [float(point.split(",")[1]) for line in lines for point in line.split()]
    assert heights[3] < heights[1] < heights[2] < heights[0]  # 2 lies above 1 above 0.5 above 0
    assert svg.count('class="missing"') == 1
    assert "frame 4: 2" in svg
    assert "a &quot;curve&quot; &amp; more" in svg
    assert draw(Chart("nothing", np.full(3, np.nan))) == ""


def test_a_long_curve_keeps_its_peaks():
    curve = np.zeros(30_000)
    curve[12_345] = 7
    svg = draw(Chart("long", curve))
    points = re.findall(r'points="([^"]*)"', svg)[0].split()
    assert len(points) < 1100
    top = min(float(point.split(",")[1]) for point in points)
    assert sum(float(point.split(",")[1]) == top for point in points) == 1


def test_stills_for_the_judge_are_the_faces_of_spread_frames(images: np.ndarray, tmp_path: Path):
    write(tmp_path / "one.mkv", images)
    write(tmp_path / "void.mkv", np.full((3, 64, 64, 3), 90, np.uint8))
    detector = FaceDetector("cpu")
    stills = face_stills(tmp_path, 3, 32, detector)
    assert list(stills) == ["one.mkv"]
    assert stills["one.mkv"].shape == (3, 32, 32, 3)
    last = max(detector.detect(images[-1]), key=lambda found: found.side)
    crop = crop_from_frame(images[-1], quads_from_landmarks(last.landmarks[None], 0, 0)[0], 32)
    assert np.abs(stills["one.mkv"][-1] - crop).max() <= 1


def test_tables_compare_one_identity_a_clip_with_one_a_frame(
    images: np.ndarray, judge: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr(evaluate_tables, "STEPS", (4,))
    folder = tmp_path / "clips"
    folder.mkdir()
    write(folder / "one.mkv", images)
    write(folder / "two.mkv", images[:, :, ::-1])
    write(folder / "void.mkv", np.full((2, 64, 64, 3), 90, np.uint8))
    pack = str(write_tiny_pack(tmp_path / "tiny"))
    arguments = ["eval", "--tables", str(folder), "--pack", pack, "--judge", judge, "--frames", "3", "--device", "cpu"]
    assert main([*arguments, "--attribute", "Gray_Hair=2"]) == 0
    told = capsys.readouterr().out
    assert "2 clips; identity judged by judge" in told
    assert "Left out: void.mkv" in told
    rows = [line.strip("| ").split(" | ") for line in told.splitlines() if line.startswith("| ")]
    table = {tuple(row[:2]): row[2:] for row in rows}
    assert 0 < float(table["fixed_point", "4"][0]) <= 1  # SSIM
    assert table["fixed_point", "4"][2] == "n/a"  # LPIPS
    for method in evaluate_tables.METHODS:
        assert table["Gray_Hair +2", method] == table["all", method]  # there is one edit
        assert 0 < float(table["all", method][1]) < 2
    assert re.search(r"\| Gray_Hair \+2 \| \d of 2 \| \d of 2 \|", told)
    assert re.search(r"\| original \| [\d.e-]+ \| [\d.e-]+ \|", told)


def test_tables_of_nothing_end_with_exit_code_4_and_an_unknown_attribute_with_2(tmp_path: Path):
    pack = str(write_tiny_pack(tmp_path / "tiny"))
    base = ["eval", "--tables", str(tmp_path), "--pack", pack, "--device", "cpu"]
    assert main([*base, "--attribute", "Gray_Hair=1"]) == 4
    assert main([*base, "--attribute", "Horns=1"]) == 2
    assert main([*base, "--attribute", "Gray_Hair=1", "--frames", "1"]) == 2
