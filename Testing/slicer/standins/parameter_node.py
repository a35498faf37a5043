"""``slicer.parameterNodeWrapper`` for the types that the module uses: nodes, enumerations, text, truth values."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk

GUI_PROPERTY = "SlicerParameterName"


class _NodeSerializer:
    def __init__(self, kind: type) -> None:
        self.kind = kind

    default = None

    def write(self, node: Any, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, self.kind):
            raise TypeError(f"{name} takes {self.kind.__name__}, not {type(value).__name__}")
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node: Any, name: str) -> Any:
        return node.GetNodeReference(name)


class _EnumSerializer:
    def __init__(self, kind: type[enum.Enum]) -> None:
        self.kind = kind
        self.default = next(iter(kind))

    def write(self, node: Any, name: str, value: Any) -> None:
        if not isinstance(value, self.kind):
            raise TypeError(f"{name} takes {self.kind.__name__}, not {value!r}")
        node.SetParameter(name, value.name)

    def read(self, node: Any, name: str) -> Any:
        return self.kind[node.GetParameter(name)]


class _BoolSerializer:
    kind = bool
    default = False

    def write(self, node: Any, name: str, value: Any) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"{name} takes bool, not {value!r}")
        node.SetParameter(name, str(value))

    def read(self, node: Any, name: str) -> bool:
        return bool(node.GetParameter(name) == "True")


def _serializer(kind: type) -> Any:
    if issubclass(kind, slicer.vtkMRMLNode):
        return _NodeSerializer(kind)
    if issubclass(kind, enum.Enum):
        return _EnumSerializer(kind)
    if kind is bool:
        return _BoolSerializer()
    raise TypeError(f"no serializer for {kind}")


class _NodeConnector:
    def __init__(self, widget: Any, kind: type) -> None:
        if type(widget) is not slicer.qMRMLNodeComboBox:
            raise RuntimeError(f"no connector from {kind.__name__} to {type(widget).__name__}")
        self._widget = widget
        self.signal = widget.currentNodeChanged

    def read(self) -> Any:
        return self._widget.currentNode()

    def write(self, value: Any) -> None:
        self._widget.setCurrentNode(value)

    def onChanged(self, callback: Callable[..., None] | None) -> None:
        _reconnect(self, callback)


class _EnumConnector:
    def __init__(self, widget: Any, kind: type[enum.Enum]) -> None:
        if type(widget) is not qt.QComboBox:
            raise RuntimeError(f"no connector from {kind.__name__} to {type(widget).__name__}")
        self._widget = widget
        self.signal = widget.currentIndexChanged
        self._members = list(kind)
        widget.clear()
        label = getattr(kind, "label", lambda member: member.name)
        for member in self._members:
            widget.addItem(label(member))

    def read(self) -> Any:
        return self._members[self._widget.currentIndex]

    def write(self, value: Any) -> None:
        self._widget.currentIndex = self._members.index(value)

    def onChanged(self, callback: Callable[..., None] | None) -> None:
        _reconnect(self, callback)


class _BoolConnector:
    def __init__(self, widget: Any, kind: type[bool]) -> None:
        if type(widget) is not qt.QCheckBox:
            raise RuntimeError(f"no connector from bool to {type(widget).__name__}")
        self._widget = widget
        self.signal = widget.stateChanged

    def read(self) -> bool:
        return bool(self._widget.checked)

    def write(self, value: bool) -> None:
        self._widget.checked = value

    def onChanged(self, callback: Callable[..., None] | None) -> None:
        _reconnect(self, callback)


_CONNECTORS = {_NodeSerializer: _NodeConnector, _EnumSerializer: _EnumConnector, _BoolSerializer: _BoolConnector}


def _reconnect(connector: Any, callback: Callable[..., None] | None) -> None:
    if callback is None:
        connector.signal.disconnect(connector.callback)
    else:
        connector.callback = lambda *_: callback()
        connector.signal.connect(connector.callback)


class _Wrapper:
    """Base of every wrapped parameter node. As the real one it keeps values, and writes the default of a
    parameter that is missing, also while the node is being reset."""

    _serializers: dict[str, Any]
    _defaults: dict[str, Any]

    def __init__(self, parameterNode: Any) -> None:
        self.__dict__.update(parameterNode=parameterNode, _guis={}, _updatingGui=False, _nextTag=0, _values={})
        self._readAll()
        parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._readAll())

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._serializers:
            return self._values[name]
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._serializers:
            raise AttributeError(f"{type(self).__name__} has no parameter {name}")
        with slicer.util.NodeModify(self.parameterNode):
            self._serializers[name].write(self.parameterNode, name, value)
            self._values[name] = value

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, ui: Any) -> None:
        """Gives no tag, as that of Slicer 5.13."""
        named = ((widget.property(GUI_PROPERTY), widget) for widget in vars(ui).values())
        self.connectParametersToGui({name: widget for name, widget in named if name})

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        connectors = {name: self._connector(name, widget) for name, widget in mapping.items()}
        tag = self._nextTag
        self.__dict__["_nextTag"] += 1
        self._guis[tag] = connectors
        for name, connector in connectors.items():
            connector.write(getattr(self, name))
            connector.onChanged(lambda name=name, connector=connector: self._onGuiChanged(name, connector))
        self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._updateGui())
        return tag

    def disconnectGui(self, tag: int) -> None:
        for connector in self._guis.pop(tag, {}).values():
            connector.onChanged(None)

    def _readAll(self) -> None:
        for name, serializer in self._serializers.items():
            if not self.parameterNode.HasParameter(name):
                serializer.write(self.parameterNode, name, self._defaults[name])
            self._values[name] = serializer.read(self.parameterNode, name)

    def _connector(self, name: str, widget: Any) -> Any:
        if name not in self._serializers:
            raise ValueError(f"{widget.name} asks for parameter {name}, which does not exist")
        serializer = self._serializers[name]
        return _CONNECTORS[type(serializer)](widget, serializer.kind)

    def _onGuiChanged(self, name: str, connector: Any) -> None:
        if not self._updatingGui:
            setattr(self, name, connector.read())

    def _updateGui(self) -> None:
        if self._updatingGui:
            return
        self.__dict__["_updatingGui"] = True
        try:
            for connectors in self._guis.values():
                for name, connector in connectors.items():
                    connector.write(getattr(self, name))
        finally:
            self.__dict__["_updatingGui"] = False


def parameterNodeWrapper(cls: type) -> type:
    kinds = typing.get_type_hints(cls)
    serializers = {name: _serializer(kind) for name, kind in kinds.items()}
    defaults = {name: vars(cls).get(name, serializer.default) for name, serializer in serializers.items()}
    return type(cls.__name__, (_Wrapper,), {"_serializers": serializers, "_defaults": defaults, "__doc__": cls.__doc__})
