"""The house holds together: every package ships, imports point one way, and importing stays light."""

import ast
import importlib
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import neurornn

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
ROOMS = {
    "neurornn": ROOT / "neurornn",
    "neurornn.tasks": ROOT / "tasks",
    "neurornn.analysis": ROOT / "analysis",
}


def files_of(room, pattern="*.py"):
    """Files of a room, without the two rooms that are linked into it and without caches."""
    linked = {ROOMS["neurornn"] / "tasks", ROOMS["neurornn"] / "analysis"}
    for path in sorted(ROOMS[room].rglob(pattern)):
        if path.is_file() and "__pycache__" not in path.parts and not linked & set(path.parents):
            yield path


MODULES = {
    ".".join([room, *path.relative_to(ROOMS[room]).with_suffix("").parts]).removesuffix(".__init__"): path
    for room in ROOMS
    for path in files_of(room)
}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def run_time_imports(tree):
    """Names that a module imports when it runs, anywhere in it, and the level of each import."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.level) for alias in node.names)
        pending.extend(ast.iter_child_nodes(node))


def test_every_package_on_disk_ships():
    """A folder missing from the list imports in an editable install and is absent from the wheel."""
    on_disk = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(SETUPTOOLS["packages"]) == on_disk


def test_no_module_lies_in_a_folder_that_is_no_package():
    for name, path in MODULES.items():
        assert (path.parent / "__init__.py").exists(), name


def test_every_data_file_ships():
    for room in ROOMS:
        for path in files_of(room, "*"):
            if path.suffix in {".py", ".pyc"}:
                continue
            package = ".".join([room, *path.relative_to(ROOMS[room]).parts[:-1]])
            patterns = SETUPTOOLS["package-data"].get(package, [])
            assert any(path.match(pattern) for pattern in patterns), f"{path} is in no package-data"


def test_type_information_ships():
    assert (ROOT / "neurornn" / "py.typed").exists()


@pytest.mark.parametrize("room", ["tasks", "analysis"])
def test_the_rooms_at_the_root_are_the_installed_packages(room):
    link = ROOT / "neurornn" / room
    assert link.is_symlink()
    assert link.resolve() == ROOT / room
    assert SETUPTOOLS["package-dir"][f"neurornn.{room}"] == room
    package = importlib.import_module(f"neurornn.{room}")
    assert Path(package.__file__).resolve() == ROOT / room / "__init__.py"


def test_imports_are_absolute_and_never_bare():
    """A relative or a bare import would make a second copy of each class."""
    for name, tree in TREES.items():
        for target, level in run_time_imports(tree):
            assert level == 0, f"{name} imports {target} relatively"
            assert target.split(".")[0] not in {"tasks", "analysis", "tests"}, f"{name} imports {target}"


def test_dependencies_point_one_way():
    """The core uses neither tasks nor analysis; tasks use behaviour of all analyses; front ends join them."""
    front_ends = ("neurornn.cli", "neurornn.report")
    for name, tree in TREES.items():
        if name.startswith(front_ends):
            continue
        forbidden = {"neurornn.tasks", "neurornn.analysis"} - {
            room for room in ROOMS if name.startswith(room)
        }
        for target, _ in run_time_imports(tree):
            allowed = name.startswith("neurornn.tasks") and target.startswith("neurornn.analysis.behaviour")
            assert allowed or not target.startswith(tuple(forbidden)), f"{name} imports {target}"


def test_the_library_neither_prints_nor_asserts_nor_seeds():
    """Errors are exceptions, messages are logged, randomness is explicit."""
    calls = (
        "plt.show",
        "np.random.seed",
        "numpy.random.seed",
        "torch.manual_seed",
        "random.seed",
        "pickle.load",
    )
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            assert not isinstance(node, ast.Assert), f"{name}, line {node.lineno}: assert"
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                guarded = name.startswith("neurornn.tasks._neurogym")  # which puts the global state back
                assert called not in calls or guarded, f"{name}, line {node.lineno}: {called}"
                assert called != "print" or name.startswith("neurornn.cli"), (
                    f"{name}, line {node.lineno}: print"
                )


def test_every_module_declares_what_is_public():
    for name, tree in TREES.items():
        names = {ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)}
        assert "__all__" in names or name.endswith("__main__") or len(tree.body) <= 1, name


def test_importing_takes_no_optional_dependency_and_no_front_end():
    heavy = ["neurogym", "gymnasium", "pynwb", "matplotlib.pyplot", "tyro", "neurornn.cli", "neurornn.report"]
    program = (
        "import sys, neurornn\n"
        f"print([name for name in {heavy} if name in sys.modules])\n"
        "import neurornn.tasks\n"
        "print([name for name in ('neurogym', 'gymnasium', 'neurornn.analysis.fixed_points') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]"]


def test_the_version_is_that_of_the_metadata():
    assert neurornn.__version__ == importlib.metadata.version("neurornn") == PROJECT["project"]["version"]


def test_everything_public_at_the_top_is_listed_and_sorted():
    public = {name for name in vars(neurornn) if not name.startswith("_")}
    modules = {name for name in public if f"neurornn.{name}" in sys.modules}
    assert public - modules <= set(neurornn.__all__)
    assert all(hasattr(neurornn, name) for name in neurornn.__all__)
