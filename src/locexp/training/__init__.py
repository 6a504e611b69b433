"""The one way a network is trained: a stack of members in one compiled graph; a normal run is a stack of one."""
