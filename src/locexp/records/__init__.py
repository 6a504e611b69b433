"""What runs and sweeps leave as files, whatever wrote them and whatever reads them."""
