from __future__ import annotations

from nnabla_nas.artifact.probability_map import draw_probabilities

OPERATIONS = ("sep_conv_3x3", "max_pool_3x3", "skip_connect", "none")


def table(n_rows: int) -> dict[str, dict[str, float]]:
    return {f"cell/{row}": dict.fromkeys(OPERATIONS, 0.25) for row in range(n_rows)}


def darkness(probability: float) -> float:
    picture = draw_probabilities("x", {"row": {"a": probability, "b": 0.0}}).convert("L")
    # Beside the number, in the left part of the first cell.
    return 255 - sum(picture.getpixel((x, 64)) for x in range(47, 50)) / 3  # type: ignore[misc]


def test_the_more_probable_the_darker() -> None:
    shades = [darkness(probability) for probability in (0.0, 0.3, 0.6, 1.0)]
    assert shades == sorted(shades)
    assert shades[0] == 0
    assert shades[-1] > 150


def test_an_operation_that_a_row_lacks_is_grey_and_columns_come_in_order() -> None:
    whole = draw_probabilities("x", {"a": {"one": 0.5, "two": 0.5}, "b": {"one": 1.0, "two": 0.0}})
    partial = draw_probabilities("x", {"a": {"one": 0.5, "two": 0.5}, "b": {"one": 1.0}})
    assert whole.size == partial.size
    grey = (230, 232, 235)
    colours = {colour for _, colour in partial.getcolors(10_000) or []}
    assert grey in colours
    assert grey not in {colour for _, colour in whole.getcolors(10_000) or []}


def test_size_grows_with_rows_and_stays_readable_for_many() -> None:
    few, more, many = (draw_probabilities("x", table(n)) for n in (21, 28, 210))
    assert few.width == more.width
    assert more.height - few.height == 7 * 20
    assert few.width > 4 * 70
    assert many.height < 2600


def test_any_letter_may_be_in_a_name() -> None:
    odd = "caf\N{LATIN SMALL LETTER E WITH ACUTE} $_^ \N{CJK UNIFIED IDEOGRAPH-65E5}"
    assert draw_probabilities(odd, {odd: {odd: 1.0}}).width > 100
    assert draw_probabilities("nothing", {}).width > 50
