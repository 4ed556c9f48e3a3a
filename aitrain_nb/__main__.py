"""`python -m aitrain_nb` is `aitrain-nb`."""

from aitrain_nb.cli import main

main()
