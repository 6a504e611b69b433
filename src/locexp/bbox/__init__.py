"""Box strategies: one file each; from digits to (image, box) scenes."""
