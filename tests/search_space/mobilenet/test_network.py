from __future__ import annotations

import json
from pathlib import Path

import nnabla as nn
import numpy as np
import pytest
from PIL import Image

from nnabla_nas import random
from nnabla_nas.errors import GenotypeError, WeightsError
from nnabla_nas.module.parameter_file import write_parameters
from nnabla_nas.search_space.mobilenet import SearchNet, TrainNet

CIFAR = [[24, 2, 1], [32, 3, 1], [64, 4, 2], [96, 3, 1], [160, 3, 2], [320, 1, 1]]
IMAGENET = [[24, 2, 2], [32, 3, 2], [64, 4, 2], [96, 3, 1], [160, 3, 2], [320, 1, 1]]
SMALL = {
    "num_classes": 4,
    "settings": [[16, 2, 1], [24, 2, 2]],
    "width_mult": 0.5,
    "stem_stride": 1,
    "in_channels": 1,
}


def weights(model) -> int:
    return sum(p.size for p in model.get_net_parameters(grad_only=True).values())


def test_the_references_have_the_published_numbers_of_parameters() -> None:
    reference = {"candidates": ["MB6 3x3"], "skip_connect": False}
    assert weights(TrainNet(1000, settings=IMAGENET, **reference)) == 3_504_872
    assert weights(TrainNet(10, settings=CIFAR, **reference)) == 2_236_682


def test_the_default_super_network() -> None:
    model = SearchNet()
    assert weights(model) == 12_729_560
    alphas = model.get_arch_parameters()
    assert list(alphas) == [f"_features/{i}/_mixed/_alpha" for i in range(2, 23)]
    assert sorted(a.size for a in alphas.values()) == [6] * 6 + [7] * 15
    assert all(a.shape[1:] == (1, 1, 1, 1) and not a.d.any() for a in alphas.values())
    assert not set(alphas) & set(model.get_net_parameters())


def test_parameter_paths() -> None:
    model = TrainNet(4, settings=[[16, 1, 1]], candidates=["MB3 5x5"], skip_connect=False)
    shapes = {path: p.shape for path, p in model.get_parameters().items()}
    assert shapes["_features/0/0/_W"] == (32, 3, 3, 3)
    assert shapes["_features/0/1/_gamma"] == (1, 32, 1, 1)
    assert shapes["_features/1/_conv/0/0/_W"] == (32, 1, 3, 3)
    assert shapes["_features/1/_conv/1/_W"] == (16, 32, 1, 1)
    assert shapes["_features/1/_conv/2/_var"] == (1, 16, 1, 1)
    assert shapes["_features/2/_mixed/_conv/0/0/_W"] == (48, 16, 1, 1)
    assert shapes["_features/2/_mixed/_conv/1/0/_W"] == (48, 1, 5, 5)
    assert shapes["_features/2/_mixed/_conv/2/_W"] == (16, 48, 1, 1)
    assert shapes["_features/2/_mixed/_conv/3/_beta"] == (1, 16, 1, 1)
    assert shapes["_features/3/0/_W"] == (1280, 16, 1, 1)
    assert shapes["_classifier/2/_W"] == (1280, 4)
    assert shapes["_classifier/2/_b"] == (4,)
    search = SearchNet(4, settings=[[16, 2, 1]])
    assert "_features/2/_mixed/_ops/0/_conv/0/0/_W" in search.get_parameters()


def test_channels_are_rounded_up_to_multiples_of_eight() -> None:
    model = TrainNet(4, width_mult=0.3, settings=[[30, 1, 1]])
    shapes = {path: p.shape for path, p in model.get_parameters().items()}
    assert shapes["_features/0/0/_W"][0] == 16
    assert shapes["_features/1/_conv/1/_W"][0] == 8
    assert shapes["_features/3/0/_W"][:2] == (1280, 16)
    wide = TrainNet(4, width_mult=1.5, settings=[[16, 1, 1]])
    assert wide.get_parameters()["_features/3/0/_W"].shape[0] == 1920


def test_skip_is_offered_last_where_the_shape_stays() -> None:
    choices = list(SearchNet(**SMALL).choices().values())
    assert [choice.names[-1] == "skip_connect" for choice in choices] == [True, True, False, True]
    assert not any(
        "skip_connect" in choice.names
        for choice in SearchNet(**SMALL, skip_connect=False).choices().values()
    )


