"""python -m g1train.cli: the same as `g1`."""

from g1train.cli.main import main

main()
