"""What skills say of themselves."""

from collections.abc import Mapping

from ctxuse.context.frontmatter import take_apart
from ctxuse.errors import BrokenRecordError
from ctxuse.files import read_small
from ctxuse.records import MAX_RECORD


def described(path: str) -> Mapping[object, object] | None:
    """Return the frontmatter of a skill's file; None when it cannot be read.

    Frontmatter that cannot be understood is as good as none.
    """
    try:
        data = read_small(path, MAX_RECORD)
    except OSError:
        return None
    try:
        return take_apart("skill", path, data).fields
    except BrokenRecordError:
        return {}
