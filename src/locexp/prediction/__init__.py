"""A trained network on the user's photos: which files, their class and box, as a table, as data and as pictures."""
