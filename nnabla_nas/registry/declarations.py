"""The registries, and what there is in each of them without a user's doing."""

from __future__ import annotations

from nnabla_nas.registry.registry import Registry

search_spaces = Registry("search space")
runners = Registry("algorithm")
datasets = Registry("data set")
estimators = Registry("estimator")
evaluators = Registry("evaluator")
solvers = Registry("solver")
lr_schedulers = Registry("learning-rate scheduler")
transforms = Registry("transform")

register_search_space = search_spaces.register
register_runner = runners.register
register_dataset = datasets.register
register_estimator = estimators.register
register_evaluator = evaluators.register
register_transform = transforms.register

search_spaces.declare(
    "mobilenet",
    "nnabla_nas.search_space.mobilenet:Mobilenet",
    "chain of inverted residuals; each block chooses expansion, kernel or to be skipped",
)
search_spaces.declare(
    "darts",
    "nnabla_nas.search_space.darts:Darts",
    "stack of cells; every edge of the normal and of the reduction cell chooses an operation",
)
search_spaces.declare(
    "pnas",
    "nnabla_nas.search_space.pnas:Pnas",
    "stack of cells; every edge of every cell chooses an operation of its own",
)
search_spaces.declare(
    "random_wired",
    "nnabla_nas.search_space.random_wired:RandomWired",
    "random graph of convolutions and poolings; drawn from the seed, not searched",
)
search_spaces.declare(
    "zoph",
    "nnabla_nas.search_space.zoph:Zoph",
    "cells of blocks that see all blocks before them; each block chooses its operation",
)

runners.declare(
    "DartsSearcher",
    "nnabla_nas.runner.searcher.darts:DartsSearcher",
    "weights all candidates at once; architecture parameters learn by gradient descent",
    searches=True,
)
runners.declare(
    "LocalSearcher",
    "nnabla_nas.runner.searcher.local_search:LocalSearcher",
    "judges whole architectures; steps to better neighbours, starts anew where there are none",
    searches=True,
    phases=(),
)
runners.declare(
    "NsgaSearcher",
    "nnabla_nas.runner.searcher.nsga:NsgaSearcher",
    "judges whole architectures; NSGA-II: error against every constrained cost",
    searches=True,
    phases=(),
)
runners.declare(
    "OneShotTrainer",
    "nnabla_nas.runner.one_shot_trainer:OneShotTrainer",
    "trains a super-network on uniform, fair or sandwich paths, for searches that inherit weights",
    searches=True,
    phases=("train",),
)
runners.declare(
    "ProxylessNasSearcher",
    "nnabla_nas.runner.searcher.proxyless_nas:ProxylessNasSearcher",
    "samples one path per step; architecture parameters learn by REINFORCE or binary gates",
    searches=True,
)
runners.declare(
    "RandomSearcher",
    "nnabla_nas.runner.searcher.random_search:RandomSearcher",
    "judges whole architectures, drawn uniformly",
    searches=True,
    phases=(),
)
runners.declare(
    "RegularizedEvolutionSearcher",
    "nnabla_nas.runner.searcher.regularized_evolution:RegularizedEvolutionSearcher",
    "judges whole architectures; mutates the best of some young ones",
    searches=True,
    phases=(),
)
runners.declare(
    "TpeSearcher",
    "nnabla_nas.runner.searcher.tpe:TpeSearcher",
    "judges whole architectures; proposes by tree-structured Parzen estimators",
    searches=True,
    phases=(),
)
runners.declare(
    "Trainer",
    "nnabla_nas.runner.trainer:Trainer",
    "trains one architecture from scratch",
)

