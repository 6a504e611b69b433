"""The rooms of the house, as docs and design have them: arrows point one way, doors are light, modules are small."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
DOORS = ("train", "compare", "predict", "export", "draw", "clean", "ui", "log")
HEAVY = ("tensorflow", "keras", "mlflow", "matplotlib", "scipy", "sklearn", "pandas")
LINES = 300

ORDER = (
    {"errors", "version"},
    {"bounds", "images", "keras_internals", "keras_protocols", "system"},
    {"bbox", "losses", "models"},
    {"evaluation"},
    {"configuration"},
    {"data"},
    {"training", "records", "plots"},
    {"tracking"},
    {"run"},
    {"sweep", "analysis"},
    {"trained"},
    {"cleaning", "exporting", "prediction"},
    {"cli"},
    set(DOORS),
)
"""From the ground up: a room may import what lies below it, and neither its siblings nor what lies above."""


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the source by its dotted name, parsed."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(), filename=str(path))
    return found


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def statements(node: ast.AST, *, at_start: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import below a node; ``at_start`` only what is imported with the module itself."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not (at_start and (isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or is_for_types(child))):
            yield from statements(child, at_start=at_start)


@cache
def imports(name: str, *, at_start: bool = False) -> frozenset[str]:
    """What a module imports, by dotted name; in functions and for types, too, unless ``at_start``."""
    found = set()
    for statement in statements(modules()[name], at_start=at_start):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        else:
            assert statement.module is not None, f"{name}: a relative import"
            assert statement.level == 0, f"{name}: a relative import"
            for alias in statement.names:
                whole = f"{statement.module}.{alias.name}"
                found.add(whole if whole in modules() else statement.module)
    return frozenset(found)


def room(module: str) -> str:
    """Return the folder of a module, or the module itself where it lies at the root."""
    package, _, rest = module.partition(".")
    return rest.split(".")[0] if package == "locexp" else package


def arrows() -> dict[tuple[str, str], list[str]]:
    """Which room imports which, and by which modules."""
    found: dict[tuple[str, str], list[str]] = {}
    for module in modules():
        for target in imports(module):
            if target in modules() and "" not in (room(target), room(module)) and room(module) != room(target):
                found.setdefault((room(module), room(target)), []).append(f"{module} imports {target}")
    return found


def level(room: str) -> int:
    (number,) = (number for number, rooms in enumerate(ORDER) if room in rooms)
    return number


def circle(graph: dict[str, list[str]]) -> list[str]:
    """Return one circle of a graph, its first name again at its end; empty where there is none."""
    finished: set[str] = set()

    def walk(path: list[str]) -> list[str]:
        for target in graph[path[-1]]:
            if target in path:
                return [*path[path.index(target) :], target]
            if target not in finished and (found := walk([*path, target])):
                return found
        finished.add(path[-1])
        return []

    return next((found for name in graph if name not in finished and (found := walk([name]))), [])


def test_a_circle_is_found() -> None:
    assert circle({"a": ["b", "c"], "b": ["c"], "c": []}) == []
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]


def test_no_module_is_imported_by_what_it_imports() -> None:
    graph = {name: sorted(target for target in imports(name) if target in modules()) for name in modules()}
    assert " -> ".join(circle(graph)) == ""


def test_every_room_has_its_place() -> None:
    """A new folder is put where it belongs in the order above."""
    rooms = {room(name) for name in modules()} - {""}
    assert rooms - set().union(*ORDER) == set()


@pytest.mark.parametrize("pair", sorted(arrows()), ids=" imports ".join)
def test_arrows_point_down(pair: tuple[str, str]) -> None:
    source, target = pair
    assert level(target) < level(source), arrows()[pair]


def test_only_tracking_imports_mlflow() -> None:
    users = {room(name) for name in modules() if any(target.split(".")[0] == "mlflow" for target in imports(name))}
    assert users == {"tracking"}


@pytest.mark.parametrize("door", [name for name in modules() if room(name) in {*DOORS, "cli"}])
def test_a_door_is_light(door: str) -> None:
    """What is imported with it, and with what it imports: nothing that takes seconds, so that --help does not."""
    found, waiting = set(), [door]
    while waiting:
        name = waiting.pop()
        found.add(name)
        # A package's own __init__ is imported with each of its modules.
        below = {".".join(parts) for target in imports(name, at_start=True) for parts in prefixes(target)}
        heavy = sorted(target for target in below if target.split(".")[0] in HEAVY)
        assert not heavy, f"{name} imports {', '.join(heavy)}"
        waiting += [target for target in below if target in modules() and target not in found]


def prefixes(name: str) -> list[list[str]]:
    parts = name.split(".")
    return [parts[:length] for length in range(1, len(parts) + 1)]


def test_modules_are_small() -> None:
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    assert {name: count for name, count in lengths.items() if count > LINES} == {}


def is_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in ("list", "dict", "set", "deque", "defaultdict")
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


WRITES = ("append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "clear", "remove", "discard")


def written_state(tree: ast.Module) -> set[str]:
    """Names of a module's containers that it writes to, and of its variables that a function sets anew.

    An empty container counts whoever writes to it: as it stands it is good for nothing else.
    """
    containers, empty = set(), set()
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        if is_container(value):
            containers |= names
            empty |= names if ast.unparse(statement).endswith(("[]", "{}", "()")) else set()
    written = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            written |= set(node.names)
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            written |= {part.id for part in (node.value,) if isinstance(part, ast.Name)} & containers
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            written |= {part.id for part in (node.func.value,) if isinstance(part, ast.Name)} & containers
    return written | empty


def name_of(node: ast.expr) -> str:
    """The last part of what is called or decorates: ``lru_cache`` of ``@functools.lru_cache(maxsize=1)``."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


