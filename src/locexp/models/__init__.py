"""Networks: one file each. A network is built from ``input_shape``, ``num_classes`` and its own keys.

It takes float images (n, height, width, 1) in [0, 1] and returns ``{"classification": (n, classes) probabilities,
"bbox": (n, 4) normalised xyxy}``. A module's ``check_ranges(**keys)``, if there is one, refuses bad values early.
"""
