"""The keys that several networks have: what they are, and what they may be.

``input_shape``: (height, width, channels) of the images, and ``num_classes``, the units of the softmax head, are given
by the caller. ``filters`` has one number for each convolution or stage, ``dense_units`` the units of the dense layer,
with relu, ``dropout`` the rate after it, in [0, 1). ``bbox_head``: see :func:`locexp.models.heads.heads`. ``shared``:
how many stages both heads share, counted from the image, from 0 to ``"all"``, see
:func:`locexp.models.trunk.branches`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import Ge, Interval, MinLen, doc

Filters = Annotated[Sequence[Annotated[int, Ge(1)]], MinLen(1), doc("one whole number >= 1 for each convolution")]
"""Of each convolution, or of each stage."""
Units = Annotated[int, Ge(1)]
Dropout = Annotated[float, Interval(ge=0, lt=1)]
Normalization = Literal["none", "batch"]
"""Of what convolutions give, see :func:`locexp.models.blocks.convolution`."""
Coordinates = Literal["none", "input", "every"]
"""Where coordinate channels are appended: nowhere, to the image, or before every convolutional stage."""
Stride = Annotated[int, Literal[1, 2, 4], doc("1, 2 or 4 pixels per cell")]
"""Of the first convolution: pixels per cell of the finest maps."""
