"""What the repository looks like: its layout, its modules, its data, its pinned packages."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {
    ".ci",
    ".dockerignore",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "apps",
    "constraints.txt",
    "core",
    "data",
    "deploy",
    "docker-compose.yml",
    "docs",
    "pyproject.toml",
    "tests",
}
MODULE_LINES = 300
LONGER_FOR_A_REASON = {
    "apps/support/service.py": "what API, console and commands of the support app share",
    "core/models/cli.py": "one short function a command, and the options of each",
}
FILE_BYTES = 10 * 1024 * 1024
# The base model that comes with Tripod: weights are its product, and nothing else is that large.
SHIPPED_MODEL = "core/models/shipped/"
SHIPPED_BYTES = 50 * 1024 * 1024
REGISTRIES = re.compile("pypi[.]org|pythonhosted[.]|npmjs[.]|crates[.]io|download[.]pytorch[.]org")
OWN_MACHINE = re.compile(r"(?<![\w.])/(work|root|opt/pypi|opt/wheels|tmp/bash_jobs)/")
VENDORED = "core/web/static/vendor/"
OPTIONAL_EXTRAS = ("gpu", "ray")


def tracked() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_the_top_level_holds_what_it_should() -> None:
    assert {name.split("/")[0] for name in tracked()} == TOP_LEVEL


def test_package_files_are_empty() -> None:
    full = [
        name
        for name in tracked()
        if name.endswith("__init__.py") and (ROOT / name).read_bytes().strip()
    ]
    assert not full


def test_every_folder_of_code_is_a_package() -> None:
    folders = {
        (ROOT / name).parent
        for name in tracked()
        if name.endswith(".py") and name.startswith(("core/", "apps/"))
    }
    revisions = {folder for folder in folders if "migrations" in folder.parts}
    assert not [folder for folder in folders - revisions if not (folder / "__init__.py").exists()]


def test_modules_are_short_or_say_why() -> None:
    long = {
        name
        for name in tracked()
        if name.endswith(".py")
        and name.startswith(("core/", "apps/"))
        and "/migrations/versions/" not in name
        and len((ROOT / name).read_text(encoding="utf-8").splitlines()) > MODULE_LINES
    }
    assert not long - set(LONGER_FOR_A_REASON)


def test_no_file_is_large() -> None:
    sizes = {name: (ROOT / name).stat().st_size for name in tracked()}
    shipped = {name: size for name, size in sizes.items() if name.startswith(SHIPPED_MODEL)}
    assert sum(shipped.values()) < SHIPPED_BYTES
    assert not [name for name in set(sizes) - set(shipped) if sizes[name] > FILE_BYTES]


def test_no_text_names_a_package_registry_or_a_machine() -> None:
    for name in tracked():
        if name.startswith(VENDORED) or name == "tests/test_repository.py":
            continue
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        assert not (found := REGISTRIES.search(text)), f"{name}: {found}"
        assert not (found := OWN_MACHINE.search(text)), f"{name}: {found}"


def test_vendored_files_have_their_licences() -> None:
    folders = {Path(name).parts[4] for name in tracked() if name.startswith(VENDORED)}
    for folder in folders:
        assert list((ROOT / VENDORED / folder).glob("LICENSE*")), folder


def test_shipped_data_is_described() -> None:
    folders = [path for path in (ROOT / "data").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        readme = (folder / "README.md").read_text(encoding="utf-8")
        for path in folder.iterdir():
            assert path.name == "README.md" or f"`{path.name}`" in readme, path


def test_every_package_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+", line) for line in lines)
    assert "torch==2.13.0" in lines
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(extras) == {"dev", *OPTIONAL_EXTRAS}
    wanted = {_package(name) for name in (*project["dependencies"], *extras["dev"])}
    assert wanted <= {_package(line) for line in lines}


def test_what_the_code_imports_is_a_dependency_of_every_installation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {_package(name) for name in project["dependencies"]}
    distributions = packages_distributions()
    imported = {
        module.split(".")[0]
        for name in tracked()
        if name.endswith(".py") and name.startswith(("core/", "apps/"))
        for module in _imports(ast.parse((ROOT / name).read_text(encoding="utf-8")))
    }
    outside = imported - set(sys.stdlib_module_names) - {"core", "apps", "tests"}
    lacking = {
        module
        for module in outside
        if not wanted & {_package(found) for found in distributions.get(module, [module])}
    }
    assert not lacking


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_the_continuous_integration_requires_the_suites_that_it_can_serve() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "slow,postgres,browser" in script
    assert script.rstrip().endswith("make check\nmake test")


def _package(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found.group()).lower()
