"""Checks to run one's own search spaces, runners, data sets and estimators through.

Each `check_…` raises AssertionError with a sentence that says what is violated, so that a test of
one's own is one line. The smaller checks that they consist of can be called alone.
"""

from nnabla_nas.testing.dataset_contract import (
    check_dataset,
    check_declared_sizes,
    check_images,
    check_normalization,
    check_reading_again,
    check_split,
    check_test_set_is_apart,
)
from nnabla_nas.testing.estimator_contract import (
    check_estimates,
    check_estimating_leaves_no_trace,
    check_estimator,
    check_unit,
)
from nnabla_nas.testing.experiment import small_experiment
from nnabla_nas.testing.form_contract import check_forms
from nnabla_nas.testing.gradient_contract import (
    check_every_tensor_is_reached,
    check_gradients,
    check_inactive_statistics,
    check_no_idle_tensor,
)
from nnabla_nas.testing.network_contract import (
    check_decode,
    check_drawing,
    check_judging_leaves_no_trace,
    check_loss_and_metrics,
    check_network,
    check_parameters_are_apart,
    check_seed,
    check_weights_file,
)
from nnabla_nas.testing.random_module import random_module
from nnabla_nas.testing.runner_contract import (
    check_continuation,
    check_dry_run,
    check_output_folder,
    check_runner,
    check_seeds,
)
from nnabla_nas.testing.search_network_contract import (
    check_choices,
    check_masks,
    check_search_network,
    check_set_architecture,
)
from nnabla_nas.testing.search_space_contract import (
    check_costs,
    check_genotypes,
    check_search_space,
)
from nnabla_nas.testing.toy_space import TOY_SPACE

__all__ = [
    "TOY_SPACE",
    "check_choices",
    "check_continuation",
    "check_costs",
    "check_dataset",
    "check_declared_sizes",
    "check_decode",
    "check_drawing",
    "check_dry_run",
    "check_estimates",
    "check_estimating_leaves_no_trace",
    "check_estimator",
    "check_every_tensor_is_reached",
    "check_forms",
    "check_genotypes",
    "check_gradients",
    "check_images",
    "check_inactive_statistics",
    "check_judging_leaves_no_trace",
    "check_loss_and_metrics",
    "check_masks",
    "check_network",
    "check_no_idle_tensor",
    "check_normalization",
    "check_output_folder",
    "check_parameters_are_apart",
    "check_reading_again",
    "check_runner",
    "check_search_network",
    "check_search_space",
    "check_seed",
    "check_seeds",
    "check_set_architecture",
    "check_split",
    "check_test_set_is_apart",
    "check_unit",
    "check_weights_file",
    "random_module",
    "small_experiment",
]
