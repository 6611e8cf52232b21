"""Meltano projects as their authors write them: text with comments, and packages that pip installs from a folder."""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path

from pydantic import SecretStr

from flext_pipelines.meltano.project import MeltanoProject


def written(folder: Path, text: str, **others: str) -> MeltanoProject:
    """A project whose ``meltano.yml`` is this text; ``others`` are further files, ``__`` in a name for a slash."""
    root = folder / "project"
    root.mkdir(parents=True, exist_ok=True)
    (root / "meltano.yml").write_text(textwrap.dedent(text))
    for name, content in others.items():
        path = root / name.replace("__", "/").replace("_yml", ".yml").replace("_env", ".env").replace("_lock", ".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    return project_at(root, folder / "home")


def project_at(root: Path, home: Path, environment: str = "dev") -> MeltanoProject:
    """The project in a folder, with the Meltano beside this Python."""
    return MeltanoProject(
        root=root,
        environment=environment,
        executable=Path(sys.executable).parent / "meltano",
        database_url=SecretStr(f"sqlite:///{home / 'meltano.db'}"),
        sandboxes=home / "sandboxes",
        home=home,
    )


def package(folder: Path, name: str, *, version: str = "1.0", says: str = "one", broken: bool = False) -> Path:
    """A package with a console script of its name, which needs nothing but its build backend.

    The backend stands in the package itself, so that installing it asks no index and takes no time.
    """
    module = name.replace("-", "_")
    root = folder / name
    (root / module).mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "wheel_maker"\nbackend-path = ["."]\n'
    )
    (root / "wheel_maker.py").write_text(_BACKEND.format(name=module, version=version, script=name))
    body = 'raise ImportError("libmissing.so: cannot open shared object file")\n' if broken else ""
    (root / module / "__init__.py").write_text(f'{body}def main():\n    print("{says}")\n')
    return root


_BACKEND = """
import os, zipfile
NAME, VERSION = "{name}", "{version}"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    wheel = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    info = f"{{NAME}}-{{VERSION}}.dist-info/"
    files = {{f"{{NAME}}/__init__.py": open(os.path.join(NAME, "__init__.py")).read(),
             info + "METADATA": f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n",
             info + "WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
             info + "entry_points.txt": "[console_scripts]\\n{script} = {name}:main\\n"}}
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(info + "RECORD", "".join(path + ",,\\n" for path in [*files, info + "RECORD"]))
    return wheel
"""


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content, links by what they point at: equal before and after, or not."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path.relative_to(folder).as_posix()] = b"-> " + os.fsencode(path.readlink())
        elif path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found
