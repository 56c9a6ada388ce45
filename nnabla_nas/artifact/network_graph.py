"""A network as TensorBoard's graph page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class GraphNode:
    """One function of a network.

    Args:
        name: its unique name; the parts between `/` are boxes that the page opens and closes.
        operation: what it computes, such as `Convolution`.
        inputs: names of the nodes whose results it takes.
        shape: of its result.
        attributes: further lines shown for it, by name.
    """

    name: str
    operation: str
    inputs: tuple[str, ...] = ()
    shape: Sequence[int] = ()
    attributes: dict[str, str] = field(default_factory=dict)


def graph_definition(nodes: Iterable[GraphNode]) -> bytes:
    """Return the serialized graph as an event holds it.

    Args:
        nodes: the functions, in any order.
    """
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.versions_pb2 import VersionDef

    definition = GraphDef(
        node=[_definition(node) for node in nodes], versions=VersionDef(producer=22)
    )
    serialized: bytes = definition.SerializeToString()
    return serialized


def _definition(node: GraphNode) -> Any:
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto

    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in node.shape])
    # The page writes the shapes of this attribute on the arrows.
    attributes = {"_output_shapes": AttrValue(list=AttrValue.ListValue(shape=[shape]))}
    for name, text in node.attributes.items():
        attributes[name] = AttrValue(s=text.encode())
    return NodeDef(name=node.name, op=node.operation, input=list(node.inputs), attr=attributes)
