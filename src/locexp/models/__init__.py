"""Networks: one file each. A network is built from ``input_shape``, ``num_classes`` and its own keys.

It is a functional ``keras.Model`` that takes float images (n, height, width, channels) in [0, 1] and returns
``{"classification": (n, classes) probabilities, "bbox": (n, 4) normalised xyxy}``. Keys that several networks have are
in :mod:`locexp.models.keys`. What a key may be is in its annotation, see :mod:`locexp.bounds`: a bad value is refused
before a run starts.
"""
