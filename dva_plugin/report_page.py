"""The report's page: plain HTML that holds its own pictures, for somebody who has a minute."""

import base64
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from ..model.metrics.clip import Measured
from ..model.metrics.flags import FLAG_TEXT, RULES, Flag, band, ranges
from ..model.types import ByteArray
from .report_svg import Chart, draw

CHARTS = {
    "change": "change inside the head, of 1",
    "steadiness": "likeness to the rest of the clip, against the source's",
    "identity": "likeness to the source's frame (cosine)",
    "shift": "the face lies beside its place, px",
    "seam": "seam, of 1",
    "spill": "changed in the square's corners above the head, of 1",
    "beyond": "changed outside the face's square, of 1",
    "e_warp": "warping error (pale: source)",
    "jitter": "jitter of the detected face, px (pale: source)",
}
PALE = {"e_warp": "source_e_warp", "jitter": "source_jitter"}
MOST_ATTRIBUTES = 6

STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #667; --line: #d5d9e2; --bg: #fff; --card: #f6f7fa;
  --blue: #2456c6; --red: #c8102e; --band: #dbe8dc; --gap: #c9cbd2; --good: #1f7a3a }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ee; --soft: #9aa1b0; --line: #3a404d; --bg: #14171d;
  --card: #1d212a; --blue: #7ea6ff; --red: #ff6b7d; --band: #24402c; --gap: #3b3f49; --good: #6fd08c } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--bg); margin: 0 auto;
  max-width: 1080px; padding: 24px }
h1 { font-size: 24px; margin: 0 0 4px } h2 { font-size: 19px; margin: 0 0 6px }
table { border-collapse: collapse } td, th { text-align: left; padding: 4px 14px 4px 0; vertical-align: top;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px 20px;
  margin: 18px 0 }
.bad { color: var(--red); font-weight: 600 } .good { color: var(--good); font-weight: 600 } .soft { color: var(--soft) }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 6px 22px; margin: 10px 0 }
figure { margin: 0 } figcaption { font-size: 13px; color: var(--soft) }
.row { display: flex; flex-wrap: wrap; gap: 12px; margin: 8px 0 } .row img { display: block; border-radius: 4px;
  max-width: 100% }
