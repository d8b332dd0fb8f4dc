"""Every Python block of the README and the guides runs, in order, page by page."""

import re
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if "```python" in page.read_text()
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_on_a_page_runs(page, tmp_path, monkeypatch):
    from neurornn.tasks import _registry

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_registry, "_CLASSES", dict(_registry._CLASSES))
    assert matplotlib.get_backend().lower() == "agg"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    names = {"__name__": page.stem.replace("-", "_")}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)
    assert blocks


def test_links_between_pages_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_task_of_the_guide_fits_on_a_page():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "new-task.md").read_text(), flags=re.DOTALL)
    assert "class RememberedSide" in blocks[0] and len(blocks[0].splitlines()) < 80
