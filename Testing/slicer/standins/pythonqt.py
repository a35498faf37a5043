"""Module ``qt`` as PythonQt provides it, on PySide6.

A Q_PROPERTY is an attribute (``button.text``, ``button.text = "x"``), its setter stays a method, ``name`` is the
object name, signals connect by signature (``connect("clicked(bool)", f)``), and an unknown attribute raises.
"""

from __future__ import annotations

import types
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

# Called by Qt itself, or by scripts, as the method of the same name: these cannot become attributes.
_METHODS = {"sizeHint", "minimumSizeHint"}
_METHODS_OF = {QtWidgets.QProgressBar: {"text"}, QtCore.QTimer: {"singleShot"}}


class QtModule(types.ModuleType):
    """Makes PythonQt's version of a Qt class when it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        for module in (QtCore, QtGui, QtWidgets):
            if hasattr(module, name):
                found = getattr(module, name)
                value = (
                    pythonqt_class(found) if isinstance(found, type) and issubclass(found, QtCore.QObject) else found
                )
                if name == "QTableWidget":
                    value = _with_headers(value, self.QHeaderView)
                if name == "QFileDialog":
                    value = type(name, (value,), {"getSaveFileName": staticmethod(_no_answer)})
                setattr(self, name, value)
                return value
        raise AttributeError(f"module 'qt' has no attribute '{name}'")


def _no_answer(*_arguments: Any) -> str:
    """PythonQt gives the path alone, PySide6 a pair. A test that expects the dialog answers it in this one's place."""
    raise RuntimeError("no dialog is answered in a test")


def pythonqt_class(base: type) -> type:
    """A subclass of a PySide6 QObject class that behaves as in PythonQt."""

    def get(self: QtCore.QObject, name: str) -> Any:
        if name == "connect":  # PySide6 answers for this one before any class attribute is looked up
            return lambda signature, slot: _connect(self, signature, slot)
        return base.__getattribute__(self, name)

    def set_(self: QtCore.QObject, name: str, value: Any) -> None:
        if isinstance(value, QtCore.QObject) and QtCore.QObject.objectName(value) == name:
            return  # PySide6's QUiLoader offers children as attributes; PythonQt has nothing like it
        if not name.startswith("_") and not any(name in vars(cls) for cls in type(self).__mro__):
            raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")
        base.__setattr__(self, name, value)

    namespace: dict[str, Any] = {
        "__getattribute__": get,
        "__setattr__": set_,
        "className": lambda self: base.__name__,
        "name": property(lambda self: self.objectName),
    }
    if hasattr(base, "exec"):
        namespace["exec_"] = base.exec
    skipped = _METHODS.union(*(names for cls, names in _METHODS_OF.items() if issubclass(base, cls)))
    for name in _property_names(base) - skipped:
        namespace[name] = _property(name)
    return type(base.__name__, (base,), namespace)


def _with_headers(table: type, header: type) -> type:
    """Headers are made by Qt itself; only headers handed to the table can behave as in PythonQt."""

    def init(self: QtWidgets.QTableWidget, *args: Any) -> None:
        table.__init__(self, *args)
        for orientation, put in (("Horizontal", self.setHorizontalHeader), ("Vertical", self.setVerticalHeader)):
            made = header(getattr(QtCore.Qt, orientation))
            made.setSectionsClickable(True)
            put(made)

    return type("QTableWidget", (table,), {"__init__": init})


def _property_names(base: type) -> set[str]:
    meta = base.staticMetaObject
    names = {meta.property(i).name() for i in range(meta.propertyCount())}
    return {name for name in names if not isinstance(getattr(base, name, None), QtCore.Property)}


def _property(name: str) -> property:
    return property(
        lambda self: QtCore.QObject.property(self, name),
        lambda self, value: _write_property(self, name, value),
    )


def _write_property(self: QtCore.QObject, name: str, value: Any) -> None:
    if not QtCore.QObject.setProperty(self, name, value):
        raise AttributeError(f"property '{name}' of {self.metaObject().className()} does not take {value!r}")


def _connect(self: QtCore.QObject, signature: str, slot: Any) -> None:
    """By the exact C++ signature; ``SIGNATURES`` of a stand-in maps those of signals written in Python."""
    declared = getattr(type(self), "SIGNATURES", {})
    name = declared.get(signature)
    if name is None:
        normalised = bytes(QtCore.QMetaObject.normalizedSignature(signature)).decode()
        if self.metaObject().indexOfSignal(normalised) < 0:
            raise ValueError(f"{type(self).__name__} has no signal {signature}")
        name = signature.partition("(")[0]
    getattr(self, name).connect(slot)
