"""From the words of a command to valid configurations, and from these to objects; imports nothing heavy."""
