"""What a pickle says, without doing it.

A pickle is a program for a stack machine, and its instructions may import any function and call it. This reader walks
through the program and builds only plain values (numbers, texts, lists, tuples, dictionaries) and descriptions of
tensors. It imports nothing and calls nothing: a class or function that the program names becomes an Inert, and so does
whatever the program makes of it. The few that a torch checkpoint needs, the allow-list, are understood by name.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pickletools import genops
from typing import Any, BinaryIO, cast

import torch


@dataclass(frozen=True, eq=False)
class Inert:
    """Stands for something that a pickle would have imported or made."""

    name: str
    """Dotted, as the pickle has it: "omegaconf.dictconfig.DictConfig"."""


@dataclass(frozen=True)
class Storage:
    """A run of numbers that lies beside the pickle."""

    key: str
    dtype: torch.dtype
    numel: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor's place in its storage; it never reaches beyond the storage, nor holds more values."""

    storage: Storage
    offset: int
    """In values, like the strides."""
    shape: tuple[int, ...]
    stride: tuple[int, ...]


DIMENSIONS = 8
"""More than any weight has; it bounds the arithmetic on sizes out of a file."""
DTYPES = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}


@dataclass(frozen=True)
class Pickled:
    """What one pickle holds."""

    value: Any
    storages: dict[str, Storage]
    """Every storage that it names, by key, those of dropped objects too."""


def read_pickle(stream: BinaryIO) -> Pickled:
    """Read one pickle, up to and including its last instruction.

    Dictionaries have texts as keys; a key of another kind becomes an Inert. Raises ValueError where the bytes are no
    pickle, or one with instructions that no torch checkpoint has.
    """
    machine = _Machine()
    try:
        for instruction, argument, _ in genops(stream):
            machine.step(instruction.name, argument)
        return Pickled(machine.stack.pop(), machine.storages)
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError(f"its pickle contradicts itself: {error!r}") from error


