"""The experiment: every key of the JSON file, typed, with its default and its limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from nnabla_nas.config.constraint import Constraints
from nnabla_nas.config.faults import Sources
from nnabla_nas.config.fields import (
    Algorithm,
    Count,
    Dataset,
    DeviceIds,
    Flag,
    FolderPath,
    ImageShape,
    MetricNames,
    Portion,
    PositiveCount,
    SpaceNetwork,
    Transforms,
    Weight,
    allowed,
    refuse,
)
from nnabla_nas.config.kind import default_portion, missing_phases, search_allowed, searches
from nnabla_nas.config.named import Named, Network
from nnabla_nas.config.phases import STRICT, Optimizers, PhaseSettings
from nnabla_nas.registry import runners

__all__ = ["Experiment", "Named", "Network", "Optimizers", "PhaseSettings"]

_CONTEXTS = "'auto', 'cudnn', 'cuda' or 'cpu'"
_TYPES = "'float', 'half' or 'mixed_half'"


class Experiment(BaseModel):
    """One experiment; the fields are the keys of the JSON file.

    Args:
        dataset: the registered data set, and its options.
        input_shape: of one example, [channels, height, width]; by default the data set's, which it
            must agree with.
        epoch: epochs of the search or the training, warm-up not counted.
        batch_size_train: examples per update of the weights.
        batch_size_valid: examples per update of the architecture.
        mini_batch_train: examples on the device at once; the gradients of the passes of a batch
            are summed. Divides the batch size, which is the default.
        mini_batch_valid: likewise for `batch_size_valid`.
        warmup: epochs before the others in which the weights alone learn (searchers).
        cutout: side of the square that is erased from each training image, in pixels.
        transforms: what is done with training images, in order: names, or objects with `name` and
            its arguments. By default what suits the data set: normalising, padding by 4 and
            cropping, mirroring photographs, and `cutout`.
        aux_weight: weight of the auxiliary head's loss, where a network has one.
        print_frequency: updates between progress lines in log.txt and points of the time curves.
        network: the search space, and the arguments of its networks.
        algorithm: the searcher or trainer, and its options; by default `DartsSearcher` where
            `search` is true and `Trainer` elsewhere.
        search: whether to build the search network; by default as the algorithm needs it.
        metrics: further metrics of every evaluation, by name: `top_5_error`, `macro_f1`,
            `balanced_accuracy`, `confusion_matrix` (a picture).
        select: the metric that selects the epoch whose weights are kept (Trainer) and rewards
            architectures (ProxylessNasSearcher); by default the error. One whose name ends in
            `loss` or `error` is to be small, others large.
        train_portion: share of the training set that trains the weights. The rest trains the
            architecture (searchers), or selects the epoch whose weights are kept (Trainer). By
            default 0.5 for searchers and 1 for Trainer.
        optimizer: how the parameters learn: `train`, `valid` (the architecture) and `warmup`.
        regularizer: bounds on what the architecture may cost, by names of your choice: each an
            object with the `name` of an estimator, `bound` in its unit, `weight` (0.1), `hard`
            (false; whether the architecture found has to keep it) and the estimator's arguments.
        seed: of everything random.
        context: what to compute on; `auto` takes a GPU if there is a usable one.
        threads: threads that compute on the CPU; by default as many as the process has cores. It
            changes no result.
        device_id: which GPUs may be used.
        type_config: type of the numbers that a GPU computes with; the CPU has `float` alone.
        output_path: where everything is written; a folder that holds a run is refused.
    """

    model_config = STRICT

    dataset: Dataset = Named(name="cifar10")
    input_shape: ImageShape = None
    epoch: Count = 150
    batch_size_train: PositiveCount = 256
    batch_size_valid: PositiveCount = 256
    mini_batch_train: PositiveCount = Field(default_factory=lambda known: known["batch_size_train"])
    mini_batch_valid: PositiveCount = Field(default_factory=lambda known: known["batch_size_valid"])
    warmup: Count = 0
    cutout: Count = 0
    transforms: Transforms = None
    aux_weight: Weight = 0.0
    print_frequency: PositiveCount = 20
    metrics: MetricNames = None
    select: Annotated[str, Field(min_length=1), allowed("the name of a metric")] | None = None
    network: SpaceNetwork
    algorithm: Algorithm
    search: Flag = Field(default_factory=lambda known: bool(searches(known["algorithm"].name)))
    train_portion: Portion = Field(
        default_factory=lambda known: default_portion(searches(known["algorithm"].name))
    )
    optimizer: Optimizers = Optimizers()
    regularizer: Constraints = {}
    seed: Count = 0
    threads: PositiveCount | None = None
    context: Annotated[Literal["auto", "cudnn", "cuda", "cpu"], allowed(_CONTEXTS)] = "auto"
    device_id: DeviceIds = "-1"
    type_config: Annotated[Literal["float", "half", "mixed_half"], allowed(_TYPES)] = "float"
    output_path: FolderPath = "log"

    _sources: Sources = PrivateAttr(default_factory=Sources)

    @property
    def sources(self) -> Sources:
        """Where the values came from, for messages."""
        return self._sources

    def with_sources(self, sources: Sources) -> Experiment:
        """Return a copy that knows where its values came from.

        Args:
            sources: the file and the flags.
        """
        copy = self.model_copy()
        copy._sources = sources
        return copy

    def __eq__(self, other: object) -> bool:
        """Compare the values alone, wherever they came from."""
        return isinstance(other, Experiment) and self.to_json() == other.to_json()

    def to_json(self) -> dict[str, Any]:
        """Return the flat JSON form with every default written out."""
        values = self.model_dump(
            exclude={
                "dataset",
                "network",
                "algorithm",
                "optimizer",
                "regularizer",
                "transforms",
            }
        )
        shape = self.input_shape and list(self.input_shape)
        return {
            **values,
            "dataset": self.dataset.to_json(),
            "input_shape": shape,
            "transforms": self.transforms and [one.to_json() for one in self.transforms],
            "network": self.network.to_json(),
            "algorithm": self.algorithm.to_json(),
            "optimizer": self.optimizer.to_json(),
            "regularizer": {key: one.to_json() for key, one in self.regularizer.items()},
        }

    @model_validator(mode="before")
    @classmethod
    def _name_algorithm(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "algorithm" in values:
            return values
        default = "DartsSearcher" if values.get("search") is True else "Trainer"
        return {**values, "algorithm": default} if default in runners.names() else values

    @field_validator("mini_batch_train", "mini_batch_valid")
    @classmethod
    def _divides(cls, mini_batch: int, info: ValidationInfo) -> int:
        key = str(info.field_name).replace("mini_batch", "batch_size")
        batch = info.data.get(key, mini_batch)
        if batch % mini_batch:
            refuse(f"a divisor of {key}, which is {batch}", related=key)
        return mini_batch

    @field_validator("search")
    @classmethod
    def _suits_algorithm(cls, search: bool, info: ValidationInfo) -> bool:
        named = info.data.get("algorithm")
        kind = searches(named.name) if named else None
        values = search_allowed(search, named.name, kind) if named and kind is not None else None
        return search if values is None else refuse(values, related="algorithm")

    @field_validator("optimizer")
    @classmethod
    def _has_phases(cls, optimizer: Optimizers, info: ValidationInfo) -> Optimizers:
        known = info.data
        if not {"algorithm", "epoch", "warmup"} <= known.keys():
            return optimizer
        name, epoch, warmup = known["algorithm"].name, known["epoch"], known["warmup"]
        kind = searches(name)
        missing = (
            None if kind is None else missing_phases(optimizer.phases(), name, kind, epoch, warmup)
        )
        return optimizer if missing is None else refuse(missing, related="algorithm")
