"""Photos with boxes: annotation formats, which of the images are used, and how they come on a canvas."""
