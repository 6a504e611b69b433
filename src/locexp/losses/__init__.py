"""Box losses: one module and one function of the same name each; ``loss.bbox_loss`` names it.

A box loss takes ``ground_truth`` and ``prediction`` (tensors (n, 4), normalised xyxy) and returns one value per
example (n,). It may also take ``canvas`` = (width, height) in pixels, and parameters of its own, whose annotations say
what they may be, see :mod:`locexp.bounds`: a bad value is refused before a run starts. Docstrings of losses do not
repeat what the first three are.
"""
