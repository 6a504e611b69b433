"""What the keys may be that several networks have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import Ge, Interval, MinLen, doc

Filters = Annotated[Sequence[Annotated[int, Ge(1)]], MinLen(1), doc("one whole number >= 1 for each convolution")]
"""Of each convolution, or of each stage."""
Units = Annotated[int, Ge(1)]
Dropout = Annotated[float, Interval(ge=0, lt=1)]
Normalization = Literal["none", "batch"]
Coordinates = Literal["none", "input", "every"]
"""Where coordinate channels are appended: nowhere, to the image, or before every convolutional stage."""
Stride = Annotated[int, Literal[1, 2, 4], doc("1, 2 or 4 pixels per cell")]