datasets.declare(
    "digits", "nnabla_nas.dataset.digits:Digits", "1,797 grey 8x8 digits, part of scikit-learn"
)
datasets.declare(
    "synthetic",
    "nnabla_nas.dataset.synthetic:Synthetic",
    "textures drawn from the seed, of any shape and number of classes",
)
datasets.declare(
    "cifar10",
    "nnabla_nas.dataset.cifar10:Cifar10",
    "60,000 colour 32x32 photographs in 10 classes; downloaded",
)
datasets.declare(
    "cifar100",
    "nnabla_nas.dataset.cifar100:Cifar100",
    "60,000 colour 32x32 photographs in 100 classes; downloaded",
)
datasets.declare(
    "fashion_mnist",
    "nnabla_nas.dataset.fashion_mnist:FashionMnist",
    "70,000 grey 28x28 pictures of clothes; Debian's package, or downloaded",
)
datasets.declare(
    "folder",
    "nnabla_nas.dataset.folder:Folder",
    "images of your own: one folder per class, a CSV file or an npz file",
)
datasets.declare(
    "imagenet",
    "nnabla_nas.dataset.imagenet:Imagenet",
    "1.3 million colour photographs, 224x224, or others of your own; read when needed",
)

estimators.declare(
    "ParameterEstimator",
    "nnabla_nas.estimator.parameter:ParameterEstimator",
    "trainable scalars of the active path",
)
estimators.declare(
    "MemoryEstimator",
    "nnabla_nas.estimator.parameter:ParameterEstimator",
    "older name of ParameterEstimator",
)
estimators.declare(
    "FLOPsEstimator",
    "nnabla_nas.estimator.flops:FLOPsEstimator",
    "multiply-adds of the active path for one example",
)
estimators.declare(
    "ActivationMemoryEstimator",
    "nnabla_nas.estimator.activation_memory:ActivationMemoryEstimator",
    "bytes of activations alive at once in inference",
)
estimators.declare(
    "LatencyEstimator",
    "nnabla_nas.estimator.latency:LatencyEstimator",
    "ms for one example: the sum of its operations, measured on a device when the run starts",
)
estimators.declare(
    "LatencyTable",
    "nnabla_nas.estimator.latency:LatencyTable",
    "ms for one example: the sum of its operations, from a table measured elsewhere",
)

evaluators.declare(
    "Inherit",
    "nnabla_nas.runner.evaluator.inherit:Inherit",
    "error with a trained super-network's weights, batch-norm statistics recomputed",
)
evaluators.declare(
    "Table",
    "nnabla_nas.runner.evaluator.table:Table",
    "error from a benchmark's table",
)
evaluators.declare(
    "Train",
    "nnabla_nas.runner.evaluator.train:Train",
    "error after a short training from scratch, with several lengths by successive halving",
)
evaluators.declare(
    "ZeroCost",
    "nnabla_nas.runner.evaluator.zero_cost:ZeroCost",
    "a score without training: multiply_adds, parameters, synflow or jacob_cov",
)

for _module, _name, _summary in (
    ("augmentation", "RandomCrop", "pad by zeros, cut at a random place"),
    ("augmentation", "RandomHorizontalFlip", "mirror every second image left to right"),
    ("augmentation", "Cutout", "erase a square at a random place"),
    ("augmentation", "RandomErasing", "erase a random rectangle of some images"),
    ("augmentation", "CenterCrop", "keep the middle"),
    ("augmentation", "Normalize", "mean 0 and deviation 1 in every channel; last if left out"),
    ("pixel_augmentation", "ColorJitter", "other brightness, contrast, saturation and hue"),
    ("pixel_augmentation", "RandomRotation", "turn by a random angle"),
    ("pixel_augmentation", "Resize", "another size, before a crop"),
):
    transforms.declare(_name, f"nnabla_nas.dataset.{_module}:{_name}", _summary)

for _name in (
    "AMSBound",
    "AMSGRAD",
    "AdaBelief",
    "AdaBound",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lamb",
    "Lars",
    "Lion",
    "Momentum",
    "Nesterov",
    "RMSprop",
    "RMSpropGraves",
    "Sgd",
    "SgdW",
):
    solvers.declare(_name, f"nnabla.solvers:{_name}", f"nnabla.solvers.{_name}")

for _name in ("Cosine", "Exponential", "LinearWarmup", "Polynomial", "Step"):
    lr_schedulers.declare(
        f"{_name}Scheduler",
        f"nnabla.utils.learning_rate_scheduler:{_name}Scheduler",
        f"nnabla.utils.learning_rate_scheduler.{_name}Scheduler",
    )