def save_alphas(model: SearchNet, path) -> None:
    write_parameters(path, model.get_arch_parameters())


def test_of_alphas_that_softmax_takes_for_equal_all_files_name_the_same_one(tmp_path) -> None:
    search = SearchNet(**SMALL)
    for alpha in search.get_arch_parameters().values():
        alpha.d = np.resize([0.0, 1e-20], alpha.shape)
    save_alphas(search, tmp_path / "arch.h5")
    train = TrainNet(**SMALL, genotype=str(tmp_path / "arch.h5"))
    chosen = [[one["index"] for one in model.decode()["choices"]] for model in (search, train)]
    assert chosen[0] == chosen[1] == [1] * len(search.choices())


@pytest.mark.parametrize("seed", range(3))
def test_the_decoded_network_computes_what_the_masked_super_network_computes(
    tmp_path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    search = SearchNet(**SMALL)
    for alpha in search.get_arch_parameters().values():
        alpha.d = rng.normal(size=alpha.shape)
    for p in search.get_net_parameters().values():
        p.d = p.d + 0.1 * rng.random(p.shape)
    save_alphas(search, tmp_path / "arch.h5")
    (tmp_path / "arch.json").write_text(json.dumps(search.decode()))
    search.set_architecture(search.most_probable_architecture())
    train = TrainNet(**SMALL, genotype=str(tmp_path / "arch.h5"))
    words = [(c["path"], c["operation"], c["index"]) for c in train.decode()["choices"]]
    assert words == [(c["path"], c["operation"], c["index"]) for c in search.decode()["choices"]]
    from_words = TrainNet(**SMALL, genotype=str(tmp_path / "arch.json"))
    assert from_words.decode() == train.decode()

    chosen = dict(zip(search.choices(), search.most_probable_architecture(), strict=True))
    values = {}
    for path, p in search.get_net_parameters().items():
        for choice, index in chosen.items():
            path = path.replace(f"{choice}/_ops/{index}/", f"{choice}/")
        values[path] = p
    train.set_parameters(
        {k: v for k, v in values.items() if "/_ops/" not in k}, raise_if_missing=True
    )
    x = nn.Variable.from_numpy_array(rng.normal(size=(2, 1, 8, 8)))
    a, b = search.apply(training=False)(x), train.apply(training=False)(x)
    nn.forward_all([a, b])
    np.testing.assert_array_equal(a.d, b.d)


def test_every_active_parameter_gets_a_gradient_and_no_other() -> None:
    model = SearchNet(**SMALL)
    x = nn.Variable.from_numpy_array(np.random.default_rng(0).normal(size=(4, 1, 8, 8)))
    loss = model.loss(model(x), nn.Variable.from_numpy_array(np.arange(4).reshape(4, 1)))
    reached = set()
    for index in range(6):
        indices = [min(index, len(c.names) - 1) for c in model.choices().values()]
        model.set_architecture(indices)
        for p in model.get_parameters(grad_only=True).values():
            p.grad.zero()
        loss.forward()
        loss.backward()
        active = [
            path
            for path, p in model.get_net_parameters(grad_only=True).items()
            if not p.grad.zeroing
        ]
        ops = {tuple(path.split("/")[1:5:3]) for path in active if "/_ops/" in path}
        assert ops <= {(str(i + 2), str(k)) for i, k in enumerate(indices)}
        reached |= set(active)
    assert reached == set(model.get_net_parameters(grad_only=True))


def test_without_a_genotype_the_architecture_follows_the_seed() -> None:
    def draw(seed: int) -> list[int]:
        with random.use(random.Streams(seed)):
            return [c["index"] for c in TrainNet(10).decode()["choices"]]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_set_architecture_refuses_wrong_indices() -> None:
    model = SearchNet(**SMALL)
    with pytest.raises(ValueError, match="3 indices for 4 choices"):
        model.set_architecture([0, 0, 0])
    with pytest.raises(ValueError, match="active"):
        model.set_architecture([0, 0, 6, 0])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.h5", None),
        ("text.h5", b"hello"),
        ("text.json", b"hello"),
        ("list.json", b"[1, 2]"),
        ("empty.json", b'{"choices": []}'),
        ("words.json", b'{"choices": [{"path": 3, "operation": []}]}'),
        ("deep.json", b"[" * 100_000),
    ],
)
def test_a_bad_architecture_file_is_one_line(tmp_path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GenotypeError, match=name.replace(".", r"\.")) as caught:
        TrainNet(**SMALL, genotype=str(path))
    assert len(caught.value.faults) == 1


