"""From finished runs to conclusions: fronts, tests, tables, the report. Only :mod:`.comparison` reads runs."""
