"""Small models made from a description, and pretrained ones from a folder or the hub: one file a kind of input."""
