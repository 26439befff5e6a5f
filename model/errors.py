"""The errors a user can meet, each with its exit code.

    DvaError                 1   anything of ours
    ├── UsageError           2   the request itself is wrong: an option, a name, a number
    ├── ModelFilesError      3   a pack or a weight file is missing, damaged or of another kind
    ├── InputError           4   the footage cannot be read, has no face, cannot be written
    ├── DeviceError          5   the device is missing or has too little memory
    └── Interrupted        130   the user or the host asked to stop

The message is one sentence for a person: what was wanted, what came, and what to do. The command line and the
nodes print it as it is, without a traceback.
"""


class DvaError(Exception):
    """Base of every error that is raised on purpose."""

    exit_code = 1


class UsageError(DvaError):
    """The request itself is wrong."""

    exit_code = 2


class ModelFilesError(DvaError):
    """A pack, a clip code or a weight file is missing, damaged or does not fit."""

    exit_code = 3


class InputError(DvaError):
    """The footage cannot be read, holds nothing to edit, or cannot be written."""

    exit_code = 4


class DeviceError(DvaError):
    """The compute device is missing or too small."""

    exit_code = 5


class Interrupted(DvaError):  # noqa: N818 - it is a request, not a fault
    """Raised by a progress callback to stop long work."""

    exit_code = 130