.chart { width: 100%; height: auto; display: block } .chart text { font: 11px system-ui, sans-serif; fill: var(--soft) }
.normal { fill: var(--band) } .missing { fill: var(--gap) } .flag { fill: var(--red) }
.edited, .source { fill: none; stroke: var(--blue); stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round }
.source { stroke: var(--soft); stroke-width: 1; opacity: .7 }
details { margin: 8px 0 } summary { cursor: pointer }
"""


@dataclass(frozen=True)
class Picture:
    """One frame: before, after and difference side by side."""

    frame: int
    image: ByteArray


@dataclass(frozen=True)
class Section:
    """What the page says about one shot."""

    name: str
    settings: dict[str, Any]
    measured: Measured | None = None
    flags: list[Flag] = field(default_factory=list[Flag])
    strip: list[Picture] = field(default_factory=list[Picture])
    thumbs: list[Picture] = field(default_factory=list[Picture])
    trouble: str = ""
    """Why nothing was measured."""


def page(title: str, sections: list[Section], rule: str, versions: Mapping[str, str]) -> str:
    """The whole page; every name and text is escaped."""
    bad = sum(bool(section.flags or section.trouble) for section in sections)
    verdict = f"{bad} of {len(sections)} shots to look at" if bad else f"nothing to look at in {len(sections)} shots"
    measured_with = ", ".join(f"{name} {value}" for name, value in versions.items())
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1><p>{escape(verdict)}</p>",
            _overview(sections),
            *(_shot(number, section) for number, section in enumerate(sections)),
            f'<p class="soft">{escape(rule)}</p>',
            f'<p class="soft">Measured with {escape(measured_with)}. What each figure means: docs/metrics.md.</p>',
            "</body></html>\n",
        ]
    )


def _overview(sections: list[Section]) -> str:
    head = "".join(
        f"<th>{name}</th>" for name in ("shot", "frames", "look at", "identity", "steady", "seam", "outside")
    )
    rows = [f"<table><thead><tr>{head}</tr></thead><tbody>"]
    for number, section in enumerate(sections):
        link = f'<td><a href="#shot{number}">{escape(section.name)}</a></td>'
        if section.measured is None:
            rows.append(f'<tr>{link}<td></td><td class="bad" colspan="5">not measured</td></tr>')
            continue
        f = section.measured.figures
        cells = [_number(f[name]) for name in ("id_cosine", "tg_id", "seam", "changed_outside")]
        look = _verdict(section.flags)
        rows.append(f"<tr>{link}<td>{len(section.measured.present)}</td><td>{look}</td>")
        rows.append("".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "".join([*rows, "</tbody></table>"])


def _verdict(found: list[Flag]) -> str:
    count = len({flag.frame for flag in found})
    kinds = ", ".join(kind for kind in FLAG_TEXT if any(flag.kind == kind for flag in found))
    return f'<span class="bad">{count} frames: {kinds}</span>' if count else '<span class="good">nothing</span>'


def _shot(number: int, section: Section) -> str:
    head = f'<section id="shot{number}"><h2>{escape(section.name)}</h2>'
    settings = _table("made with", _flat(section.settings))
    if section.measured is None:
        return f'{head}<p class="bad">{escape(section.trouble)}</p>{settings}</section>'
    measured = section.measured
    shown = {picture.frame for picture in section.thumbs}
    hidden = len({flag.frame for flag in section.flags} - shown)
    more = f'<p class="soft">The first frame of each run is shown; {hidden} more are flagged.</p>' if hidden else ""
    return "".join(
        [
            head,
            _flag_list(section.flags),
            _row(section.thumbs, section.flags),
            more,
            "<h3>before, after, difference times four</h3>",
            _row(section.strip, []),
            '<div class="grid">',
            *(_chart(name, title, section) for name, title in CHARTS.items()),
            "</div>",
            _table("figures", [(name, _number(value)) for name, value in measured.figures.items()]),
            _table("not measured", list(measured.missing.items())),
            _table("the judge's view", _attributes(measured)),
            _table("measured with", list(measured.instruments.items())),
            settings,
            "</section>",
        ]
    )


def _flag_list(found: list[Flag]) -> str:
    if not found:
        return '<p class="good">No frame stands out.</p>'
    rows: list[str] = []
    for kind, text in FLAG_TEXT.items():
        if frames := [flag.frame for flag in found if flag.kind == kind]:
            rows.append(f'<tr><td class="bad">{kind}</td><td>{ranges(frames)}</td><td>{escape(text)}</td></tr>')
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _row(pictures: list[Picture], found: list[Flag]) -> str:
    figures: list[str] = []
    for picture in pictures:
        why = ", ".join(flag.kind for flag in found if flag.frame == picture.frame)
        told = f"frame {picture.frame}" + (f": {why}" if why else "")
        height, width = picture.image.shape[:2]
        image = f'<img src="{_data_uri(picture.image)}" alt="{told}" width="{width}" height="{height}">'
        figures.append(f"<figure>{image}<figcaption>{told}</figcaption></figure>")
    return f'<div class="row">{"".join(figures)}</div>'


def _data_uri(image: ByteArray) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _chart(name: str, title: str, section: Section) -> str:
    measured = section.measured
    assert measured is not None
    curve = measured.curves[name]
    rule = next((rule for rule in RULES if rule.curve == name), None)
    normal = band(curve, rule) if rule else None
    flagged = np.flatnonzero((curve < normal.low) | (curve > normal.high)).tolist() if normal else []
    svg = draw(
        Chart(
            title,
            curve,
            measured.curves[PALE[name]] if name in PALE else None,
            normal.low if normal else -np.inf,
            normal.high if normal else np.inf,
            flagged,
            np.flatnonzero(~measured.present).tolist(),
        )
    )
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>" if svg else ""


def _attributes(measured: Measured) -> list[tuple[str, str]]:
    """What the judge saw change most."""
    most = sorted(measured.attributes.items(), key=lambda item: -abs(item[1][1] - item[1][0]))[:MOST_ATTRIBUTES]
    return [(name, f"{before:.2f} to {after:.2f}") for name, (before, after) in most]


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in rows)
    return (
        f"<details><summary>{escape(title)}</summary><table><tbody>{cells}</tbody></table></details>" if cells else ""
    )


def _flat(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings as rows; what is nested, as JSON."""
    return [
        (str(name), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in settings.items()
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
