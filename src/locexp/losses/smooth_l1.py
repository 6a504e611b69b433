"""Smooth L1: quadratic near zero, linear beyond (Girshick 2015, arXiv 1504.08083)."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Gt, doc

from locexp.bounds import checked

DeltaPx = Annotated[float, Gt(0), doc("a number of pixels > 0")]


@checked("loss.bbox_loss_params")
def smooth_l1(ground_truth: Any, prediction: Any, *, canvas: tuple[int, int], delta_px: DeltaPx = 1.0) -> Any:
    """Return the mean over the coordinates of d²/(2δ) below δ and |d| - δ/2 beyond: (n,).

    Args:
        delta_px: δ, where the two pieces meet, in pixels, > 0; it is normalised by the canvas for each coordinate. On
            coordinates in [0, 1], δ = 1 would be just mse / 2.

    Raises:
        UserError: ``delta_px`` is not above 0.
    """
    from keras import ops

    width, height = canvas
    delta = ops.cast(
        ops.convert_to_tensor([delta_px / width, delta_px / height] * 2, dtype="float64"), prediction.dtype
    )
    distance = ops.abs(ground_truth - prediction)
    quadratic = ops.square(distance) / (2 * delta)
    return ops.mean(ops.where(distance < delta, quadratic, distance - delta / 2), axis=-1)
