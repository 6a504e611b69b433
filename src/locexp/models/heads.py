"""The two heads of a network, made of plain Keras layers so that every format keeps them."""

from __future__ import annotations

from typing import Any

from locexp.errors import UserError, listed, nearest

BOX_HEADS = ("corners", "ordered_corners", "center_size")


def heads(features: Any, num_classes: int, bbox_head: str = "corners") -> dict[str, Any]:
    """Return the outputs ``classification`` (softmax) and ``bbox`` (normalised xyxy) on features (n, units).

    Args:
        features: what both heads share.
        num_classes: units of the softmax.
        bbox_head: how four numbers become a box, σ the sigmoid. ``corners``: σ of each; a box can be inverted.
            ``ordered_corners``: (x1, y1) = σ(a), (x2, y2) = (x1, y1) + (1 - (x1, y1))·σ(b); a box cannot be inverted
            and cannot leave the canvas. ``center_size``: σ(a) ∓ σ(b)/2; it cannot be inverted, but it can leave the
            canvas.

    Raises:
        UserError: another ``bbox_head``.
    """
    import keras

    check_bbox_head(bbox_head)
    # The heads compute in float32 at least whatever the policy: probabilities and boxes in bfloat16 lose digits.
    dtype = "float64" if keras.config.floatx() == "float64" else "float32"
    layers = keras.layers
    classification = layers.Dense(num_classes, activation="softmax", name="classification", dtype=dtype)(features)
    if bbox_head == "corners":
        box = layers.Dense(4, activation="sigmoid", name="bbox", dtype=dtype)(features)
        return {"classification": classification, "bbox": box}
    names = ("bbox_low", "bbox_share") if bbox_head == "ordered_corners" else ("bbox_center", "bbox_size")
    first, second = (layers.Dense(2, activation="sigmoid", name=name, dtype=dtype)(features) for name in names)
    if bbox_head == "ordered_corners":
        rest = layers.Rescaling(-1.0, offset=1.0, dtype=dtype)(first)
        low, high = first, layers.Add(dtype=dtype)([first, layers.Multiply(dtype=dtype)([rest, second])])
    else:
        half = layers.Rescaling(0.5, dtype=dtype)(second)
        low, high = layers.Subtract(dtype=dtype)([first, half]), layers.Add(dtype=dtype)([first, half])
    return {"classification": classification, "bbox": layers.Concatenate(name="bbox", dtype=dtype)([low, high])}


def check_bbox_head(bbox_head: str) -> None:
    """Check the key ``model.bbox_head``; raises :class:`UserError`."""
    if bbox_head not in BOX_HEADS:
        raise UserError(
            f"model.bbox_head={bbox_head}: expected one of {listed(BOX_HEADS)}.{nearest(bbox_head, BOX_HEADS)}"
        )
