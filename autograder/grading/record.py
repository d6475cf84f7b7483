"""Enters an examined submission as ``nbgrader autograde`` would: the same files, scores,
penalties and permissions, without running it again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from typing import Any

import nbgrader.api
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import from_dict
from nbgrader.converters import Autograde
from nbgrader.utils import capture_log, temp_attrs
from sqlalchemy import create_engine

from autograder.grading.layout import METADATA_KEY
from autograder.grading.messages import Examined, JudgedNotebook
from autograder.grading.nbgrader_steps import ORIGIN_KEY, VERSIONS_KEY
from autograder.grading.settings import Steps


def record(
    api: Any, assignment: str, student: str, examined: Examined, release: str
) -> dict[str, Any]:
    """What ``api.autograde(assignment, student)`` does, with the notebooks of `worker.examine`;
    the result has also "exception" where one stopped it.

    release: the fingerprint of what was released.
    """
    origin = {"files": examined.files, "release": release}
    with (
        temp_attrs(
            api.coursedir,
            assignment_id=assignment,
            student_id=student,
            # Nothing is read where students hand in: only what was read there once.
            submitted_directory=examined.place,
        ),
        temp_attrs(nbgrader.api, create_engine=_engine),
    ):
        converter = Record(coursedir=api.coursedir, parent=api)
        converter.force = converter.create_student = True
        converter.examined, converter.origin = examined.notebooks, origin
        converter.remarks = examined.remarks
        return capture_log(converter) | {"exception": converter.exception}


@functools.cache
def _engine(url: str, **options: Any) -> Any:
    """One engine for a gradebook: nbgrader makes a new one seven times a submission, and each
    would compile all its statements anew.
    """
    return create_engine(url, **options)


class Record(Autograde):
    """nbgrader's Autograde without execution: the steps that follow `JudgedExecute`.
    It is configured as `Autograde`: ``c.Autograde`` holds here too.

    examined:  the notebooks, by name. origin: what they were made from; remarks: what of it was
               left out, or taken for something else.
    exception: what stopped it, if something did.
    """

    examined: dict[str, JudgedNotebook]
    origin: dict[str, str]
    remarks: tuple[str, ...] = ()
    exception: BaseException | None = None

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """As nbgrader's; what stops it is kept."""
        with self._keep_exception():
            return super().init_destination(assignment_id, student_id)

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """As nbgrader's; what stops it is kept."""
        with self._keep_exception():
            super().init_assignment(assignment_id, student_id)

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Enter the examined notebook: the steps that come after it was judged."""
        with self._keep_exception():
            resources = self.init_single_notebook_resources(notebook_filename)
            judged = self.examined[resources["nbgrader"]["notebook"]]
            resources[METADATA_KEY] = judged.verdicts
            versions = dict(judged.versions)
            if self.remarks:
                versions["remarks"] = list(self.remarks)
            resources[ORIGIN_KEY], resources[VERSIONS_KEY] = self.origin, versions
            self._sanitizing = False
            self.autograde_preprocessors = Steps(self.config).after
            try:
                self._init_preprocessors()
                output, resources = self.exporter.from_notebook_node(
                    from_dict(judged.notebook), ResourcesDict(None, resources)
                )
            finally:
                self._sanitizing = True
            self.write_single_notebook(output, resources)

    def set_permissions(self, assignment_id: str, student_id: str) -> None:
        """As nbgrader's; what stops it is kept."""
        with self._keep_exception():
            super().set_permissions(assignment_id, student_id)

    def _format_source(
        self, assignment_id: str, student_id: str, escape: bool = False
    ) -> str:
        """As nbgrader's, which escapes no folder that is given in full."""
        if not escape:
            return super()._format_source(assignment_id, student_id)
        place = re.escape(self.coursedir.submitted_directory)
        return re.escape(os.sep).join([place, student_id, assignment_id])

    def write_single_notebook(self, output: str, resources: ResourcesDict) -> None:
        """As nbgrader's, but whole or not at all: a notebook that is there has its scores in the
        gradebook.
        """
        super().write_single_notebook(
            output, ResourcesDict(None, resources, output_extension=".new")
        )
        draft = os.path.join(
            self.writer.build_directory, f"{resources['unique_key']}.new"
        )
        os.replace(draft, draft.removesuffix(".new") + ".ipynb")

    @contextlib.contextmanager
    def _keep_exception(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.exception = error
            raise
