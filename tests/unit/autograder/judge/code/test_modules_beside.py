"""The modules beside a notebook that its cells import, and no others, are read."""

from __future__ import annotations

from autograder.judge.code.modules_beside import modules_beside


def write(folder, **sources):
    for name, source in sources.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")


def test_what_cells_import_is_read_and_what_that_imports(tmp_path):
    write(tmp_path, windows="import tools", tools="x = 1", other="y = 2")
    found = modules_beside(tmp_path, ["def f():\n    from windows import slide"])
    assert found == {"windows": "import tools", "tools": "x = 1"}


def test_a_package_is_read_with_what_is_in_it(tmp_path):
    write(tmp_path, pack__part="x = 1")
    (tmp_path / "pack" / "__init__.py").write_text("", encoding="utf-8")
    assert modules_beside(tmp_path, ["import pack.part"]) == {
        "pack": "",
        "pack.part": "x = 1",
    }


def test_what_is_installed_comes_first_and_what_is_no_module_is_none(tmp_path):
    write(tmp_path, json="x = 1")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe4'")
    (tmp_path / "long.py").write_text("x = 1\n" * 200_000, encoding="utf-8")
    (tmp_path / "link.py").symlink_to(tmp_path / "json.py")
    assert (
        modules_beside(tmp_path, ["import json, latin, long, link, nowhere, os.path"])
        == {}
    )


def test_cells_that_do_not_parse_import_nothing(tmp_path):
    write(tmp_path, windows="x = 1")
    assert (
        modules_beside(tmp_path, ["import windows as = 3", "%%bash\nimport windows"])
        == {}
    )
