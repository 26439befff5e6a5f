"""Names and tooltips in every language that ComfyUI's front end is given."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import dva

SCRIPTS = {"zh": r"[\u4e00-\u9fff]", "ko": r"[\uac00-\ud7af]", "ja": r"[\u3040-\u30ff]"}
"""Letters that only this language has among ours; Chinese shares its own with Japanese, which always has kana too."""


def in_code() -> dict[str, dict[str, Any]]:
    """What the nodes say of themselves, as nodeDefs.json has it."""
    found: dict[str, dict[str, Any]] = {}
    for node, kind in dva.NODE_CLASS_MAPPINGS.items():
        inputs = {
            n: s[1]["tooltip"] for part in ("required", "optional") for n, s in kind.INPUT_TYPES().get(part, {}).items()
        }
        outputs = zip(getattr(kind, "RETURN_NAMES", ()), getattr(kind, "OUTPUT_TOOLTIPS", ()), strict=True)
        found[node] = {
            "display_name": dva.NODE_DISPLAY_NAME_MAPPINGS[node],
            "description": kind.DESCRIPTION,
            "inputs": {name: {"name": name, "tooltip": tooltip} for name, tooltip in inputs.items()},
        }
        if outs := {str(i): {"name": name, "tooltip": tooltip} for i, (name, tooltip) in enumerate(outputs)}:
            found[node]["outputs"] = outs
    return found


def texts(tree: Any, path: str = "") -> dict[str, str]:
    """Every text of a tree by its path."""
    if isinstance(tree, str):
        return {path: tree}
    return {name: text for key, part in tree.items() for name, text in texts(part, f"{path}/{key}").items()}


def defined(project: Path, language: str) -> dict[str, str]:
    return texts(json.loads((project / f"locales/{language}/nodeDefs.json").read_text(encoding="utf-8")))


def test_english_is_what_the_code_says(project: Path) -> None:
    assert defined(project, "en") == texts(in_code())


@pytest.mark.parametrize("language", SCRIPTS)
def test_every_text_is_translated(project: Path, language: str) -> None:
    here, english = defined(project, language), defined(project, "en")
    assert here.keys() == english.keys()
    foreign = [path for path, text in here.items() if not re.search(SCRIPTS[language], text)]
    if language == "ja":  # a name of two kanji has no kana
        foreign = [path for path in foreign if not re.search(SCRIPTS["zh"], here[path])]
    assert foreign == []


@pytest.mark.parametrize("language", SCRIPTS)
def test_no_number_and_no_name_is_lost_in_translation(project: Path, language: str) -> None:
    """Ranges, file suffixes and choices in quotes are the same in every language."""
    kept = re.compile(
        r"\d+(?:\.\d+)?|(?<![A-Za-z])'[^']+'(?![A-Za-z])|`[^`]+`|\.[a-z]{3}(?![a-z])|(?<![A-Z])(?:IMAGE|VIDEO|MASK)(?![A-Z])"
    )
    english = defined(project, "en")
    for path, text in defined(project, language).items():
        if path.endswith(("tooltip", "description")):
            assert set(kept.findall(english[path])) <= set(kept.findall(text)), path


@pytest.mark.parametrize("language", ["en", *SCRIPTS])
def test_the_front_end_reads_no_text_as_a_pattern(project: Path, language: str) -> None:
    """vue-i18n gives @ | { } and % a meaning."""
    assert [path for path, text in defined(project, language).items() if re.search(r"[@|{}%]", text)] == []
