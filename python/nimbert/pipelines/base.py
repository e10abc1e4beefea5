"""What all pipelines have in common: arguments as transformers takes them, and inputs of all kinds."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from ..errors import InputError, OptionError

if TYPE_CHECKING:
    from .._nimbert import Engine

    Several = list[Any] | tuple[Any, ...]

# What one input gives.
T = TypeVar("T")

# Items of a dataset that are computed at a time.
BATCH = 32
# What transformers' pipelines are told that is decided here, with the values that change nothing.
HARMLESS = {
    "device": ("None", "-1", "cpu"),
    "device_map": ("None", "cpu", "auto"),
    "framework": ("None", "pt"),
    "use_fast": ("None", "True"),
    "config": ("None",),
    "trust_remote_code": ("None", "False"),
    "dtype": ("None", "auto", "float32", "torch.float32"),
    "torch_dtype": ("None", "auto", "float32", "torch.float32"),
    "model_kwargs": ("None", "{}"),
}
# What makes no difference, whatever it is.
IGNORED = ("num_workers", "token", "binary_output")


class Dataset(Protocol):
    """Inputs by their index, of which it is known how many there are."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


class Results(Generic[T]):
    """The results for a dataset, of which it is known how many there will be."""

    def __init__(self, results: Iterator[T], count: int) -> None:
        self.results, self.count = results, count

    def __iter__(self) -> Iterator[T]:
        return self.results

    def __next__(self) -> T:
        return next(self.results)

    def __len__(self) -> int:
        return self.count


class Pipeline:
    """One task of a model. What it is called with beside the inputs is for that call, what it was made with for all."""

    # Of the arguments of a call, by transformers' names: what they are unless they are said.
    arguments: ClassVar[dict[str, Any]] = {}

    def __init__(self, engine: Engine, **given: Any) -> None:
        self.engine = engine
        self.batch_size: int | None = given.pop("batch_size", None)
        self.usual = self._said(given)

    def _said(self, given: dict[str, Any]) -> dict[str, Any]:
        """Those of the arguments that are known, and say something: None does not, but where it has a meaning."""
        for name in [name for name in given if name in HARMLESS or name in IGNORED]:
            value = given.pop(name)
            if name in HARMLESS and str(value) not in HARMLESS[name]:
                raise OptionError(f"{name}={value!r}: this is computed on the CPU, by the model's own files")
        if (tokenizer := given.pop("tokenizer", None)) not in (None, self.engine.path, str(self.engine.path)):
            raise OptionError(f"tokenizer={tokenizer!r}: the model's own is used")
        if unknown := next((name for name in given if name not in self.arguments), None):
            near = difflib.get_close_matches(unknown, self.arguments, 1)
            meant = f": did you mean {near[0]}?" if near else f"; there are {', '.join(self.arguments)}"
            raise OptionError(f"{type(self).__name__} has no argument {unknown!r}{meant}")
        return {name: value for name, value in given.items() if value is not None or self.arguments[name] == ""}

    def __call__(self, inputs: Any, **given: Any) -> Any:
        # Of a generator each result is there before the next item is asked for, unless it is said otherwise.
        usual = BATCH if hasattr(inputs, "__len__") else 1
        size = given.pop("batch_size", None) or self.batch_size or usual
        how = {**self.arguments, **self.usual, **self._said(given)}
        if self._is_one(inputs):
            return self._one(inputs, how, given)
        if isinstance(inputs, (list, tuple)):
            return self._many(list(inputs), how)
        if hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__"):
            return Results(self._stream((inputs[i] for i in range(len(inputs))), how, size), len(inputs))
        if isinstance(inputs, Iterable):
            return self._stream(inputs, how, size)
        raise InputError(0, f"is {type(inputs).__name__}, expected str")

    def _is_one(self, inputs: Any) -> bool:
        return isinstance(inputs, (str, Mapping))

    def _one(self, inputs: Any, how: dict[str, Any], given: dict[str, Any]) -> Any:
        return self._many([inputs], how)[0]

    def _stream(self, inputs: Iterable[Any], how: dict[str, Any], size: int) -> Iterator[Any]:
        """Of a generator or a dataset: results as they come, some inputs at a time."""
        inputs, done = iter(inputs), 0
        while part := list(islice(inputs, size)):
            try:
                yield from self._many(part, how)
            except InputError as error:
                # What came before it has its results.
                yield from self._many(part[: error.index], how) if error.index else ()
                raise InputError(done + error.index, error.reason) from None
            done += len(part)

    def _many(self, inputs: list[Any], how: dict[str, Any]) -> list[Any]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.engine!r})"