CACHES = ("cache", "cached", "lru_cache")
STATELESS = (
    *("getLogger", "compile", "Path", "with_name", "get"),
    *("TypeVar", "ParamSpec", "slice", "range", "tuple", "uint32"),
)
"""What modules call for their constants: these make values that nothing changes."""


def made_state(tree: ast.Module) -> set[str]:
    """Names of functions whose results are kept, and of what a module makes for itself by a call."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    kept = {node.name for node in functions if {name_of(one) for one in node.decorator_list} & {*CACHES}}
    for statement in tree.body:
        value = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.Call) and name_of(value) not in STATELESS and not is_container(value):
            kept.add(re.split(" =|:", ast.unparse(statement))[0])
    return kept


def test_state_is_found() -> None:
    source = "a = []\nb: list[int] = [1]\nc = {1: 2}\nd = 0\ndef f():\n    global d\n    c[2] = 3\n    return b[0]\n"
    assert written_state(ast.parse(source)) == {"a", "c", "d"}
    source = "@cache\ndef a(): ...\n@functools.lru_cache(maxsize=1)\ndef b(): ...\n@cached(LRUCache(1))\ndef c(): ...\n"
    source += "class D:\n    @cached_property\n    def e(self): ...\nf = threading.Lock()\ng = re.compile('')\n"
    assert made_state(ast.parse(source)) == {"a", "b", "c", "f"}


STATE = {
    "locexp.analysis.report.PAGES": "templates, read once",
    "locexp.bbox.noise.gaussian_table": "a pure function that every image asks for again",
    "locexp.bbox.warping._tables": "a pure function that every image asks for again",
    "locexp.evaluation.signed_rank._sign_flips": "a pure function that many tests of one sweep ask for again",
    "locexp.plots.names.font": "a font file, read once in each size",
    "locexp.records.provenance._code_version": "the code in memory, whatever is committed while it runs",
    "locexp.run.prepare._round_trips": "models that have been saved and loaded once",
    "locexp.run.training_data.digests_of": "what tells data apart, for each task that a launcher is handed",
    "locexp.run.training_data.load_training_data": "the last data, for the next job of a sweep",
    "locexp.system.logs._current": "the run on whose behalf things are logged, of each thread",
    "locexp.system.process._asked": "the signal that asked this process to end: what it raised may have been swallowed",
    "locexp.system.process._where": "the machine, its start and its process numbers, which do not change",
    "locexp.system.process._watched": "processes that are watched already",
    "locexp.tracking.mlflow_internals._revisions": "what the installed MLflow can read: a walk of its files",
    "locexp.tracking.tracker._one_at_a_time": "a lock: one database has one writer at a time",
    "locexp.training.program.shared_program": "traced graphs, for later stacks: a trace takes seconds",
    "locexp.training.stack._shared_loop": "traced loops, likewise",
}
"""What is kept for the life of the process, and why."""


def test_no_module_keeps_state() -> None:
    found = {f"{name}.{one}" for name, tree in modules().items() for one in written_state(tree) | made_state(tree)}
    assert found == set(STATE)
