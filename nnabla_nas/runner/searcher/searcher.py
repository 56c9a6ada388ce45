"""The loop of every search: warm-up epochs, then epochs of weight and architecture steps."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from nnabla_nas.artifact.progress import Phase
from nnabla_nas.artifact.result import retrain_command
from nnabla_nas.dataset.loader import Loader
from nnabla_nas.dataset.transforms import evaluation_transform
from nnabla_nas.estimator.hard_bounds import HardBounds
from nnabla_nas.estimator.measured_decoding import settle
from nnabla_nas.estimator.pareto import sweep
from nnabla_nas.optimizer.optimizer import Optimizer
from nnabla_nas.runner.evaluation import Metrics
from nnabla_nas.runner.pareto import write_pareto
from nnabla_nas.runner.runner import Runner

_BOUND_NOT_MET = 3


class Searcher(Runner):
    """Learns weights on one part of the training set and the architecture on the other."""

    searches = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        experiment = self.experiment
        self.choices = list(self.model.choices().values())
        self.arch_parameters = self.model.get_arch_parameters(grad_only=True)
        self.valid_loader = Loader(
            self.data.train,
            self.valid_part,
            experiment.batch_size_valid,
            evaluation_transform(self.data),
            self.runtime.streams,
            "valid",
        )
        self.judge_graph = self.graph("judge", experiment.mini_batch_valid)
        self.warmup_optimizer = self.optimizer("warmup", self.net_parameters, experiment.warmup)
        self.train_optimizer = self.optimizer("train", self.net_parameters, experiment.epoch)
        self.valid_optimizer = self.optimizer("valid", self.arch_parameters, experiment.epoch)
        hard = [constraint for constraint in self.constraints if constraint.hard]
        self.hard_bounds = HardBounds(hard, self.model) if hard else None
        if self.hard_bounds is not None:
            self.model.decoder = self.hard_bounds.decode
            for line in self.hard_bounds.excess():
                self.monitor.once(line)
        self.decoded = self.model.most_probable_architecture()
        self.last: dict[str, Metrics | None] = {"train": None, "valid": None, "test": None}

    def run(self) -> int:
        """Search for the epochs left, then write what was found."""
        progress, warmup, epochs = self.progress, self.experiment.warmup, self.experiment.epoch
        if progress.phase == "warmup":
            while progress.epoch < warmup:
                self.run_epoch(f"warmup {progress.epoch + 1}/{warmup}", self.warmup_update)
                self.finish_epoch(warmup, self.warmup_optimizer)
                self.end_epoch()
            progress.phase, progress.epoch = "search", 0
        while progress.epoch < epochs and not (progress.epoch and self.stop_reason()):
            self.run_epoch(f"search {progress.epoch + 1}/{epochs}", self.search_update)
            self.finish_epoch(epochs, self.train_optimizer)
            self.record.architecture(progress.step)
            self.end_epoch()
        return self.finish()

    @abstractmethod
    def warmup_update(self) -> None:
        """Do one update of the weights alone."""

    @abstractmethod
    def search_update(self) -> None:
        """Do one update: a weight step and an architecture step, in the algorithm's order."""

    def stop_reason(self) -> str | None:
        """Return why the search should end after an epoch, or None to go on."""
        return None

    def finish_epoch(self, epochs: int, optimizer: Optimizer | None) -> None:
        """Judge the most probable architecture and record the epoch.

        Args:
            epochs: epochs of this phase.
            optimizer: the weights' optimizer of this phase.
        """
        assert optimizer is not None
        means = self.meters.means()
        decoded = self.model.most_probable_architecture()
        changes = sum(a != b for a, b in zip(decoded, self.decoded, strict=True))
        self.decoded = decoded
        self.model.set_architecture(decoded)
        valid = self.judge()
        self.last = {
            "train": {"loss": means["loss_train"], "error": means["error_train"]},
            "valid": valid,
            "test": None,
        }
        values: dict[str, float | int] = {
            "loss_train": means["loss_train"],
            "error_train": means["error_train"],
            "loss_valid": valid["loss"],
            "error_valid": valid["error"],
        }
        if "reward" in means:
            values["reward"] = means["reward"]
        values |= {
            "entropy": self.mean_entropy(),
            "changed_choices": changes,
            "learning_rate": optimizer.last_learning_rate,
        }
        self.record.epoch(self.progress, epochs, values, self.ends())
        self.record.further({"valid": valid}, self.progress.step)
        share = self.model.n_skip_connects() / max(len(self.model.kept_operations()), 1)
        self.record.scalars({"arch/skip_fraction": share}, self.progress.step)

    def judge(self) -> Metrics:
        """Return loss and error of the active architecture on the validation part."""
        size = self.experiment.mini_batch_valid
        return self.evaluate(self.data.train, self.valid_part, size, "judge")

    def keep_bounds(self) -> None:
        """Decode until the network keeps the hard bounds, measured whole where they say so."""
        if self.hard_bounds is None:
            return
        settle(self.hard_bounds, self.model, self.monitor.info)
        decoded = self.model.most_probable_architecture()
        self.model.set_architecture(decoded)
        if decoded != self.decoded and self.last["valid"] is not None:
            self.last["valid"] = self.judge()
        self.decoded = decoded

    def require_finite_architecture(self) -> None:
        """Stop the run if an architecture parameter is not finite.

        Raises:
            DivergedError: that names the parameter.
        """
        # On a device they are looked at with everything else, see `read`.
        if self.readings.at_once:
            self._require_finite_alphas()

    def read(self) -> None:
        """Read from the device what the updates since the last reading left there."""
        super().read()
        if not self.readings.at_once:
            self._require_finite_alphas(self.progress.step)

    def _require_finite_alphas(self, step: int | None = None) -> None:
        for path, alpha in self.arch_parameters.items():
            value = float(np.sum(alpha.d))
            self.require_finite(value, f"architecture parameter '{path}'", step)

    def mean_entropy(self) -> float:
        """Return the mean entropy of the choices, in nats."""
        entropies = []
        for choice in self.choices:
            p = choice.probabilities
            entropies.append(-float(np.sum(p * np.log(np.maximum(p, 1e-300)))))
        return float(np.mean(entropies)) if entropies else 0.0

    def finish(self) -> int:
        """Write the architecture, the weights and result.json, and say how to go on."""
        self.keep_bounds()
        self.record.architecture(self.progress.step)
        self.record.weights()
        self._record_pareto()
        changes = self.model.retrain_arguments()
        if self.hard_bounds is not None:
            # The largest values in arch.h5 need not be within the bounds.
            changes = {**changes, "network.genotype": str(self.folder.arch_json)}
        command = retrain_command(self.folder, changes=changes)
        stopped = self.stop_reason() if self.progress.epoch < self.experiment.epoch else None
        excess = [] if self.hard_bounds is None else self.hard_bounds.excess()
        for line in excess:
            self.monitor.warning(line)
        self.result("finished", self.last, retrain=command, stopped=stopped)
        return _BOUND_NOT_MET if excess else 0

    def _record_pareto(self) -> None:
        """Write what other bounds would have led to."""
        if not (self.constraints and self.choices):
            return
        hard = {} if self.hard_bounds is None else self.hard_bounds.bounds
        found = None if self.hard_bounds is None else self.hard_bounds.decode()
        fronts = {
            one.key: sweep(one, self.constraints, self.model, hard, found)
            for one in self.constraints
        }
        write_pareto(self.folder, self.model, self.constraints, fronts, self.record.visualize)

    def first_phase(self) -> Phase:
        """Return `warmup` if there is one, else `search`."""
        return "warmup" if self.experiment.warmup else "search"

    def epochs_by_phase(self) -> dict[str, int]:
        """Return the epochs of warm-up and search."""
        return {"warmup": self.experiment.warmup, "search": self.experiment.epoch}

    def epochs_done(self) -> int:
        """Return the epochs done so far, warm-up included."""
        before = self.experiment.warmup if self.progress.phase == "search" else 0
        return before + self.progress.epoch

    def optimizers(self) -> dict[str, Optimizer]:
        """Return the optimizers in use by phase."""
        optimizers = {
            "warmup": self.warmup_optimizer,
            "train": self.train_optimizer,
            "valid": self.valid_optimizer,
        }
        return {name: o for name, o in optimizers.items() if o is not None}

    def state_dict(self) -> dict[str, Any]:
        """Return everything the rest of the search depends on."""
        more = {"decoded": self.decoded, "last": self.last}
        return {**super().state_dict(), "valid_loader": self.valid_loader.state_dict(), **more}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` stood.

        Args:
            state: what `state_dict` of a searcher of the same experiment returned.
        """
        super().load_state_dict(state)
        self.valid_loader.load_state_dict(state["valid_loader"])
        self.decoded, self.last = state["decoded"], state["last"]

    def close(self) -> None:
        """End reading ahead."""
        self.valid_loader.close()
        super().close()
