"""From the overrides of a command to valid configurations, and from these to objects; no TensorFlow, no MLflow."""
