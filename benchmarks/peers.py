"""What others train a second beside locexp: the same network, batch, arithmetic and images, one machine, in turn.

    pip install -e '.[oracle]'
    python benchmarks/peers.py [--members 8] [--images 12800] [--repeats 5] [--only keras locexp ...]

Each measurement is a process of its own, which trains the classic network at batch 32 in float32 with Adam, for two
epochs; the second is timed, so that tracing and compiling are left out (their seconds stand beside it). For one member:
plain Keras ``fit`` as the classic script has it, and tuned (float32 arrays in a ``tf.data`` pipeline, many steps per
call); PyTorch eager and compiled; JAX; locexp. For several members at once, equal in all but
their initial weights: PyTorch's ``torch.func`` (``vmap`` over functional calls), eager and compiled; JAX's ``vmap``;
locexp's stack. Prints images × members a second, the ratio of locexp to each, paired repeat by repeat, the seconds to
the end of the first epoch beyond those of the second, and the loss in the second epoch, by which one sees that all of
them learn the same.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import common
import numpy as np

BATCH, RATE, EPOCHS = 32, 1e-3, 2
BOX_WEIGHT = 0.5
BETAS, EPSILON = (0.9, 0.999), 1e-7
"""Adam as in Keras."""


def data(images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return digits (n, 28, 28) as float32 shares, their labels, and their boxes (n, 4)."""
    pictures, labels = common.repeated_digits(images)
    return pictures.astype("float32") / 255, labels.astype("int64"), np.tile(common.BOX, (images, 1))


def orders(images: int) -> Iterator[np.ndarray]:
    """Yield for each epoch the examples of its steps, (steps, batch)."""
    random = np.random.default_rng(0)
    for _ in range(EPOCHS):
        yield random.permutation(images)[: images // BATCH * BATCH].reshape(-1, BATCH)


def timed(epoch: Callable[[np.ndarray], float], images: int) -> dict[str, float]:
    """Return the seconds of the second epoch, what the first took beyond them, and the loss of the second."""
    seconds, loss = [], math.nan
    for order in orders(images):
        start = time.perf_counter()
        loss = epoch(order)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[-1], "before": seconds[0] - seconds[-1], "loss": loss}


def keras_script(images: int, members: int) -> dict[str, float]:
    """Plain ``fit``, batch by batch."""
    assert members == 1
    pixels, labels, boxes = data(images)
    targets = {"classification": labels, "bbox": boxes}
    model = common.classic_model()

    def epoch(order: np.ndarray) -> float:
        return float(model.fit(pixels[..., None], targets, batch_size=BATCH, verbose=0).history["loss"][-1])

    return timed(epoch, images)


def keras_tuned(images: int, members: int) -> dict[str, float]:
    """``fit`` over a pipeline in memory, 100 steps a call."""
    assert members == 1
    import keras
    import tensorflow as tf

    pixels, labels, boxes = data(images)
    targets = {"classification": labels, "bbox": boxes}
    batches = tf.data.Dataset.from_tensor_slices((pixels[..., None], targets)).cache()
    batches = batches.shuffle(images).batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    model = common.classic_model()
    model.compile(
        optimizer=keras.optimizers.Adam(RATE),
        loss={"classification": "sparse_categorical_crossentropy", "bbox": "mse"},
        loss_weights={"classification": 1.0, "bbox": BOX_WEIGHT},
        steps_per_execution=100,
    )
    return timed(lambda order: float(model.fit(batches, verbose=0).history["loss"][-1]), images)


