"""A clip code's file that is filled chunk by chunk, so that no clip is too long for the memory."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np

from .code import ClipCode, digest_of, facts_of, metadata_of, tensors_of, track_tensors
from .errors import InputError, ModelFilesError
from .files import Layout, TensorRows, map_tensor_file

NO_DIGEST = "0" * 64
"""In a file that is still being filled."""


def stored_digest(path: Path) -> str:
    """The digest that a code's file bears: what names its contents. Raises what load_code raises."""
    try:
        return str(json.loads(map_tensor_file(path)[0]["code"])["digest"])
    except (OSError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise ModelFilesError(f"{path} cannot be read as a clip code ({error}); encode the clip again") from error


def begin_code(code: ClipCode, path: Path) -> None:
    """Make the file of a code that has its track and no pictures yet; `TensorRows` fills it. Raises OSError."""
    layouts = {name: Layout.of(tensor) for name, tensor in tensors_of(code).items()}
    blank = path.with_name(path.name + ".blank")
    try:
        TensorRows.create(blank, layouts, metadata_of(facts_of(code) | {"digest": NO_DIGEST}))
        with TensorRows(blank) as file:
            for name, tensor in track_tensors(code.track).items():
                file.write(name, np.arange(len(tensor)), tensor)
            file.to_disk()
        blank.replace(path)
    finally:
        blank.unlink(missing_ok=True)


def finish_code(path: Path) -> None:
    """Write the digest into a file that is filled. Raises OSError."""
    metadata, tensors = map_tensor_file(path)
    facts = json.loads(metadata["code"])
    facts.pop("digest")
    facts["digest"] = digest_of(tensors, facts)
    del tensors
    with TensorRows(path) as file:
        file.rewrite_metadata(metadata_of(facts))
        file.to_disk()


def keep_code(path: Path, target: Path) -> None:
    """Give a finished file a second name, or copy it where the disk is another; it appears whole or not at all."""
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        try:
            os.link(path, part)
        except OSError:
            shutil.copyfile(path, part)
        part.replace(target)
    except OSError as error:
        raise InputError(f"cannot write {target} ({error}); choose another place") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
