"""LiteRT's C library, which lies in the wheel beside its Python classes and can what they cannot: share weights.

Its functions are declared here as the headers of the releases in `TRIED` have them (litert/c of
github.com/google-ai-edge/LiteRT): between two others one has got an argument more. With any other release there is no
library here, and models run by the wheel's `Interpreter`, each copy with weights of its own.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGE, MODULE = "ai-edge-litert", "ai_edge_litert"
TRIED = ("2.3.0",)

MAX_RANK = 8  # LITERT_TENSOR_MAX_RANK
ON_CPU = 1  # kLiteRtHwAcceleratorCpu
ACCELERATORS_OPTION, SEVERITY_OPTION = 24, 25  # kLiteRtEnvOptionTag: AutoRegisterAccelerators, MinLoggerSeverity
ERRORS = 3  # kLiteRtLogSeverityError
INTEGER = 2  # kLiteRtAnyTypeInt


class EnvironmentOption(ctypes.Structure):
    """LiteRtEnvOption, with an integer."""

    _fields_ = (("tag", c_int), ("type", c_int64), ("value", c_int64))  # each type at a multiple of 8 bytes


class TensorLayout(ctypes.Structure):
    """LiteRtLayout."""

    _fields_ = (
        ("rank", c_uint32, 7),
        ("has_strides", c_uint32, 1),
        ("sizes", c_int32 * MAX_RANK),
        ("strides", c_uint32 * MAX_RANK),
    )


class RankedTensorType(ctypes.Structure):
    """LiteRtRankedTensorType."""

    _fields_ = (("element_type", c_int), ("layout", TensorLayout))


HANDLE = POINTER(c_void_p)  # where a function leaves what it made
# The arguments of each function; what begins with LiteRtDestroy returns nothing, the others 0 for success.
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "LiteRtCreateEnvironment": (c_int, POINTER(EnvironmentOption), HANDLE),
    "LiteRtCreateModelFromFile": (c_void_p, c_char_p, HANDLE),
    "LiteRtCreateModelFromBuffer": (c_void_p, c_void_p, c_size_t, HANDLE),
    "LiteRtDestroyModel": (c_void_p,),
    "LiteRtGetModelSignature": (c_void_p, c_size_t, HANDLE),
    "LiteRtGetNumSignatureInputs": (c_void_p, POINTER(c_size_t)),
    "LiteRtGetNumSignatureOutputs": (c_void_p, POINTER(c_size_t)),
    "LiteRtGetSignatureInputTensorByIndex": (c_void_p, c_size_t, HANDLE),
    "LiteRtGetSignatureOutputTensorByIndex": (c_void_p, c_size_t, HANDLE),
    "LiteRtGetRankedTensorType": (c_void_p, POINTER(RankedTensorType)),
    "LiteRtCreateOptions": (HANDLE,),
    "LiteRtDestroyOptions": (c_void_p,),
    "LiteRtSetOptionsHardwareAccelerators": (c_void_p, c_int),
    "LiteRtCreateOpaqueOptions": (c_char_p, c_void_p, c_void_p, HANDLE),
    "LiteRtAddOpaqueOptions": (c_void_p, c_void_p),
    "LiteRtCreateCompiledModel": (c_void_p, c_void_p, c_void_p, HANDLE),
    "LiteRtDestroyCompiledModel": (c_void_p,),
    "LiteRtCompiledModelResizeInputTensorNonStrict": (c_void_p, c_size_t, c_size_t, POINTER(c_int), c_size_t),
    "LiteRtGetCompiledModelOutputTensorLayouts": (c_void_p, c_size_t, c_size_t, POINTER(TensorLayout), c_bool),
    "LiteRtCreateManagedTensorBuffer": (c_void_p, c_int, POINTER(RankedTensorType), c_size_t, HANDLE),
    "LiteRtGetTensorBufferHostMemory": (c_void_p, HANDLE),
    "LiteRtDestroyTensorBuffer": (c_void_p,),
    "LiteRtRunCompiledModel": (c_void_p, c_size_t, c_size_t, HANDLE, c_size_t, HANDLE),
}


class CallFailed(Exception):
    """A function of the library has failed; the text names it."""


class Library:
    """The library, and an environment in it for this process. A call releases the GIL.

    Args:
        path: of the shared library.

    Raises:
        OSError: it cannot be loaded.
        AttributeError: it lacks one of `FUNCTIONS`.
    """

    def __init__(self, path: Path) -> None:
        functions = ctypes.CDLL(str(path))
        self._functions = {name: getattr(functions, name) for name in FUNCTIONS}
        for name, function in self._functions.items():
            function.argtypes = FUNCTIONS[name]
            function.restype = None if name.startswith("LiteRtDestroy") else c_int
        # Else it would look for libraries of GPUs, and say on stderr that there are none.
        wanted = {ACCELERATORS_OPTION: ON_CPU, SEVERITY_OPTION: ERRORS}
        options = (EnvironmentOption * 2)(*(EnvironmentOption(tag, INTEGER, value) for tag, value in wanted.items()))
        self.environment = self.made("LiteRtCreateEnvironment", len(options), options)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function of `FUNCTIONS`; raises CallFailed."""
        if status := self._functions[name](*arguments):
            raise CallFailed(f"{name} failed with status {status}")

    def made(self, name: str, *arguments: Any) -> c_void_p:
        """Call a function whose last argument is where it leaves what it made, and return that; raises CallFailed."""
        handle = c_void_p()
        self.call(name, *arguments, ctypes.byref(handle))
        return handle


@cache
def library() -> Library | None:
    """Load the library, once a process; None where the release that is installed is none of `TRIED`, or lacks it."""
    try:
        spec = find_spec(MODULE)
        if version(PACKAGE) not in TRIED or spec is None or not spec.submodule_search_locations:
            return None
        return Library(Path(spec.submodule_search_locations[0]) / "libLiteRt.so")
    except (PackageNotFoundError, OSError, AttributeError, CallFailed):
        return None
