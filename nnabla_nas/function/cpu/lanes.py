"""Numbers side by side, as one instruction of the processor handles them: lanes.

Written out in a kernel they stay in registers from one step of a loop to the next, where a loop
over single numbers would go through memory. Processors with narrower instructions take several.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from nnabla_nas.function.lanes import lanes

# Where kernels are compiled, their number is known.
WIDTH = lanes()
_FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
_INTEGERS = ir.VectorType(ir.IntType(32), WIDTH)
_BYTES = ir.VectorType(ir.IntType(8), WIDTH)
# Arrays of numbers are aligned to a number, not to lanes.
_ALIGNED = 4
_EIGHT = 8


class _Lanes(types.Type):  # type: ignore[misc]
    """The type of lanes in compiled code."""


_lanes = _Lanes(name="lanes")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


def _address(context: Any, builder: Any, array: Any, values: Any, kind: Any) -> Any:
    """Return where in a contiguous array the lanes begin."""
    data = context.make_array(array)(context, builder, values[0]).data
    return builder.bitcast(builder.gep(data, [values[1]]), kind.as_pointer())


@intrinsic  # type: ignore[misc]
def load(typing_context: Any, array: Any, at: Any) -> Any:
    """array[at : at + WIDTH]."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _address(context, builder, signature.args[0], values, _FLOATS)
        return builder.load(place, align=_ALIGNED)

    return _lanes(array, types.intp), code


@intrinsic  # type: ignore[misc]
def store(typing_context: Any, array: Any, at: Any, lanes: Any) -> Any:
    """array[at : at + WIDTH] = lanes."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _address(context, builder, signature.args[0], values, _FLOATS)
        builder.store(values[2], place, align=_ALIGNED)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), code


@intrinsic  # type: ignore[misc]
def spread(typing_context: Any, value: Any) -> Any:
    """The same number in all lanes."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        one = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), values[0], _int(0))
        return builder.shuffle_vector(
            one, ir.Constant(_FLOATS, ir.Undefined), ir.Constant(_INTEGERS, [0] * WIDTH)
        )

    return _lanes(types.float32), code


def _int(value: int) -> ir.Constant:
    return ir.Constant(ir.IntType(32), value)


@intrinsic  # type: ignore[misc]
def multiply_add(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a, b, c = values
        product = builder.fmul(a, b, flags=("contract",))
        return builder.fadd(product, c, flags=("contract",))

    return _lanes(_lanes, _lanes, _lanes), code


@intrinsic  # type: ignore[misc]
def add(typing_context: Any, a: Any, b: Any) -> Any:
    """a + b."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values)

    return _lanes(_lanes, _lanes), code


@intrinsic  # type: ignore[misc]
def passed(typing_context: Any, a: Any, b: Any) -> Any:
    """b where a is positive or no number, else 0."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        zeros = ir.Constant(_FLOATS, [0.0] * WIDTH)
        below = builder.fcmp_ordered("<=", values[0], zeros)
        return builder.select(below, zeros, values[1])

    return _lanes(_lanes, _lanes), code


@intrinsic  # type: ignore[misc]
def limited(typing_context: Any, a: Any, b: Any) -> Any:
    """b where a is larger than b, else a, be it a number or not."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a, b = values
        return builder.select(builder.fcmp_ordered(">", a, b), b, a)

    return _lanes(_lanes, _lanes), code


@intrinsic  # type: ignore[misc]
def add_totals(typing_context: Any, array: Any, at: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Add the sum of a's numbers to array[at], of b's to array[at + 1] and so on."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        def halved(one: Any, two: Any, count: int, even: list[int], odd: list[int]) -> Any:
            """Add numbers of the same two vectors in pairs."""
            parts = (
                builder.shuffle_vector(one, two, ir.Constant(_indices(count), places))
                for places in (even, odd)
            )
            return builder.fadd(*parts)

        def eight(one: Any) -> Any:
            """Add the upper half to the lower one."""
            if WIDTH == _EIGHT:
                return one
            return halved(one, one, _EIGHT, list(range(8)), list(range(8, 16)))

        values = [*values[:2], *map(eight, values[2:])]
        # Pairs within each half, as the processor's instruction for it takes them.
        even, odd = [0, 2, 8, 10, 4, 6, 12, 14], [1, 3, 9, 11, 5, 7, 13, 15]
        first = halved(values[2], values[3], _EIGHT, even, odd)
        second = halved(values[4], values[5], _EIGHT, even, odd)
        both = halved(first, second, _EIGHT, even, odd)
        sums = halved(both, both, 4, [0, 1, 2, 3], [4, 5, 6, 7])
        place = _address(context, builder, signature.args[0], values, sums.type)
        old = builder.load(place, align=_ALIGNED)
        builder.store(builder.fadd(old, sums), place, align=_ALIGNED)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes, _lanes, _lanes, _lanes), code


def _indices(count: int) -> ir.VectorType:
    return ir.VectorType(ir.IntType(32), count)


@intrinsic  # type: ignore[misc]
def where_larger(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """c where a is larger than b or no number, else d."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a, b, c, d = values
        larger = builder.or_(builder.fcmp_ordered(">", a, b), builder.fcmp_unordered("uno", a, a))
        return builder.select(larger, c, d)

    return _lanes(_lanes, _lanes, _lanes, _lanes), code


@intrinsic  # type: ignore[misc]
def where_equal(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """c where a equals b, else 0."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        zeros = ir.Constant(_FLOATS, [0.0] * WIDTH)
        return builder.select(builder.fcmp_ordered("==", values[0], values[1]), values[2], zeros)

    return _lanes(_lanes, _lanes, _lanes), code


@intrinsic  # type: ignore[misc]
def load_bytes(typing_context: Any, array: Any, at: Any) -> Any:
    """array[at : at + WIDTH] of bytes."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _address(context, builder, signature.args[0], values, _BYTES)
        return builder.uitofp(builder.load(place, align=1), _FLOATS)

    return _lanes(array, types.intp), code


@intrinsic  # type: ignore[misc]
def store_bytes(typing_context: Any, array: Any, at: Any, lanes: Any) -> Any:
    """array[at : at + WIDTH] = lanes, as bytes."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _address(context, builder, signature.args[0], values, _BYTES)
        numbers = builder.fptosi(values[2], _INTEGERS)
        builder.store(builder.trunc(numbers, _BYTES), place, align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), code