class _Machine:
    """The stack, what lies below each mark, and the memo of values that are used again."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def step(self, instruction: str, argument: Any) -> None:  # noqa: ANN401 - an instruction's argument
        if instruction in _LITERALS:
            self.push(argument)
        elif instruction in _FRESH:
            self.push(_FRESH[instruction]())
        elif instruction in _ACTIONS:
            _ACTIONS[instruction](self, argument)
        elif instruction not in _SILENT:
            raise ValueError(f"its pickle has the instruction {instruction}, which no torch checkpoint needs")

    def push(self, value: object) -> None:
        self.stack.append(value)

    def take(self, count: int) -> list[Any]:
        """Take the topmost values, the lowest first."""
        return [self.stack.pop() for _ in range(count)][::-1]

    def take_to_mark(self) -> list[Any]:
        """Take all that lies above the last mark, and the mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def drop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.take_to_mark()

    def remember(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        """Add to the list on top; what is done to an Inert has no effect."""
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def fill(self, items: list[Any]) -> None:
        """Add keys and values in turn to the dictionary on top."""
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(_dictionary(items))

    def call(self) -> None:
        function, arguments = self.take(2)
        self.push(_result(function, arguments))

    def find(self) -> None:
        """Replace a persistent id by what it stands for."""
        found = _storage(*self.take(1))
        if isinstance(found, Storage):
            self.storages.setdefault(found.key, found)
        self.push(found)


_LITERALS = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    | {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
    | {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
)
"""Their argument is the value."""
_FRESH: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": lambda: Inert("builtins.set"),
}
_SILENT = frozenset({"PROTO", "FRAME", "STOP"})
_ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "MARK": lambda m, _: m.mark(),
    "POP": lambda m, _: m.drop(),
    "POP_MARK": lambda m, _: m.take_to_mark(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    "PUT": _Machine.remember,
    "BINPUT": _Machine.remember,
    "LONG_BINPUT": _Machine.remember,
    "MEMOIZE": lambda m, _: m.remember(len(m.memo)),
    "GET": lambda m, place: m.push(m.memo[place]),
    "BINGET": lambda m, place: m.push(m.memo[place]),
    "LONG_BINGET": lambda m, place: m.push(m.memo[place]),
    "TUPLE1": lambda m, _: m.push(tuple(m.take(1))),
    "TUPLE2": lambda m, _: m.push(tuple(m.take(2))),
    "TUPLE3": lambda m, _: m.push(tuple(m.take(3))),
    "TUPLE": lambda m, _: m.push(tuple(m.take_to_mark())),
    "LIST": lambda m, _: m.push(m.take_to_mark()),
    "DICT": lambda m, _: m.push(_dictionary(m.take_to_mark())),
    "FROZENSET": lambda m, _: m.push(_result(Inert("builtins.frozenset"), m.take_to_mark())),
    "APPEND": lambda m, _: m.extend(m.take(1)),
    "APPENDS": lambda m, _: m.extend(m.take_to_mark()),
    "ADDITEMS": lambda m, _: m.take_to_mark(),
    "SETITEM": lambda m, _: m.fill(m.take(2)),
    "SETITEMS": lambda m, _: m.fill(m.take_to_mark()),
    "GLOBAL": lambda m, name: m.push(Inert(name.replace(" ", ".", 1))),
    "STACK_GLOBAL": lambda m, _: m.push(_named(*m.take(2))),
    "REDUCE": lambda m, _: m.call(),
    "NEWOBJ": lambda m, _: m.call(),
    "NEWOBJ_EX": lambda m, _: (m.take(1), m.call()),  # without its keyword arguments
    "BUILD": lambda m, _: m.take(1),  # the attributes of an object: nothing here has any
    "BINPERSID": lambda m, _: m.find(),
}


def _dictionary(items: list[Any]) -> dict[object, Any]:
    """Keys and values in turn, as a dictionary. Only texts are hashed: to hash a deep tuple can exhaust the stack."""
    if len(items) % 2:
        raise IndexError("a key without a value")
    keys = (key if isinstance(key, str) else Inert(type(key).__name__) for key in items[::2])
    return dict(zip(keys, items[1::2], strict=True))


def _named(module: object, name: object) -> Inert:
    if not (isinstance(module, str) and isinstance(name, str)):
        raise TypeError("a name that is no text")
    return Inert(f"{module}.{name}")


def _result(function: object, arguments: object) -> object:
    """What a call would give: an Inert, unless the allow-list has the function and the arguments fit it."""
    if not (isinstance(function, Inert) and isinstance(arguments, (tuple, list))):
        raise TypeError("a call of what is no function, or with arguments that are none")
    given = cast("Sequence[object]", arguments)
    understood = ALLOWED[function.name](given) if function.name in ALLOWED else None
    if understood is not None:
        return understood
    # what is hidden in the arguments names the whole, so that a refusal tells of it
    return next((argument for argument in given if isinstance(argument, Inert)), function)


def _ordered(arguments: Sequence[object]) -> dict[object, Any] | None:
    match arguments:
        case ():
            return {}
        case ([*pairs],) if all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            return _dictionary([part for pair in pairs for part in pair])
        case _:
            return None


def _rebuilt(arguments: Sequence[object]) -> StoredTensor | None:
    match arguments:
        case (Storage() as storage, int(offset), tuple(shape), tuple(stride)):
            return _within(storage, offset, shape, stride)
        case (Storage() as storage, int(offset), tuple(shape), tuple(stride), bool(), dict(hooks)) if not hooks:
            return _within(storage, offset, shape, stride)
        case _:
            return None


def _parameter(arguments: Sequence[object]) -> StoredTensor | None:
    match arguments:
        case (StoredTensor() as tensor, bool(), dict(hooks)) if not hooks:
            return tensor
        case _:
            return None


ALLOWED: dict[str, Callable[[Sequence[object]], object]] = {
    "collections.OrderedDict": _ordered,
    "torch._utils._rebuild_tensor": _rebuilt,
    "torch._utils._rebuild_tensor_v2": _rebuilt,
    "torch._utils._rebuild_parameter": _parameter,
}
"""The functions that are understood, by what takes their place; it gives None for arguments that do not fit."""


def _within(
    storage: Storage, offset: int, shape: tuple[object, ...], stride: tuple[object, ...]
) -> StoredTensor | None:
    """The tensor, or None where the numbers are none or lead out of the storage."""
    sizes, steps = ([n for n in numbers if isinstance(n, int) and n >= 0] for numbers in (shape, stride))
    if not (len(sizes) == len(shape) == len(stride) == len(steps) <= DIMENSIONS):
        return None
    count = math.prod(sizes)
    last = offset + sum((n - 1) * step for n, step in zip(sizes, steps, strict=True))
    if offset < 0 or count > storage.numel or (count and last >= storage.numel):
        return None
    return StoredTensor(storage, offset, tuple(sizes), tuple(steps))


def _storage(identity: object) -> Storage | Inert:
    """What a persistent id stands for. The old format's last field would be a view into another storage."""
    match identity:
        case ("storage", Inert(name=kind), str(key), str(), int(numel), *view) if view in ([], [None]):
            known = kind in DTYPES and numel >= 0
            return Storage(key, DTYPES[kind], numel) if known else Inert(kind)
        case (_, Inert() as stranger, *_):
            return stranger
        case _:
            return Inert("persistent_id")
