"""Networks: one file each. A network is built from ``input_shape``, ``num_classes`` and its own keys.

It takes float images (n, height, width, 1) in [0, 1] and returns ``{"classification": (n, classes) probabilities,
"bbox": (n, 4) normalised xyxy}``. What the keys may be is in their annotations, see
:mod:`locexp.bounds`: a bad value is refused before a run starts.
"""
