"""What moves and can be clicked in a notebook. Nothing below this package imports IPython or a widget."""
