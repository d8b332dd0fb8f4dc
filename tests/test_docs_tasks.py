"""The page of tasks lists what there is."""

import re
from pathlib import Path

from neurornn import tasks

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "tasks.md").read_text(encoding="utf-8")


def shipped():
    """Tasks of the library, not those that other tests register."""
    return [name for name in tasks.names() if type(tasks.make(name)).__module__.startswith("neurornn.tasks.")]


def test_every_task_is_on_the_page_with_the_criterion_of_its_recipe():
    rows = dict(re.findall(r"^\| `([\w-]+)` \|.*\| ([\d.]*) *\|$", PAGE, flags=re.MULTILINE))
    for name in shipped():
        assert f"`{name}`" in PAGE, f"{name} is not on the page"
        if name in rows:
            criterion = tasks.make(name).recipe.criterion
            assert rows[name] == ("" if criterion is None else f"{criterion:g}"), name
    assert set(rows) <= set(shipped())
