"""What Hydra finds of locexp when it starts; light imports only."""
