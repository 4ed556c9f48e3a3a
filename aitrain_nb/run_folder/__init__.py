"""A run in its folder: the files, how it goes, written whole, written while it trains, read as it grows."""
