from __future__ import annotations

from nnabla_nas.artifact.heat_map import draw_heat_map

OPERATIONS = ("sep_conv_3x3", "max_pool_3x3", "skip_connect", "none")


def table(n_rows: int) -> dict[str, dict[str, float]]:
    return {f"cell/{row}": dict.fromkeys(OPERATIONS, 0.25) for row in range(n_rows)}


def darkness(probability: float) -> float:
    picture = draw_heat_map("x", {"row": {"a": probability, "b": 0.0}}).convert("L")
    # Beside the number, in the left part of the first cell.
    return 255 - sum(picture.getpixel((x, 64)) for x in range(45, 50)) / 5  # type: ignore[misc]


def test_the_more_probable_the_darker() -> None:
    shades = [darkness(probability) for probability in (0.0, 0.3, 0.6, 1.0)]
    assert shades == sorted(shades)
    assert shades[0] == 0
    assert shades[-1] > 150


def test_an_operation_that_a_row_lacks_is_grey_and_columns_come_in_order() -> None:
    whole = draw_heat_map("x", {"a": {"one": 0.5, "two": 0.5}, "b": {"one": 1.0, "two": 0.0}})
    partial = draw_heat_map("x", {"a": {"one": 0.5, "two": 0.5}, "b": {"one": 1.0}})
    assert whole.size == partial.size
    grey = (230, 232, 235)
    colours = {colour for _, colour in partial.getcolors(10_000) or []}
    assert grey in colours
    assert grey not in {colour for _, colour in whole.getcolors(10_000) or []}


def test_size_grows_with_rows_and_stays_readable_for_many() -> None:
    few, more, many = (draw_heat_map("x", table(n)) for n in (21, 28, 210))
    assert few.width == more.width
    assert more.height - few.height == 7 * 20
    assert few.width > 4 * 70
    assert many.height < 2600


def test_letters_that_the_font_lacks_are_replaced() -> None:
    odd = draw_heat_map("", {"caf\N{LATIN SMALL LETTER E WITH ACUTE}": {"a": 1.0}})
    assert odd.tobytes() == draw_heat_map("", {"cafe": {"a": 1.0}}).tobytes()
    assert draw_heat_map("nothing", {}).width > 50
