"""What predictions are worth: metrics, calibration, breakdowns, how hard the scenes are, and choosing by them."""
