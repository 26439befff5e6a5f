"""What can go wrong while installing, as sentences for a person."""

import errno
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

GIGABYTES_NEEDED = 9
"""Linux: torch's CUDA libraries unpack to 6 GB, and pip keeps what it downloads until it is done."""


class TroubleError(Exception):
    """Something the user can mend; the message says how."""


class DamagedError(TroubleError):
    """The environment itself seems broken; making it anew may help."""


def disk_full(folder: Path) -> TroubleError:
    """Say that the disk is full."""
    return TroubleError(
        f"the disk is full: the installation needs about {GIGABYTES_NEEDED} GB in {folder} and room for downloads in "
        f"{tempfile.gettempdir()}; free some space and run the same command again, it goes on where it stopped"
    )


def from_os_error(error: OSError, folder: Path) -> TroubleError:
    """Say what the operating system refused."""
    if error.errno == errno.ENOSPC or getattr(error, "winerror", None) == 112:
        return disk_full(folder)
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return TroubleError(
            f"cannot write {error.filename or folder}: {error.strerror}; "
            "copy the plugin to a folder that is yours and run the command there"
        )
    return TroubleError(f"the system refused to go on: {error}; mend that and run the same command again")


# First match wins: a full disk or a dead network makes pip say much else afterwards.
_SIGNS = (
    ("disk", re.compile(r"No space left on device|Errno 28\b|WinError 112\b|not enough space on the disk")),
    ("write", re.compile(r"Permission denied|Errno 13\b|WinError 5\b|Read-only file system")),
    (
        "network",
        re.compile(
            r"NewConnectionError|ConnectTimeout|ReadTimeout|Max retries exceeded|getaddrinfo failed|name resolution"
            r"|Network is unreachable|ProxyError|Connection refused|Connection reset|ConnectionResetError"
            r"|SSLError|IncompleteRead|Connection broken"
        ),
    ),
    ("hash", re.compile(r"DO NOT MATCH THE HASHES|zipfile\.BadZipFile|has a wrong hash")),
)


def from_pip(lines: Sequence[str], code: int, folder: Path, log: Path) -> TroubleError:
    """Turn what pip printed before it stopped with that exit code into one sentence."""
    text = "\n".join(lines)
    match next((name for name, sign in _SIGNS if sign.search(text)), None):
        case "disk":
            return disk_full(folder)
        case "write":
            return TroubleError(f"pip may not write in {folder}; run this as the folder's owner (details: {log})")
        case "network":
            return TroubleError(
                "pip cannot reach the package index; check the network, or the proxy and index in pip's own settings, "
                f"and run the same command again, it goes on where it stopped (details: {log})"
            )
        case "hash":
            return TroubleError(f"a download arrived damaged; run the same command again (details: {log})")
        case _:
            pass
    missing = re.search(r"No matching distribution found for (\S+)", text)
    if missing:
        return TroubleError(
            f"the package index has no {missing[1]} for this Python and this machine; "
            f"try another Python, 3.11 to 3.13 have everything (details: {log})"
        )
    said = next((line for line in reversed(lines) if line.lower().startswith("error")), lines[-1] if lines else "")
    return DamagedError(f"pip stopped with exit code {code}: {said.strip() or 'it said nothing'} (details: {log})")
