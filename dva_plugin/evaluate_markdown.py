"""The tables in Markdown."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..model.metrics.identity import retrieval, unit
from ..model.metrics.reconstruction import scales_that_fit
from .evaluate_tables import METHODS, Motion, Tables

NOT_MEASURED = "n/a"


def markdown(tables: Tables) -> str:
    """All four tables, each under the heading of the one that it answers to."""
    clips = len(tables.originals)
    parts = [f"{clips} clips; identity judged by {tables.recogniser or 'nobody, for want of a network'}."]
    parts += [f"Left out: {name} ({why})" for name, why in tables.left_out.items()]
    scales = scales_that_fit(tables.resolution)
    parts += [
        f"## Reconstruction (DVA, table 1), {tables.resolution} px, MS-SSIM over {scales} scales",
        _reconstruction(tables),
        "## Consistency of identity (DVA, table 2)",
        _identity(tables),
        "## Identity kept (IP-FaceDiff, table 1)",
        _kept(tables),
        "## Consistency of motion (IP-FaceDiff, table 3, and E_warp)",
        _temporal(tables),
        "## One identity a clip against one a frame",
        _wins(tables),
    ]
    return "\n\n".join(parts)


def _reconstruction(tables: Tables) -> str:
    names = ("ssim", "ms_ssim", "lpips", "mse")
    rows: list[list[str]] = []
    for (solver, steps), figures in tables.reconstruction.items():
        means = [_mean(row[name] for row in figures if name in row) for name in names]
        rows.append([solver, str(steps), *(_number(value) for value in means)])
    return _table(("solver", "T", "SSIM", "MS-SSIM", "LPIPS", "MSE"), rows)


def _identity(tables: Tables) -> str:
    rows: list[list[str]] = []
    for edit in (*_edits(tables), "all"):
        for method in METHODS:
            here = _select(tables, edit, method)
            means = (_mean(m.tl_id for m in here), _mean(m.tg_id for m in here))
            rows.append([edit, method, *(_number(value) for value in means)])
    return _table(("edit", "method", "TL-ID", "TG-ID"), rows) + "\n\nThe original is 1 by definition."


def _kept(tables: Tables) -> str:
    gallery = [m.mean for m in tables.originals.values() if m.mean is not None]
    if not gallery:
        return "Not measured: there is no recogniser on this computer."
    names = list(tables.originals)
    rows: list[list[str]] = []
    edits = len(_select(tables, "all", METHODS[0]))
    for method in METHODS:
        here = _select(tables, "all", method)
        queries = np.stack([m.mean for m in here if m.mean is not None])
        truth = np.array([names.index(m.clip) for m in here])
        cosine = (unit(queries) * unit(np.stack(gallery)[truth])).sum(1)
        found = retrieval(queries, np.stack(gallery), truth)
        figures = (float(1 - cosine.mean()), found.recall_at_1, found.mean_reciprocal_rank)
        rows.append([method, *(_number(value) for value in figures)])
    told = f"\n\n{edits} edited clips looked up among {len(gallery)} originals."
    return _table(("method", "1 - cosine", "R@1", "MRR"), rows) + told


def _temporal(tables: Tables) -> str:
    originals = list(tables.originals.values())
    rows = [["original", *_temporal_figures(originals)]]
    rows += [[method, *_temporal_figures(_select(tables, "all", method))] for method in METHODS]
    return _table(("method", "temporal loss", "E_warp"), rows)


def _temporal_figures(motions: Sequence[Motion]) -> list[str]:
    return [_number(_mean(m.temporal_loss for m in motions)), _number(_mean(m.e_warp for m in motions))]


def _wins(tables: Tables) -> str:
    """In how many clips one identity a clip is better: nearer to 1 in TG-ID, lower in E_warp."""
    measures: dict[str, Callable[[Motion], float]] = {
        "TG-ID nearer to 1": lambda m: abs(1 - m.tg_id),
        "E_warp lower": lambda m: m.e_warp,
    }
    rows: list[list[str]] = []
    for edit in _edits(tables):
        ours, theirs = (_select(tables, edit, method) for method in METHODS)
        cells: list[str] = []
        for measure in measures.values():
            pairs = [(measure(a), measure(b)) for a, b in zip(ours, theirs, strict=True)]
            known = [(a, b) for a, b in pairs if np.isfinite(a) and np.isfinite(b)]
            cells.append(f"{sum(a < b for a, b in known)} of {len(known)}" if known else NOT_MEASURED)
        rows.append([edit, *cells])
    return _table(("edit", *measures), rows)


def _edits(tables: Tables) -> list[str]:
    return list(dict.fromkeys(motion.edit for motion in tables.motions))


def _select(tables: Tables, edit: str, method: str) -> list[Motion]:
    """Rows of one method and one edit, or of every edit for "all"."""
    return [m for m in tables.motions if m.method == method and edit in ("all", m.edit)]


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else NOT_MEASURED


def _table(head: Sequence[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
