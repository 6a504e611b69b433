"""The only room that knows MLflow: where results are tracked, and how a run's directory gets there.

``location`` is light and imports no MLflow; ``session`` imports it; ``tracker`` runs a session in a thread of its own.
"""
