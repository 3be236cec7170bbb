"""Bookings from another system, from a CSV file. The columns are described in docs/importing.md.

`file` reads the file, `lines` understands one line, `batches` writes. A line stands
alone: it is in with its payment and its history, or it is refused with a reason, and neither stops
the others.
"""

from bookings.imports.batches import Outcome, import_file
from bookings.imports.file import FileRefused
from bookings.imports.lines import Problem
