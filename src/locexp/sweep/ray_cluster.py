"""Ray: the connection to a cluster, which Hydra's launcher takes over, and how many tasks it trains at a time."""

from __future__ import annotations

import importlib
import os
import socket
import time
from typing import Any

from omegaconf import DictConfig, OmegaConf

from locexp.errors import UserError, counted, first_line
from locexp.system.process import core_count, end_on_signals

OBJECT_STORE_BYTES = 78_643_200
"""Of a Ray that is started here, as Hydra's launcher has it. A cluster that is there refuses to be told, and Hydra's
launcher tells it all the same: so the connection is made here, not there."""
ANSWER_SECONDS = 5.0
"""How long the address of a cluster may take to answer."""
END_SECONDS = 2.0
"""How long other nodes may take to end the tasks of a sweep that has disconnected."""
ADDRESS = "hydra.launcher.ray.init.address"


def workers_of(launcher: DictConfig, threads: int) -> int:
    """Return how many tasks Ray trains at a time; connects to a cluster whose address is given.

    Args:
        launcher: the configuration ``hydra.launcher``.
        threads: cores that each task takes.

    Raises:
        UserError: no cluster answers, or no node of it has that many cores.
    """
    init = init_of(launcher)
    if _address(init) is None:
        here, asked = core_count(), init.get("num_cpus")
        if asked is not None and (not isinstance(asked, int) or isinstance(asked, bool) or asked < 1):
            raise UserError(f"hydra.launcher.ray.init.num_cpus={asked}: expected a whole number >= 1.")
        if asked is not None and asked > here:
            raise UserError(_too_many("init.num_cpus", asked, "this machine", here))
        nodes, where = [asked or here], "Ray here"
    else:
        ray = connect(launcher)
        nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        where = "the largest node of the cluster"
    if threads > max(nodes):
        raise UserError(_too_many("remote.num_cpus", threads, where, max(nodes)))
    return sum(cores // threads for cores in nodes)


def init_of(launcher: DictConfig) -> dict[str, Any]:
    """Return the arguments of ``ray.init`` that a launcher is configured with."""
    node = OmegaConf.select(launcher, "ray.init") or OmegaConf.create()
    found = OmegaConf.to_container(node, resolve=True)
    assert isinstance(found, dict)
    return {str(name): value for name, value in found.items()}


def connect(launcher: DictConfig) -> Any:
    """Connect to the cluster, or start one here where there is no address, unless that is done; returns the package.

    Raises:
        UserError: no cluster answers there.
    """
    # Both are read where Ray is imported: nobody is told of a sweep; and a Ray that is started here, for this machine
    # alone, listens on loopback, as it does on Windows, whose firewall would ask.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if _address(init_of(launcher)) is None:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    ray = importlib.import_module("ray")
    if ray.is_initialized():
        return ray
    init = {"logging_level": "WARNING", **init_of(launcher)}
    address = _address(init)
    if address is None:
        # Without the word, Ray would take a cluster of somebody else's that it finds on this machine.
        init = {"object_store_memory": OBJECT_STORE_BYTES} | init | {"address": "local"}
    else:
        _check_answers(address)
    try:
        ray.init(**init)
    except Exception as error:  # Ray has many for this
        if address is None:
            raise UserError(f"hydra.launcher.ray.init: Ray cannot be started ({first_line(error)}).") from error
        raise UserError(
            f"{ADDRESS}={address}: the cluster refuses ({first_line(error)}). The command needs the variables that its "
            "nodes were started with, such as RAY_AUTH_MODE, and the same releases of Ray and Python."
        ) from error
    finally:
        end_on_signals()  # Ray takes SIGTERM for itself
    return ray


def disconnect() -> None:
    """Leave the cluster, which ends all tasks of this process on all of its nodes."""
    ray = importlib.import_module("ray")
    if ray.is_initialized():
        ray.shutdown()
        time.sleep(END_SECONDS)


def _address(init: dict[str, Any]) -> str | None:
    """Return the address of a cluster that is there, ``auto`` for one on this machine; ``None`` where there is none."""
    address = init.get("address") or os.environ.get("RAY_ADDRESS") or None
    return None if address == "local" else address


def _check_answers(address: str) -> None:
    """Check that something answers at the address of a cluster, for which Ray itself would wait a minute."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # auto: Ray looks for one on this machine
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS):
            pass
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(
            f"{ADDRESS}={address}: no Ray cluster answers there ({first_line(error)}). Start one with ray start, "
            "or leave the address out: Ray is started on this machine then."
        ) from error


def _too_many(key: str, asked: int, where: str, there: int) -> str:
    return f"+hydra.launcher.ray.{key}={asked}: {where} has {counted(there, 'core')}; expected at most {there}."