@functools.cache
def torch_network() -> Any:
    """Return the class of the classic network, whose outputs are logits and boxes."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = nn.Sequential(
                *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Flatten(), nn.Linear(1600, 128), nn.ReLU()),
            )
            self.classification, self.bbox = nn.Linear(128, 10), nn.Linear(128, 4)

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            shared = self.trunk(pixels)
            return self.classification(shared), torch.sigmoid(self.bbox(shared))

    return Network


def torch_single(images: int, members: int, *, compiled: bool) -> dict[str, float]:
    """One network, eager or compiled."""
    assert members == 1
    import torch
    from torch import nn

    torch.set_num_threads(2)
    pixels, labels, boxes = map(torch.from_numpy, data(images))
    network = torch_network()()
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, betas=BETAS, eps=EPSILON)

    def loss_of(batch: torch.Tensor, classes: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        logits, found = network(batch)
        return nn.functional.cross_entropy(logits, classes) + BOX_WEIGHT * nn.functional.mse_loss(found, truth)

    loss_of = torch.compile(loss_of) if compiled else loss_of

    def epoch(order: np.ndarray) -> float:
        total = 0.0
        for chosen in torch.from_numpy(order):
            loss = loss_of(pixels[chosen, None], labels[chosen], boxes[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
        return total / len(order)

    return timed(epoch, images)


def torch_stack(images: int, members: int, *, compiled: bool) -> dict[str, float]:
    """Several networks by ``torch.func``: one call for the gradients of all, one Adam over their stacked weights."""
    import torch
    from torch import nn
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    torch.set_num_threads(2)
    pixels, labels, boxes = map(torch.from_numpy, data(images))
    weights, _ = stack_module_state([torch_network()() for _ in range(members)])
    weights = {name: value.detach().requires_grad_() for name, value in weights.items()}
    skeleton = torch_network()().to("meta")
    optimizer = torch.optim.Adam(list(weights.values()), lr=RATE, betas=BETAS, eps=EPSILON)

    def loss_of(own: dict[str, Any], batch: torch.Tensor, classes: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        logits, found = functional_call(skeleton, own, (batch,))
        return nn.functional.cross_entropy(logits, classes) + BOX_WEIGHT * nn.functional.mse_loss(found, truth)

    gradients = vmap(grad_and_value(loss_of), in_dims=(0, None, None, None))
    gradients = torch.compile(gradients) if compiled else gradients

    def epoch(order: np.ndarray) -> float:
        total = 0.0
        for chosen in torch.from_numpy(order):
            found, losses = gradients(weights, pixels[chosen, None], labels[chosen], boxes[chosen])
            for name, value in weights.items():
                value.grad = found[name]
            optimizer.step()
            total += float(losses.detach().mean())
        return total / len(order)

    return timed(epoch, images)


def jax_stack(images: int, members: int) -> dict[str, float]:
    """One network or several by ``vmap``; a compiled call a step, since XLA's convolutions in a loop use one core."""
    import jax
    import jax.numpy as jnp

    pixels, labels, boxes = map(jnp.asarray, data(images))
    shapes = {
        "first": (3, 3, 1, 32),
        "second": (3, 3, 32, 64),
        "dense": (1600, 128),
        "classification": (128, 10),
        "bbox": (128, 4),
    }

    def initial(key: Any) -> dict[str, tuple[Any, Any]]:
        found = {}
        for (name, shape), one in zip(shapes.items(), jax.random.split(key, len(shapes)), strict=True):
            fan = math.prod(shape[:-2]) * (shape[-2] + shape[-1])
            limit = math.sqrt(6 / fan)  # Glorot & Bengio 2010, as in Keras
            found[name] = jax.random.uniform(one, shape, minval=-limit, maxval=limit), jnp.zeros(shape[-1])
        return found

    def convolved(values: Any, layer: tuple[Any, Any]) -> Any:
        made = jax.lax.conv_general_dilated(
            values, layer[0], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        made = jax.nn.relu(made + layer[1])
        return jax.lax.reduce_window(made, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def loss_of(own: Any, batch: Any, classes: Any, truth: Any) -> Any:
        shared = convolved(convolved(batch[..., None], own["first"]), own["second"]).reshape(len(batch), -1)
        shared = jax.nn.relu(shared @ own["dense"][0] + own["dense"][1])
        logits = shared @ own["classification"][0] + own["classification"][1]
        found = jax.nn.sigmoid(shared @ own["bbox"][0] + own["bbox"][1])
        picked = jnp.take_along_axis(jax.nn.log_softmax(logits), classes[:, None], axis=1)
        return -picked.mean() + BOX_WEIGHT * ((found - truth) ** 2).mean()

    def step(state: Any, chosen: Any) -> Any:
        own, first, second, count = state
        batch = pixels[chosen], labels[chosen], boxes[chosen]
        losses, gradients = jax.vmap(jax.value_and_grad(loss_of), in_axes=(0, None, None, None))(own, *batch)
        count = count + 1
        first = jax.tree.map(lambda mean, now: BETAS[0] * mean + (1 - BETAS[0]) * now, first, gradients)
        second = jax.tree.map(lambda mean, now: BETAS[1] * mean + (1 - BETAS[1]) * now**2, second, gradients)
        rate = RATE * jnp.sqrt(1 - BETAS[1] ** count) / (1 - BETAS[0] ** count)
        own = jax.tree.map(lambda value, m, v: value - rate * m / (jnp.sqrt(v) + EPSILON), own, first, second)
        return (own, first, second, count), losses.mean()

    own = jax.vmap(initial)(jax.random.split(jax.random.key(0), members))
    state: Any = (own, jax.tree.map(jnp.zeros_like, own), jax.tree.map(jnp.zeros_like, own), jnp.zeros(()))
    run = jax.jit(step, donate_argnums=0)

    def epoch(order: np.ndarray) -> float:
        nonlocal state
        losses = []
        for chosen in order:
            state, loss = run(state, chosen)
            losses.append(loss)
        return float(jnp.stack(losses).mean())

    return timed(epoch, images)


def locexp_stack(images: int, members: int) -> dict[str, float]:
    """The trainer's own stack, the metrics of the training part included."""
    from locexp.configuration.compose import composing
    from locexp.run.prepare import box_loss, build_optimizer
    from locexp.system.tensorflow import start_tensorflow

    with composing() as composer:
        cfg = composer.compose(["experiment=seed"]).cfg
    start_tensorflow(threads="auto", precision="float32", stacked=members > 1)
    import keras

    from locexp.models.cnn import build
    from locexp.training.member import Member
    from locexp.training.stack import Stack
    from locexp.training.trainer import Observer, Schedule, train

    pictures, labels = common.repeated_digits(images)
    boxes = np.tile(common.BOX, (images, 1))
    found = []
    for seed in range(members):
        keras.utils.set_random_seed(seed)
        model, optimizer = build((28, 28, 1), 10), build_optimizer(cfg, EPOCHS * images // BATCH)
        box = box_loss(cfg, (28, 28))
        found.append(Member(seed, model, optimizer, (1.0, BOX_WEIGHT), box_loss=box, graph_key="same"))

    class Clock(Observer):
        def __init__(self) -> None:
            self.ends: list[float] = [time.perf_counter()]
            self.losses: list[float] = []

        def on_epoch(self, member: int, epoch: int, metrics: dict[str, float]) -> None:
            if member == members - 1:
                self.ends.append(time.perf_counter())
                self.losses.append(metrics["train/loss"])

    clock = Clock()
    schedule = Schedule(EPOCHS, BATCH, steps_per_call=cfg.trainer.steps_per_call)
    train(Stack(found, pictures, labels, boxes), schedule, (pictures[:32], labels[:32], boxes[:32]), [clock])
    first, last = np.diff(clock.ends)[[0, -1]]
    return {"seconds": float(last), "before": float(first - last), "loss": clock.losses[-1]}


SINGLE: dict[str, Callable[[int, int], dict[str, float]]] = {
    "keras": keras_script,
    "keras, tuned": keras_tuned,
    "torch": lambda images, members: torch_single(images, members, compiled=False),
    "torch, compiled": lambda images, members: torch_single(images, members, compiled=True),
    "jax": jax_stack,
    "locexp": locexp_stack,
}
SEVERAL: dict[str, Callable[[int, int], dict[str, float]]] = {
    "torch.func": lambda images, members: torch_stack(images, members, compiled=False),
    "torch.func, compiled": lambda images, members: torch_stack(images, members, compiled=True),
    "jax vmap": jax_stack,
    "locexp": locexp_stack,
}


def main() -> None:
    """Measure, or be one measurement (``--worker``)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=8, help="of the stacks")
    parser.add_argument("--images", type=int, default=12_800)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="names of what is measured")
    parser.add_argument("--worker", nargs=2, metavar=("NAME", "MEMBERS"))
    arguments = parser.parse_args()
    if arguments.worker:
        name, members = arguments.worker[0], int(arguments.worker[1])
        print(json.dumps((SINGLE if members == 1 else SEVERAL)[name](arguments.images, members)))
        return
    print(f"{common.machine()}\n{arguments.images:,} images, batch {BATCH}, float32, Adam; median (lowest to highest)")
    for members, kinds in ((1, SINGLE), (arguments.members, SEVERAL)):
        names = [name for name in kinds if not arguments.only or name in arguments.only]
        ends: dict[str, list[dict[str, float]]] = {name: [] for name in names}

        def measure(name: str, members: int = members, ends: dict[str, list[dict[str, float]]] = ends) -> float:
            end = common.worker(__file__, "--images", str(arguments.images), "--worker", name, str(members))
            ends[name].append(end)
            return float(members * (arguments.images // BATCH * BATCH) / end["seconds"])

        taken = common.alternate(arguments.repeats, {name: (lambda name=name: measure(name)) for name in names})
        print(f"{members} at a time: images x members a second, locexp to it, s before, loss")
        for name, speeds in taken.items():
            ours = taken.get("locexp", speeds)
            ratios = [one / other for one, other in zip(ours, speeds, strict=True)]
            before, loss = (common.spread([end[what] for end in ends[name]], 2) for what in ("before", "loss"))
            print(f"{name:20} {common.spread(speeds, 0):30} {common.spread(ratios):22} {before:22} {loss}")


if __name__ == "__main__":
    main()