def test_an_architecture_of_another_network_is_refused(tmp_path) -> None:
    path = tmp_path / "arch.h5"
    save_alphas(SearchNet(**SMALL), path)
    longer = {**SMALL, "settings": [[16, 2, 1], [24, 3, 2]]}
    shorter = {**SMALL, "settings": [[16, 2, 1], [24, 1, 2]]}
    fewer = {**SMALL, "candidates": ["MB3 3x3"]}
    for other, words in ((longer, "_features/6"), (shorter, "_features/5"), (fewer, "shape")):
        with pytest.raises(GenotypeError, match=words):
            TrainNet(**other, genotype=str(path))
    alpha = SearchNet(**SMALL).get_arch_parameters()
    next(iter(alpha.values())).d = np.nan
    write_parameters(path, alpha)
    with pytest.raises(GenotypeError, match="not finite"):
        TrainNet(**SMALL, genotype=str(path))


def test_weights_start_a_network_and_must_fit(tmp_path) -> None:
    path = str(tmp_path / "weights.h5")
    first = TrainNet(**SMALL, candidates=["MB3 3x3"], skip_connect=False)
    write_parameters(path, first.get_net_parameters())
    again = TrainNet(**SMALL, candidates=["MB3 3x3"], skip_connect=False, weights=path)
    for name, p in first.get_parameters().items():
        np.testing.assert_array_equal(again.get_parameters()[name].d, p.d)
    with pytest.raises(WeightsError, match=r"weights\.h5"):
        TrainNet(**SMALL, candidates=["MB6 3x3"], skip_connect=False, weights=path)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"settings": []}, "settings"),
        ({"settings": [[16, 1, 3]]}, "settings.0"),
        ({"settings": [[16, 1, 1], [0, 1, 1]]}, "settings.1"),
        ({"candidates": []}, "candidates"),
        ({"candidates": ["MB6 3x3", "MB6 4x4"]}, "candidates.1"),
        ({"candidates": ["MB6 3x3", "MB6 3x3"]}, "candidates.1"),
        ({"stem_stride": 3}, "stem_stride"),
        ({"width_mult": 0}, "width_mult"),
        ({"drop_rate": 1.0}, "drop_rate"),
        ({"num_classes": 0}, "num_classes"),
    ],
)
def test_faults_of_arguments_name_the_key(arguments, key: str) -> None:
    ((named, text),) = SearchNet.check_arguments(arguments)
    assert named == key
    assert "allowed" in text


def test_the_drawing_shows_every_block(tmp_path) -> None:
    model = SearchNet(**SMALL)
    diagram = model.diagram()
    assert len(diagram.nodes) == 5 + 4
    assert "2: MB3 3x3" in diagram.nodes[3].lines
    assert "p = 0.14" in diagram.nodes[3].lines
    model.visualize(tmp_path / "arch.png")
    assert (tmp_path / "arch.png").stat().st_size > 1000
    assert "MB3 3x3" in (tmp_path / "arch.dot").read_text()


def test_a_reference_is_drawn_beside_the_network(tmp_path: Path) -> None:
    rows = [[8, 2, 2]]
    network = SearchNet(4, settings=rows, width_mult=0.25)
    reference = TrainNet(
        4, settings=rows, candidates=["MB6 3x3"], skip_connect=False, width_mult=0.25
    )
    network.visualize(tmp_path / "alone.png")
    network.visualize(tmp_path / "both.png", beside={"reference": reference})
    sizes = []
    for name in ("alone", "both"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            sizes.append(picture.size)
    source = (tmp_path / "both.dot").read_text()
    assert source.count("subgraph cluster_") == 2
    assert source.count("MB6 3x3") == 2
    assert source.count("width: expansion ratio") == 1
    assert sizes[1][0] >= sizes[0][0]
