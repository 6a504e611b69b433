"""Ways to weight the two losses: one module and one class each; ``loss/weighting`` names it.

The static weights ``loss.classification_weight`` and ``loss.bbox_weight`` multiply the losses first, under every
method. Methods on losses derive :class:`~locexp.losses.weighting.base.Weighting`, methods on gradients
:class:`~locexp.losses.weighting.base.GradientWeighting`. With two losses no method needs a solver: three scalars of
the trunk's gradients, ``a = |g₁|²``, ``b = g₁·g₂``, ``c = |g₂|²``, decide. Nothing here is imported before the
configuration is valid but these light modules; TensorFlow comes with :meth:`~base.Weighting.build`.
"""
