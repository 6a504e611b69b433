"""The parts of ``sweep=race``: who races, what it costs, who goes on, what is confirmed."""
